"""Files that scripts write for their user: text, JSON, pictures."""

import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from deploy.recognition.errors import UserError


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
