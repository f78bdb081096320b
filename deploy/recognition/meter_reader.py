"""From photos to readings: the window is found, then read, and both together tell how sure the reading is."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from . import geometry
from .classes import ANALOG, LEGIBLE_CLASSES
from .confidence import alternative_texts, confidence, confidence_features
from .errors import UserError
from .exported_models import Models
from .last_wheel import last_wheel
from .looks import Clock
from .reading import Reading
from .recognition import ILLEGIBLE, MIRRORED, NO_METER, READING, STEPS, UNREADABLE, Recognition, RecognizedDigit
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
        recognitions = self._read_windows(photos, self._finder.find(photos, clock), 0.0, clock)
        for index, recognition in enumerate(recognitions):
            if recognition.reason == NO_METER:
                photo, least = photos[index], self.settings.reading.min_confidence_tiled
                (tiled,) = self._read_windows([photo], [self._finder.find_in_tiles(photo, clock)], least, clock)
                # among so many tiles some show a sure window without digits on photos without a meter
                recognitions[index] = tiled if tiled.success else recognition
        seconds = {step: value / len(photos) for step, value in clock.seconds.items()}
        seconds["total"] = sum(seconds.values())
        return [dataclasses.replace(recognition, seconds=dict(seconds)) for recognition in recognitions]

    def _read_windows(
        self, photos: Sequence[np.ndarray], found: Sequence[Sequence[Window]], least: float, clock: Clock
    ) -> list[Recognition]:
        """Returns a recognition for each photo from the windows found on it, as `WindowFinder.find` gives them.

        Args:
            photos: uint8 RGB (height, width, 3).
            found: on each.
            least: readings whose digits are less sure than this are none.
            clock: notes the time.
        """
        legible = [
            (photo, window)
            for photo, windows in zip(photos, found, strict=True)
            for window in windows
            if window.label in LEGIBLE_CLASSES
        ]
        read = iter(
            self._window_reader.read(
                [photo for photo, _ in legible],
                [window.corners for _, window in legible],
                [window.label for _, window in legible],
                clock,
            )
        )
        with clock.measure(READING):
            return [
                self._of_photo(
                    [(window, next(read) if window.label in LEGIBLE_CLASSES else None) for window in windows], least
                )
                for windows in found
            ]

    def _of_photo(self, found: Sequence[tuple[Window, tuple[Cut, Reading] | None]], least: float) -> Recognition:
        """Returns the recognition of a photo.

        Args:
            found: its windows, as `WindowFinder.find` gives them, each with the reading and the cut in which it was
                read; None where the window is illegible.
            least: readings whose digits are less sure than this are none.
        """
        if not found:
            return self._without_reading(None)
        (window, read), *others = found
        least_beside = max(least, self.settings.reading.min_confidence_beside)
        beside = [self._recognition(other, *told, least_beside) for other, told in others if told]
        if read is None:
            first = self._without_reading(window)
        else:
            # beside a surer counter the first window has no claim of its own
            is_beside = any(counter.success for counter in beside)
            first = self._recognition(window, *read, least_beside if is_beside else least)
        return Recognition.of_counters([first, *beside])

    def _recognition(self, window: Window, cut: Cut, reading: Reading, least: float) -> Recognition:
        if cut.turned:
            window = dataclasses.replace(window, corners=np.roll(window.corners, 2, axis=0))
        if cut.mirrored:
            window = dataclasses.replace(window, corners=window.corners[[1, 0, 3, 2]])
        unreadable = dataclasses.replace(self._without_reading(window, UNREADABLE, cut.picture), mirrored=cut.mirrored)
        if cut.either_way:
            return self._without_reading(window, MIRRORED, cut.picture)
        settings = self.settings.reading
        if len(reading.digits) < settings.min_digits:
            return unreadable
        features = confidence_features(reading, window.score)
        digits_right = confidence(features, self.models.confidence)
        least_of_window = settings.min_confidence if self._finder.is_sure(window) else settings.min_confidence_unsure
        # whether it is a meter, the digits tell; where the comma stands may be in doubt on a good one
        if digits_right < max(least, least_of_window):
            return unreadable
        probability = digits_right * reading.comma.probability
        features_integer = confidence_features(reading, window.score, reading.comma.start)
        integer_right = confidence(features_integer, self.models.confidence_integer) * reading.comma.probability
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
            # a text that is right has a right integer part
            confidence_integer=max(integer_right, probability),
            last_wheel=last_wheel(reading, settings) if window.label == ANALOG else None,
            counter_class=window.label,
            counter_score=window.score,
            corners=window.corners,
            mirrored=cut.mirrored,
            digits=digits,
            alternatives=alternative_texts(reading, probability),
            window=cut.picture,
            features=tuple(float(value) for value in features),
            features_integer=tuple(float(value) for value in features_integer),
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
