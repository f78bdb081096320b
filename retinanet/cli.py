"""The frame of every script: argument types, and errors as one line with exit status 2."""

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.recognition.errors import UserError
from deploy.recognition.networks import stderr_unless_it_fails
from retinanet.foreign_text import printable


def run(main: Callable[[], int | None]) -> None:
    """Runs a script's main and exits: 0 or what it returns; 2 after a UserError; 130 when interrupted."""
    _quieten_tensorflow()
    for stream in (sys.stdout, sys.stderr):
        # names of files may hold bytes that are no text
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        sys.exit(main() or 0)
    except UserError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def import_tensorflow() -> None:
    """Imports TensorFlow without what it notes of processor and graphics card; of what is wrong it raises errors."""
    _quieten_tensorflow()
    with stderr_unless_it_fails():
        import tensorflow  # noqa: F401


def _quieten_tensorflow() -> None:
    # processes that this one starts have it too; that no graphics card was found is no error here
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def boolean(text: str) -> bool:
    """Reads `True` or `False`, in any case."""
    values = {"true": True, "false": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"expected True or False, got {text!r}")
    return values[text.lower()]


def positive_int(text: str) -> int:
    """Reads a whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return int(text)


def positive_float(text: str) -> float:
    """Reads a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value


def existing_path(text: str) -> Path:
    """Reads the path of something that exists; no text at all is none, though Python takes it for this folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected a file or folder, got nothing")
    path = Path(text).expanduser()
    if not path.exists():
        raise argparse.ArgumentTypeError(f"no such file or folder: {printable(text)}")
    return path
