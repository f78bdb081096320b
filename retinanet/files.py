"""Files that scripts write: text, JSON and pictures; folders that are replaced whole, and locked meanwhile."""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from deploy.recognition.errors import UserError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_NOT_THERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    _write(path, lambda: path.write_text(text, encoding="utf-8"))


def write_json(path: Path, values: dict | list) -> None:
    """Writes plain values as a JSON file, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")


def write_png(path: Path, picture: Image.Image) -> None:
    """Writes a picture as PNG, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    _write(path, lambda: picture.save(path, "PNG", optimize=True))


def _write(path: Path, write: Callable[[], object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write()
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
