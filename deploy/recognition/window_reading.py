"""Stage 2: the window is cut out upright, its digits are found and read; what is in doubt is looked at closer."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from . import geometry
from .carry import settle_carry
from .classes import ANALOG, DIGITAL
from .closer_looks import end_regions, merge_ends, merge_parts, merge_rows, part_regions, row_regions
from .looks import Clock, Look, Model, Story, tell_together
from .reading import Reading, decode_reading, reading_of
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
        label: the window's class, one of LEGIBLE_CLASSES.
        turned: whether the window that stage 1 found stands on its head in it.
        mirrored: whether left and right are exchanged in it: its corners run anticlockwise in the photo then.
        either_way: whether it cannot be told from its mirror image, which reads as surely and otherwise.
    """

    photo: np.ndarray
    corners: np.ndarray
    picture: np.ndarray
    label: str
    turned: bool = False
    mirrored: bool = False
    either_way: bool = False

    def upside_down(self) -> "Cut":
        """Returns the cut turned by half."""
        corners = np.roll(self.corners, 2, axis=0)
        return dataclasses.replace(self, corners=corners, picture=self.picture[::-1, ::-1], turned=not self.turned)

    def mirror_image(self) -> "Cut":
        """Returns the cut as a mirror shows it, left and right exchanged."""
        corners = self.corners[[1, 0, 3, 2]]
        return dataclasses.replace(self, corners=corners, picture=self.picture[:, ::-1], mirrored=not self.mirrored)

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
            cut = Cut(photo, extent, rectify_window(photo, extent, self._size), label)
        (reading,) = yield from self._look([cut], clock)
        if reading.score < self._settings.window.flip_below:
            other = cut.upside_down()
            (turned,) = yield from self._look([other], clock)
            if turned.evidence > reading.evidence:
                cut, reading = other, turned
        if self._looks_odd(reading):
            mirrored = yield from self._look_in_a_mirror(cut, clock)
            if self._may_be_mirrored(reading, mirrored[1]):
                surer_at_once = mirrored[1].sureness >= reading.sureness
                # closer looks tell the two apart; few photos come so far
                straight = yield from self._look_on(cut, reading, clock)
                mirrored = yield from self._look_on(*mirrored, clock)
                return self._told_apart(straight, mirrored, surer_at_once)
        return (yield from self._look_on(cut, reading, clock))

    def _look_on(self, cut: Cut, reading: Reading, clock: Clock) -> Story[tuple[Cut, Reading]]:
        """Returns the cut, and its reading as closer looks have it: at the row and its parts where it is in doubt, and
        at the end of a display's.

        All are cut out by the first look's digits, so that they go through the model together. Parts are looked at anew
        if the other looks see other wheels.
        """
        settings, wheels = self._settings.reading, len(reading.digits)
        rows_at, ends_at, parts_at = self._closer_regions(cut, reading)
        looks = yield from self._look_closer(cut, [*rows_at, *ends_at, *parts_at], clock)
        rows, ends = looks[: len(rows_at)], looks[len(rows_at) : len(rows_at) + len(ends_at)]
        parts = looks[len(rows_at) + len(ends_at) :]
        with clock.measure(READING):
            if rows:
                reading = merge_rows(reading, rows, rows_at, settings)
            reading = merge_ends(reading, ends, ends_at, settings)
        if len(reading.digits) != wheels:
            parts_at = part_regions(reading.digits, settings)
            parts = yield from self._look_closer(cut, parts_at, clock)
        with clock.measure(READING):
            reading = merge_parts(reading, parts, parts_at, settings)
        if cut.label == ANALOG:
            reading = reading_of(settle_carry(reading.digits, self._settings.reading), reading.comma)
        return cut, reading

    def _closer_regions(
        self, cut: Cut, reading: Reading
    ) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
        """Returns where a cut is looked at closer: its row, its end and its parts, (4,) xyxy each, in shares of it."""
        settings = self._settings.reading
        rows: list[np.ndarray] = []
        ends: list[np.ndarray] = []
        parts: list[np.ndarray] = []
        if self._is_doubtful(reading):
            rows, parts = row_regions(reading.digits, settings), part_regions(reading.digits, settings)
        if cut.label == DIGITAL and len(reading.digits) >= settings.min_digits:
            ends = end_regions(reading.digits, settings)
        return rows, ends, parts

    def _look_in_a_mirror(self, cut: Cut, clock: Clock) -> Story[tuple[Cut, Reading]]:
        """Returns the mirror image of a cut, the way up that reads more surely, and its reading."""
        cuts = [cut.mirror_image(), cut.mirror_image().upside_down()]
        readings = yield from self._look(cuts, clock)
        return max(zip(cuts, readings, strict=True), key=lambda read: read[1].sureness)

    def _looks_odd(self, reading: Reading) -> bool:
        """Tells whether a window may be a mirror image; last wheels, on their way to the next digit, often look odd."""
        before = [digit.score for digit in reading.digits[:-1]]
        return sum(before) < self._settings.reading.mirror_below * max(len(before), 1)

    def _may_be_mirrored(self, straight: Reading, mirrored: Reading) -> bool:
        """Tells whether a window may be the mirror image of a counter, from first looks at both."""
        settings = self._settings.reading
        return (
            len(mirrored.digits) >= settings.min_digits
            and mirrored.score >= settings.mirror_score
            and mirrored.sureness >= settings.mirror_sureness * straight.sureness
        )

    def _told_apart(
        self, straight: tuple[Cut, Reading], mirrored: tuple[Cut, Reading], surer_at_once: bool
    ) -> tuple[Cut, Reading]:
        """Returns the straight or the mirrored reading, whichever is surer; one that is neither says so.

        Args:
            straight: a cut and its reading after all looks.
            mirrored: the same of the mirror image.
            surer_at_once: whether the first look saw the mirror image more surely too.
        """
        (_, read), (_, in_mirror) = straight, mirrored
        settings = self._settings.reading
        if in_mirror.sureness < settings.mirror_doubt * read.sureness or in_mirror.text == read.text:
            return straight
        if surer_at_once and in_mirror.sureness >= settings.mirror_margin * read.sureness:
            return mirrored
        return dataclasses.replace(straight[0], either_way=True), straight[1]

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
