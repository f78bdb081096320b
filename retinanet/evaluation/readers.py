"""Reading photo files: with models in this process, or by a running server."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.photo_files import read_photo
from deploy.recognition.recognition import Recognition, RecognizedDigit

TIMEOUT_SECONDS = 60


class ModelReader:
    """Reads photo files with the models of a folder.

    Args:
        reader: the models in use.
    """

    def __init__(self, reader: MeterReader):
        self.reader = reader

    def __call__(self, paths: Sequence[Path]) -> list[Recognition]:
        """Returns what is read on each photo; `seconds` are its share of the batch, without reading the files.

        Raises:
            UserError: a file is no photo.
        """
        return self.reader.read_batch([read_photo(path) for path in paths])


class ServerReader:
    """Sends photo files to `POST /recognize`, one at a time, as they are.

    Args:
        url: of the server, such as http://localhost:8080.
    """

    def __init__(self, url: str):
        self.url = url.rstrip("/").removesuffix("/recognize") + "/recognize"

    def __call__(self, paths: Sequence[Path]) -> list[Recognition]:
        """Returns what the server answers for each photo; `seconds` is the time until the answer was there.

        Raises:
            UserError: the server cannot be reached, refuses a photo or answers with something else.
        """
        return [self._ask(path) for path in paths]

    def _ask(self, path: Path) -> Recognition:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be opened: {error.strerror}") from error
        start = time.perf_counter()
        try:
            # A photo of any of the accepted kinds: the server looks at the content.
            request = urllib.request.Request(self.url, content, {"Content-Type": "image/jpeg"})
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                body = response.read()
        except urllib.error.HTTPError as error:
            said = error.read(300).decode("utf-8", "replace").strip()
            raise UserError(f"{self.url}: {path}: status {error.code}, expected 200: {said}") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            message = f"{self.url}: no answer ({reason}); is the server running there? Expected http://HOST:PORT"
            raise UserError(message) from error
        seconds = time.perf_counter() - start
        try:
            return _recognition(json.loads(body), seconds)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{self.url}: not the answer of a meter reader ({error!r}); check the address") from error


def _recognition(answer: dict, seconds: float) -> Recognition:
    """Returns the answer as a recognition; of an older server's only text and class are known."""
    text = str(answer["text"])
    integer, _, fraction = text.partition(",")
    corners = answer.get("corners")
    digits = tuple(
        RecognizedDigit(str(digit["label"]), float(digit["score"]), np.array(digit["corners"], np.float32))
        for digit in answer.get("digits", ())
    )
    success = bool(answer["success"])
    return Recognition(
        success=success,
        reason="" if success else str(answer.get("reason", "unreadable")),
        text=text,
        integer=integer,
        fraction=fraction,
        confidence=float(answer.get("confidence", 0)),
        confidence_integer=float(answer.get("confidence_integer", 0)),
        counter_class=str(answer["counter_class"]),
        counter_score=float(answer.get("counter_score", 0)),
        corners=None if corners is None else np.array(corners, np.float32).reshape(4, 2),
        digits=digits,
        seconds={"total": seconds},
    )
