"""From photos to readings: the window is found, then read, and both together tell how sure the reading is."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from . import geometry
from .classes import LEGIBLE_CLASSES
from .confidence import alternative_texts, confidence, confidence_features
from .errors import UserError
from .exported_models import Models
from .looks import Clock
from .reading import Reading
from .recognition import ILLEGIBLE, NO_METER, READING, STEPS, UNREADABLE, Recognition, RecognizedDigit
from .settings import Settings
from .window import Window
from .window_reading import Cut, WindowReader
from .window_search import WindowFinder


class MeterReader:
    """Reads meters on photos.

    Args:
        models: both stages.
        settings: thresholds; those that were exported with the models by default.
    """

    def __init__(self, models: Models, settings: Settings | None = None):
        self.models = models
        self.settings = settings or models.settings
        self._finder = WindowFinder(models.stage1, models.stage1_size, self.settings.window)
        self._window_reader = WindowReader(models.stage2, models.stage2_size, models.window_margin, self.settings)

    def read(self, photo: np.ndarray) -> Recognition:
        """Returns what stands on a photo: uint8 RGB (height, width, 3).

        Raises:
            UserError: the array is no such photo.
        """
        return self.read_batch([photo])[0]

    def read_batch(self, photos: Sequence[np.ndarray]) -> list[Recognition]:
        """Returns a recognition for each photo; the models see all photos at once.

        Raises:
            UserError: one of the arrays is no uint8 RGB photo (height, width, 3).
        """
        for photo in photos:
            if not (photo.ndim == 3 and photo.shape[2] == 3 and photo.dtype == np.uint8 and photo.size):
                raise UserError(
                    f"expected a photo as uint8 RGB (height, width, 3), got {photo.dtype} {tuple(photo.shape)}"
                )
        if not photos:
            return []
        clock = Clock(STEPS)
        windows = self._finder.find(photos, clock)
        legible = [
            (index, window) for index, window in enumerate(windows) if window and window.label in LEGIBLE_CLASSES
        ]
        read = self._window_reader.read(
            [photos[index] for index, _ in legible],
            [window.corners for _, window in legible],
            [window.label for _, window in legible],
            clock,
        )
        with clock.measure(READING):
            recognitions = [self._without_reading(window) for window in windows]
            for (index, window), (cut, reading) in zip(legible, read, strict=True):
                recognitions[index] = self._recognition(window, cut, reading)
        seconds = {step: value / len(photos) for step, value in clock.seconds.items()}
        seconds["total"] = sum(seconds.values())
        return [dataclasses.replace(recognition, seconds=dict(seconds)) for recognition in recognitions]

    def _recognition(self, window: Window, cut: Cut, reading: Reading) -> Recognition:
        if cut.turned:
            window = dataclasses.replace(window, corners=np.roll(window.corners, 2, axis=0))
        unreadable = self._without_reading(window, UNREADABLE, cut.picture)
        settings = self.settings.reading
        if len(reading.digits) < settings.min_digits:
            return unreadable
        features = confidence_features(reading, window.score)
        digits_right = confidence(features, self.models.confidence)
        least = settings.min_confidence if self._finder.is_sure(window) else settings.min_confidence_unsure
        # whether it is a meter, the digits tell; where the comma stands may be in doubt on a good one
        if digits_right < least:
            return unreadable
        probability = digits_right * reading.comma.probability
        corners = geometry.box_corners(np.stack([digit.box for digit in reading.digits]), cut.corners)
        digits = tuple(
            RecognizedDigit(digit.label, digit.score, own) for digit, own in zip(reading.digits, corners, strict=True)
        )
        return Recognition(
            success=True,
            text=reading.text,
            integer=reading.integer,
            fraction=reading.fraction,
            confidence=probability,
            counter_class=window.label,
            counter_score=window.score,
            corners=window.corners,
            digits=digits,
            alternatives=alternative_texts(reading, probability),
            window=cut.picture,
            features=tuple(float(value) for value in features),
        )

    def _without_reading(
        self, window: Window | None, reason: str = ILLEGIBLE, picture: np.ndarray | None = None
    ) -> Recognition:
        """Returns that no digits can be read, for this reason; without a sure window, there is no meter."""
        if window is None or not self._finder.is_sure(window):
            return Recognition(success=False, reason=NO_METER)
        return Recognition(
            success=False,
            reason=reason,
            counter_class=window.label,
            counter_score=window.score,
            corners=window.corners,
            window=picture,
        )
