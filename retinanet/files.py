"""Files and folders that scripts write: what stands there after a kill is the old one or the new one, whole."""

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from deploy.recognition.errors import UserError
from retinanet.foreign_text import json_text

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NOT_THERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    # what of a file's name is no UTF-8 is escaped
    _write(path, lambda unfinished: unfinished.write_text(text, encoding="utf-8", errors="backslashreplace"))


def write_json(path: Path, values: dict | list) -> None:
    """Writes plain values as a JSON file, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    write_text(path, json_text(values, indent=1) + "\n")


def write_png(path: Path, picture: Image.Image) -> None:
    """Writes a picture as PNG, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    _write(path, lambda unfinished: picture.save(unfinished, "PNG", optimize=True))


@contextlib.contextmanager
def write_then_move(path: Path, writer: str = "") -> Iterator[Path]:
    """Gives a file beside the path to write into, with its ending, which becomes it when the block has ended well.

    Args:
        path: of the file; the folder exists.
        writer: tells writers apart that may write the same file at once. What a killed one leaves, the next one of the
            same name replaces.

    Raises:
        OSError: it cannot be written.
    """
    if path.exists() and not path.is_file():
        # a device or a pipe
        yield path
        return
    unfinished = path.with_name(f".{path.stem}{writer}.partial{path.suffix}")
    try:
        yield unfinished
        _flush(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _write(path: Path, write: Callable[[Path], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_then_move(path) as unfinished:
            write(unfinished)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Keeps other processes from writing into the folder while the block runs; a kill frees it.

    Raises:
        UserError: another process has it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{folder}: another process is writing there; wait until it has ended") from error
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lock_file(path: Path, work: str) -> Iterator[None]:
    """Keeps other processes from the same work on a file while the block runs; a kill frees it.

    Args:
        path: of the file, which need not be there; the folder is made.
        work: in a word, for messages.

    Raises:
        UserError: another process is at it, or the folder cannot be written to.
    """
    lock = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _lock(lock)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error
    if descriptor is None:
        owner = lock.read_text().strip() if lock.is_file() else ""
        raise UserError(
            f"{path}: another {work} is writing there{f' (process {owner})' if owner else ''}; wait until it has ended "
            "or give another file"
        )
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _lock(lock: Path) -> int | None:
    """Returns the descriptor of the file, locked; None where another process has it."""
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        # one that has ended in between removed the file that is locked now
        if lock.exists() and os.path.samestat(os.fstat(descriptor), lock.stat()):
            return descriptor
        os.close(descriptor)


def keep_copy(path: Path, kept: Path) -> None:
    """Gives a file a second name, under which it stays when the first one is replaced; does nothing without a file.

    Raises:
        UserError: it cannot be written.
    """
    if not path.is_file():
        return
    try:
        with write_then_move(kept) as unfinished:
            unfinished.unlink(missing_ok=True)
            try:
                os.link(path, unfinished)
            except OSError:
                # not every file system can
                shutil.copyfile(path, unfinished)
    except OSError as error:
        raise UserError(f"{kept}: cannot be written: {error.strerror or error}") from error


def replace_folder(new: Path, target: Path) -> None:
    """Puts a folder in the target's place and removes what was there.

    Both must lie in one folder. Linux exchanges them in one step; where the file system cannot do that, the target is
    missing for the moment between two renames.

    Raises:
        OSError: the folder above cannot be written to.
    """
    for path in [*new.rglob("*"), new]:
        _flush(path)
    if not target.exists():
        os.rename(new, target)
    elif _exchange(new, target):
        shutil.rmtree(new)
    else:
        old = new.with_name(f"{new.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.rename(target, old)
        os.rename(new, target)
        shutil.rmtree(old)
    _flush(target.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Returns whether the two could be exchanged in one step."""
    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "renameat2"):
        return False
    names = os.fsencode(first), os.fsencode(second)
    if library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_THERE:
        return False
    raise OSError(number, os.strerror(number), str(second))


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
