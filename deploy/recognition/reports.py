"""Readings of many photos as a table, JSON and CSV."""

import csv
import dataclasses
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path

from .errors import UserError
from .pipeline import Recognition

_COLUMNS = ("file", "reading", "class", "confidence", "ms")
_CSV_COLUMNS = ("file", "success", "reading", "class", "confidence", "ms", "reason")


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


def as_table(results: Sequence[Result]) -> str:
    """Returns aligned lines: a heading, a line for each photo, and how many were read."""
    rows = [_COLUMNS]
    for result in results:
        found = result.recognition
        if found is None:
            rows.append((str(result.path), "- not a readable file", "", "", ""))
            continue
        milliseconds = f"{found.seconds['total'] * 1000:.0f}"
        if found.success:
            rows.append((str(result.path), found.text, found.counter_class, f"{found.confidence:.2f}", milliseconds))
        else:
            reason = f"- {found.reason}"
            rows.append((str(result.path), reason, found.counter_class, "", milliseconds))
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    # numbers right, words left
    lines = [
        "  ".join(
            cell.rjust(width) if column >= 3 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    read = sum(result.success for result in results)
    return "\n".join([*lines, f"{read} of {len(results)} photos read"])


def as_json(results: Sequence[Result]) -> str:
    """Returns a JSON list with an object for each photo: `file`, and `error` or what was recognized."""
    entries = []
    for result in results:
        found = (
            {"success": False, "error": result.error} if result.recognition is None else result.recognition.to_dict()
        )
        entries.append({"file": str(result.path), **found})
    return json.dumps(entries, indent=2, ensure_ascii=False)


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """Writes one line a photo: file, success, reading, class, confidence, ms, reason.

    Raises:
        UserError: the file cannot be written.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(_CSV_COLUMNS)
    for result in results:
        found = result.recognition
        if found is None:
            writer.writerow([result.path, False, "", "", "", "", result.error])
            continue
        confidence = f"{found.confidence:.4f}" if found.success else ""
        milliseconds = f"{found.seconds['total'] * 1000:.1f}"
        writer.writerow(
            [result.path, found.success, found.text, found.counter_class, confidence, milliseconds, found.reason]
        )
    # written beside and moved: a full disk leaves no half table
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text.getvalue(), encoding="utf-8", newline="")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
