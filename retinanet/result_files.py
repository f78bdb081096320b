"""Text files that scripts write for their user."""

import json
from pathlib import Path

from deploy.recognition.errors import UserError


def write_text(path: Path, text: str) -> None:
    """Writes a UTF-8 file, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error


def write_json(path: Path, values: dict | list) -> None:
    """Writes plain values as a JSON file, making the folders above it.

    Raises:
        UserError: it cannot be written.
    """
    write_text(path, json.dumps(values, indent=1, ensure_ascii=False) + "\n")
