"""Stage 2: the window is cut out upright, its digits are found and read; what is in doubt is looked at closer."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from . import geometry
from .classes import DISPLAY
from .closer_looks import end_regions, merge_ends, merge_parts, merge_rows, part_regions, row_regions
from .looks import Clock, Look, Model, Story, tell_together
from .reading import Reading, decode_reading
from .recognition import READING, RECTIFY, STAGE2
from .rectification import rectify_window
from .settings import Settings


@dataclasses.dataclass(frozen=True)
class Cut:
    """A window cut out of a photo.

    Attributes:
        photo: uint8 RGB (height, width, 3).
        corners: (4, 2) of what was cut out, in pixels of the photo.
        picture: uint8 RGB, the input of stage 2.
        turned: whether the window that stage 1 found stands on its head in it.
    """

    photo: np.ndarray
    corners: np.ndarray
    picture: np.ndarray
    turned: bool = False

    def upside_down(self) -> "Cut":
        """Returns the cut turned by half."""
        corners = np.roll(self.corners, 2, axis=0)
        return dataclasses.replace(self, corners=corners, picture=self.picture[::-1, ::-1], turned=not self.turned)

    def part(self, region: np.ndarray) -> "Cut":
        """Returns a region of the window, (4,) xyxy in shares of this cut and perhaps beyond it, cut out anew."""
        corners = geometry.box_corners(region, self.corners)
        height, width = self.picture.shape[:2]
        return dataclasses.replace(self, corners=corners, picture=rectify_window(self.photo, corners, (height, width)))


class WindowReader:
    """Reads windows that were found.

    Args:
        model: stage 2, see `Models`.
        size: (height, width) of its input in pixels.
        margin: by which shares of its width and height a window is cut out larger, on each side.
        settings: thresholds.
    """

    def __init__(self, model: Model, size: tuple[int, int], margin: tuple[float, float], settings: Settings):
        self._model, self._size, self._margin, self._settings = model, size, margin, settings

    def read(
        self, photos: Sequence[np.ndarray], corners: Sequence[np.ndarray], labels: Sequence[str], clock: Clock
    ) -> list[tuple[Cut, Reading]]:
        """Returns the reading of a window on each photo, beside the cut in which it was read.

        Args:
            photos: uint8 RGB (height, width, 3).
            corners: (4, 2) of the window on each.
            labels: its class, one of LEGIBLE_CLASSES.
            clock: notes the time.
        """
        stories = [self._read(*window, clock) for window in zip(photos, corners, labels, strict=True)]
        return tell_together(stories, self._model, clock)

    def _read(self, photo: np.ndarray, corners: np.ndarray, label: str, clock: Clock) -> Story[tuple[Cut, Reading]]:
        with clock.measure(RECTIFY):
            extent = geometry.expand_corners(corners, *self._margin)
            cut = Cut(photo, extent, rectify_window(photo, extent, self._size))
        (reading,) = yield from self._look([cut], clock)
        if reading.score < self._settings.window.flip_below:
            other = cut.upside_down()
            (turned,) = yield from self._look([other], clock)
            if turned.evidence > reading.evidence:
                cut, reading = other, turned
        if self._is_doubtful(reading):
            regions = row_regions(reading.digits, self._settings.reading)
            rows = yield from self._look_closer(cut, regions, clock)
            with clock.measure(READING):
                reading = merge_rows(reading, rows, regions, self._settings.reading)
        if label == DISPLAY and len(reading.digits) >= self._settings.reading.min_digits:
            regions = end_regions(reading.digits, self._settings.reading)
            ends = yield from self._look_closer(cut, regions, clock)
            with clock.measure(READING):
                reading = merge_ends(reading, ends, regions, self._settings.reading)
        if self._is_doubtful(reading):
            regions = part_regions(reading.digits, self._settings.reading)
            parts = yield from self._look_closer(cut, regions, clock)
            with clock.measure(READING):
                reading = merge_parts(reading, parts, regions, self._settings.reading)
        return cut, reading

    def _look_closer(self, cut: Cut, regions: Sequence[np.ndarray], clock: Clock) -> Story[list[Reading]]:
        with clock.measure(RECTIFY):
            parts = [cut.part(region) for region in regions]
        return (yield from self._look(parts, clock))

    def _look(self, cuts: Sequence[Cut], clock: Clock) -> Story[list[Reading]]:
        if not cuts:
            return []
        outputs = yield Look(STAGE2, [cut.picture for cut in cuts])
        with clock.measure(READING):
            return [
                decode_reading(boxes, scores, self._settings.reading)
                for boxes, scores in zip(outputs["boxes"], outputs["class_scores"], strict=True)
            ]

    def _is_doubtful(self, reading: Reading) -> bool:
        settings = self._settings.reading
        return (
            len(reading.digits) >= settings.min_digits
            and min(digit.score for digit in reading.digits) < settings.read_again_below
        )
