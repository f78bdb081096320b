"""From what a request brings to its results: decoding, then recognition, a few photos at a time."""

import contextlib
import time
from typing import Any

import numpy as np

from ..recognition.errors import (
    DamagedPhoto,
    MissingLibrary,
    TooFewPixels,
    TooManyPixels,
    TooMuchWork,
    UnknownFormat,
)
from ..recognition.photo_files import Photo
from .answers import answer
from .bodies import Given, Submission
from .decoders import Decoders
from .engine import Engine
from .metrics import Metrics
from .problems import BAD_REQUEST, TOO_LARGE, UNSUPPORTED, UNUSABLE, RequestProblem
from .settings import ServerSettings

_STATUS = {
    UnknownFormat: UNSUPPORTED,
    MissingLibrary: UNSUPPORTED,
    DamagedPhoto: BAD_REQUEST,
    TooManyPixels: TOO_LARGE,
    TooMuchWork: TOO_LARGE,
    TooFewPixels: UNUSABLE,
}
Result = dict[str, Any] | RequestProblem


class Reading:
    """Reads the photos of requests.

    Photos are decoded before their request takes up room in the engine: however long that takes, it keeps nobody from
    being recognized.
    """

    def __init__(self, settings: ServerSettings, engine: Engine, metrics: Metrics, decoders: Decoders):
        self._settings, self._engine, self._metrics, self._decoders = settings, engine, metrics, decoders

    def results(self, submission: Submission, start: float) -> list[Result]:
        """Returns for each photo its answer, or why it has none.

        Args:
            submission: photos and options.
            start: of time.monotonic(), when the request began.

        Raises:
            RequestProblem: 429, 503 or 504, for all of them.
        """
        self._engine.check_room()
        deadline = start + self._settings.request_seconds
        remaining = list(submission.photos)
        results: list[Result] = []
        while remaining:
            with contextlib.ExitStack() as held:
                photos = self._decode_some(remaining, deadline, held)
                # the first ones are refused where there is no room; a batch that has begun waits
                with self._engine.slot(deadline if results else None):
                    results += self._recognize(photos, submission, start, deadline)
                del photos
        return results

    def _decode_some(
        self, remaining: list[Given], deadline: float, held: contextlib.ExitStack
    ) -> list[Photo | RequestProblem]:
        """Takes away and decodes the first photos, as many as go through the models together and memory allows."""
        photos: list[Photo | RequestProblem] = []
        while remaining and len(photos) < self._settings.batch_size:
            start = time.monotonic()
            try:
                photo = self._decode(remaining[0], deadline, held, waits=not photos)
            except tuple(_STATUS) as error:
                photo = RequestProblem(_STATUS[type(error)], str(error))
            if photo is None:
                break
            photos.append(photo)
            remaining.pop(0)
            self._metrics.observe_stage("decode", time.monotonic() - start)
        return photos

    def _decode(
        self, given: Given, deadline: float, held: contextlib.ExitStack, waits: bool
    ) -> Photo | RequestProblem | None:
        if isinstance(given, np.ndarray):
            return Photo(given, given.shape[:2])
        if isinstance(given, RequestProblem):
            return given
        if not given:
            return RequestProblem(BAD_REQUEST, "image: empty")
        found = self._decoders.decode(given, deadline, waits)
        if found is None:
            return None
        photo, memory = found
        held.enter_context(memory)
        return photo

    def _recognize(
        self, photos: list[Photo | RequestProblem], submission: Submission, start: float, deadline: float
    ) -> list[Result]:
        pictures = [photo.pixels for photo in photos if isinstance(photo, Photo)]
        recognitions = iter(self._engine.recognize(pictures, deadline))
        results: list[Result] = []
        for photo in photos:
            if isinstance(photo, RequestProblem):
                results.append(photo)
                continue
            recognition = next(recognitions)
            self._metrics.observe_recognition(recognition)
            results.append(answer(photo, recognition, time.monotonic() - start, submission.options))
        return results
