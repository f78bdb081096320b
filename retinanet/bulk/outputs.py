"""Readings of many photos as a table, JSON and CSV, each written as it comes."""

import contextlib
import csv
import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from deploy.recognition.classes import STAGE1_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.foreign_text import cell_text, file_text, json_text
from retinanet.text_tables import aligned_row

_COLUMNS = ("file", "reading", "class", "confidence", "ms")
_NO_FILE = "- not a readable file"
# what came later stands behind: scripts count columns
_CSV_ADDED = ("confidence_integer", "value_low", "value_high", "mirrored")
# of a column of milliseconds
_NUMBER_WIDTH = 6
_CSV_COLUMNS = ("file", "success", "reading", "class", "confidence", "ms", "reason", *_CSV_ADDED)
# of further counters on the photo, parted by spaces
_CSV_FURTHER = ("other_readings", "other_confidences")


@dataclasses.dataclass(frozen=True)
class Result:
    """One photo of many: what was read on it, or why its file could not be opened."""

    path: Path
    recognition: Recognition | None = None
    error: str = ""

    @property
    def success(self) -> bool:
        """Whether there is a reading."""
        return self.recognition is not None and self.recognition.success

    @property
    def others(self) -> tuple[Recognition, ...]:
        """The readings of further counters on the photo."""
        return self.recognition.others if self.recognition else ()


Write = Callable[[Result], None]


@contextlib.contextmanager
def table(paths: Sequence[Path], say: Callable[[str], object]) -> Iterator[Write]:
    """Says a heading, an aligned line for each photo, and at the end how many were read.

    Further counters on a photo have lines of their own below its line, without a file.

    Args:
        paths: of the photos that will come: the longest makes the first column as wide as it is.
        say: takes a line.
    """
    file_width = max(len(_COLUMNS[0]), *(len(file_text(path)) for path in paths))
    widths = (file_width, len(_NO_FILE), max(map(len, STAGE1_CLASSES)), len(_COLUMNS[3]), _NUMBER_WIDTH)
    read = count = 0

    def line(cells: Sequence[str]) -> str:
        return aligned_row(cells, widths, words=3).rstrip()

    def write(result: Result) -> None:
        nonlocal read, count
        read, count = read + result.success, count + 1
        say(line(_cells(result)))
        for other in result.others:
            say(line(("", other.text, other.counter_class, f"{other.confidence:.2f}", "")))

    say(line(_COLUMNS))
    yield write
    say(f"{read} of {count} photos read")


def _cells(result: Result) -> tuple[str, ...]:
    found = result.recognition
    if found is None:
        return file_text(result.path), _NO_FILE, "", "", ""
    milliseconds = f"{found.seconds['total'] * 1000:.0f}"
    if found.success:
        return file_text(result.path), found.text, found.counter_class, f"{found.confidence:.2f}", milliseconds
    return file_text(result.path), f"- {found.reason}", found.counter_class, "", milliseconds


def as_dict(result: Result) -> dict:
    """Returns plain values for JSON: `file`, and `error` or what was recognized."""
    found = {"success": False, "error": result.error} if result.recognition is None else result.recognition.to_dict()
    return {"file": str(result.path), **found}


@contextlib.contextmanager
def json_list(say: Callable[[str], object]) -> Iterator[Write]:
    """Says a JSON list with an object for each photo, see `as_dict`.

    Args:
        say: takes some lines.
    """
    waiting = ""

    def write(result: Result) -> None:
        nonlocal waiting
        # a comma stands between two objects, so each is said when it is known whether another follows
        say(f"{waiting}," if waiting else "[")
        waiting = json_text(as_dict(result), indent=2)

    try:
        yield write
    finally:
        # an interrupted list is a whole one of what was read
        say(f"{waiting}\n]" if waiting else "[]")


@contextlib.contextmanager
def csv_file(path: Path) -> Iterator[Write]:
    """Writes one line a photo: file, success, reading, class, confidence, ms, reason, confidence of the digits before
    the comma, the readings with the last wheel's lower and upper digit, whether the photo is mirrored, the readings of
    further counters and their confidences; makes the folders above.

    Interrupted, it keeps the lines that were written; after an error, what stood there before.

    Raises:
        UserError: the file cannot be written.
    """
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    # written beside and moved: a full disk leaves no half table. A device is written to as it is
    in_place = path.exists() and not path.is_file()
    unfinished = path if in_place else path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _named(path):
            file = open(unfinished, "w", encoding="utf-8", newline="")
        with _closing(file, path):
            writer = csv.writer(file)

            def write(cells: Sequence) -> None:
                with _named(path):
                    writer.writerow(cells)

            def finish() -> None:
                with _named(path):
                    file.flush()
                    if not in_place:
                        unfinished.replace(path)

            write((*_CSV_COLUMNS, *_CSV_FURTHER))
            try:
                yield lambda result: write((*_csv_cells(result), *_csv_further(result)))
            except KeyboardInterrupt:
                finish()
                raise
            finish()
    finally:
        if not in_place:
            unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def _closing(file: TextIO, path: Path) -> Iterator[None]:
    """Closes the file at the end; on a full disk closing tries, and fails, to write once more."""
    try:
        yield
    finally:
        with _named(path):
            file.close()


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Says of which file it is that the block cannot write."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error


def _csv_cells(result: Result) -> tuple:
    found = result.recognition
    if found is None:
        return cell_text(file_text(result.path)), False, "", "", "", "", cell_text(result.error), "", "", "", ""
    confidence = f"{found.confidence:.4f}" if found.success else ""
    milliseconds = f"{found.seconds['total'] * 1000:.1f}"
    name = cell_text(file_text(result.path))
    integer = f"{found.confidence_integer:.4f}" if found.success else ""
    wheel = found.last_wheel
    values = (wheel.value_low, wheel.value_high) if wheel else ("", "")
    cells = (name, found.success, found.text, found.counter_class, confidence, milliseconds, found.reason)
    return (*cells, integer, *values, found.mirrored)


def _csv_further(result: Result) -> tuple[str, str]:
    texts = " ".join(other.text for other in result.others)
    return texts, " ".join(f"{other.confidence:.4f}" for other in result.others)
