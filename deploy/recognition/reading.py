"""From the boxes that stage 2 found in a window to the reading."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from statistics import median  # on so few numbers much faster than NumPy's

import numpy as np

from .classes import DIGIT_CLASSES, FRACTION_CLASS, POINT_CLASS, STAGE2_CLASSES
from .settings import ReadingSettings

_FRACTION = STAGE2_CLASSES.index(FRACTION_CLASS)
_POINT = STAGE2_CLASSES.index(POINT_CLASS)
_WHEELS = [index for index in range(len(STAGE2_CLASSES)) if index not in (_FRACTION, _POINT)]
_DIGITS = len(DIGIT_CLASSES)


@dataclasses.dataclass(frozen=True)
class Digit:
    """One wheel of the reading.

    Attributes:
        label: `0` to `9`.
        score: of that label, 0 to 1.
        box: (4,) xyxy in shares of the window's width and height.
        alternatives: the other digits with their scores, the best first.
    """

    label: str
    score: float
    box: np.ndarray
    alternatives: tuple[tuple[str, float], ...]

    @classmethod
    def ranked(cls, box: np.ndarray, scores: np.ndarray) -> "Digit":
        """Returns the wheel in a box (4,) whose scores (10 or more,) begin with those of the digits 0 to 9."""
        ranked = sorted(zip(DIGIT_CLASSES, scores[:_DIGITS].tolist(), strict=True), key=lambda entry: -entry[1])
        return cls(*ranked[0], box.astype(np.float32), tuple(ranked[1:]))

    @property
    def middle(self) -> float:
        """Where it stands along the window, in shares of its width."""
        return float(self.box[0] + self.box[2]) / 2

    @property
    def scores(self) -> np.ndarray:
        """The scores (10,) of the digits 0 to 9."""
        scores = dict([(self.label, self.score), *self.alternatives])
        return np.array([scores[label] for label in DIGIT_CLASSES])


@dataclasses.dataclass(frozen=True)
class Comma:
    """Where a reading has its comma, and where else it might be.

    Attributes:
        start: how many digits stand before it; all of them where there is no fraction.
        probability: 0 to 1, that it belongs there.
        other: how many digits would stand before it otherwise; all of them: there would be no fraction.
    """

    start: int
    probability: float
    other: int


@dataclasses.dataclass(frozen=True)
class Reading:
    """What stands in a window.

    Attributes:
        text: digits left to right, `,` before the fraction: `00595,825`; empty where there are none.
        integer: the digits before the comma.
        fraction: those after it, often none.
        digits: left to right.
        score: mean of the digits' scores, 0 without digits.
        comma: of the text.
    """

    text: str
    integer: str
    fraction: str
    digits: tuple[Digit, ...]
    score: float
    comma: Comma

    @property
    def evidence(self) -> float:
        """How much speaks for the reading: the sum of its digits' scores."""
        return sum(digit.score for digit in self.digits)

    @property
    def sureness(self) -> float:
        """How much speaks for the reading where a wheel between two digits shall not count much: the sum of squares."""
        return sum(digit.score**2 for digit in self.digits)


def join_text(integer: str, fraction: str) -> str:
    """Returns the reading's text: a comma stands only before a fraction."""
    return f"{integer},{fraction}" if fraction else integer


def reading_of(digits: tuple[Digit, ...], comma: Comma) -> Reading:
    """Returns the reading that these digits, left to right, and this comma make."""
    text = "".join(digit.label for digit in digits)
    integer, fraction = text[: comma.start], text[comma.start :]
    score = float(np.mean([digit.score for digit in digits])) if digits else 0.0
    return Reading(join_text(integer, fraction), integer, fraction, digits, score, comma)


def decode_reading(boxes: np.ndarray, class_scores: np.ndarray, settings: ReadingSettings | None = None) -> Reading:
    """Returns the reading that the boxes of one window make.

    Args:
        boxes: (k, 4) xyxy in shares of the window's width and height.
        class_scores: (k, 15), the score of each of STAGE2_CLASSES, 0 to 1; all 0 in unused entries.
        settings: thresholds.
    """
    settings = settings or ReadingSettings()
    boxes, class_scores = np.asarray(boxes, np.float64), np.asarray(class_scores, np.float64)
    chosen = _wheels(boxes, class_scores, settings)
    digits = tuple(Digit.ranked(boxes[index], class_scores[index]) for index in chosen)
    return reading_of(digits, _comma(boxes, class_scores, chosen, settings))


def _wheels(boxes: np.ndarray, class_scores: np.ndarray, settings: ReadingSettings) -> list[int]:
    """Returns the indices of the wheels, left to right."""
    wheel_scores = class_scores[:, _WHEELS].max(axis=1, initial=0)
    other_scores = class_scores[:, [_FRACTION, _POINT]].max(axis=1, initial=0)
    is_wheel = (wheel_scores >= settings.gap_score) & (wheel_scores >= other_scores)
    # the best first, so that a double is dropped against the better one
    candidates = [index for index in np.argsort(-wheel_scores, kind="stable") if is_wheel[index]]
    chosen: list[int] = []
    for index in candidates:
        if wheel_scores[index] >= settings.wheel_score and not _shares_column(boxes, index, chosen, settings):
            chosen.append(index)
    chosen = _on_the_row(boxes, chosen, chosen, settings)
    weak = [index for index in candidates if index not in chosen]
    chosen += _fill_gaps(boxes, chosen, weak, settings)
    return sorted(chosen, key=lambda index: boxes[index, 0] + boxes[index, 2])


def _shares_column(boxes: np.ndarray, index: int, chosen: list[int], settings: ReadingSettings) -> bool:
    left, right = boxes[index, 0], boxes[index, 2]
    for other in chosen:
        overlap = min(right, boxes[other, 2]) - max(left, boxes[other, 0])
        narrower = min(right - left, boxes[other, 2] - boxes[other, 0])
        if overlap > settings.column_overlap * narrower:
            return True
    return False


def _on_the_row(boxes: np.ndarray, tested: list[int], row: list[int], settings: ReadingSettings) -> list[int]:
    """Returns those of the tested wheels that stand on the line through the row's and are as high as they are.

    Decimals of displays may be half as high: what stands on the row's foot, to the right of all others, may be lower.
    """
    if len(row) < 3:
        return tested
    x_centres, y_centres = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    heights = boxes[:, 3] - boxes[:, 1]
    height = median(heights[row])
    low, high = settings.height_range
    row = [index for index in row if low * height <= heights[index] <= high * height]
    # the median of the slopes between all pairs: outliers, up to a quarter of the wheels, cannot bend it
    centres = list(zip(x_centres[row].tolist(), y_centres[row].tolist(), strict=True))
    pairs = itertools.combinations(centres, 2)
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in pairs if x1 != x2]
    slope = median(slopes) if slopes else 0.0
    level = median(y - slope * x for x, y in centres)

    def stands_in_line(index: int) -> bool:
        off = abs(y_centres[index] - slope * x_centres[index] - level)
        return bool(off <= settings.row_distance * height and low * height <= heights[index] <= high * height)

    feet = boxes[:, 3] - slope * x_centres
    in_line = [index for index in row if stands_in_line(index)]
    end = x_centres[in_line].max() if in_line else np.inf
    foot = median(feet[in_line]) if in_line else 0.0

    def is_small_decimal(index: int) -> bool:
        off = abs(feet[index] - foot)
        low_enough = settings.decimal_height * height <= heights[index] < low * height
        return bool(x_centres[index] > end and off <= settings.decimal_foot * height and low_enough)

    return [index for index in tested if stands_in_line(index) or is_small_decimal(index)]


def _fill_gaps(boxes: np.ndarray, chosen: list[int], weak: list[int], settings: ReadingSettings) -> list[int]:
    """Returns the weak wheels, the best of each place, that stand where one is missing between two others."""
    if len(chosen) < 3:
        return []
    centres = np.sort((boxes[chosen, 0] + boxes[chosen, 2]) / 2)
    pitch = median(np.diff(centres))
    found: list[int] = []
    for left, right in zip(centres[:-1], centres[1:], strict=True):
        if right - left < settings.gap_pitch * pitch:
            continue
        missing = max(1, round((right - left) / pitch) - 1)
        for place in np.linspace(left, right, missing + 2)[1:-1]:
            near = [
                index
                for index in _on_the_row(boxes, weak, chosen, settings)
                if abs((boxes[index, 0] + boxes[index, 2]) / 2 - place) <= settings.gap_tolerance * pitch
                and not _shares_column(boxes, index, chosen + found, settings)
            ]
            found += near[:1]
    return found


def _comma(boxes: np.ndarray, class_scores: np.ndarray, chosen: list[int], settings: ReadingSettings) -> Comma:
    """Returns the comma of the chosen wheels; there is none where no sign of a fraction is found.

    The fraction runs from the left edge of its region to the last digit, as no counter has whole units to the right
    of a fraction. A region or a point with no digit before it says nothing, and a point is not doubted, nor are last
    digits much lower than those before them, which are a display's decimals.
    """
    centres = [(boxes[index, 0] + boxes[index, 2]) / 2 for index in chosen]
    wheels = len(centres)
    if not wheels:
        return Comma(0, 1.0, 0)
    best = np.argmax(class_scores[:, _FRACTION])
    region, score = _wheels_before(boxes[best, 0], centres), float(class_scores[best, _FRACTION])
    share = 0.0
    if region < wheels:
        share = 1 / (1 + math.exp((settings.fraction_middle - score) / settings.fraction_spread))
    if region < wheels and score >= settings.fraction_score:
        return Comma(region, share, wheels)
    best = np.argmax(class_scores[:, _POINT])
    point = _wheels_before((boxes[best, 0] + boxes[best, 2]) / 2, centres)
    if point < wheels and class_scores[best, _POINT] >= settings.point_score:
        return Comma(point, 1.0, wheels)
    heights = [boxes[index, 3] - boxes[index, 1] for index in chosen]
    small = small_decimals(heights, settings)
    if small < wheels:
        return Comma(small, 1.0, wheels)
    return Comma(wheels, 1 - share, region)


def small_decimals(heights: Sequence[float], settings: ReadingSettings) -> int:
    """Returns how many digits, left to right, stand before those that are much lower; all where none at the end are."""
    low = settings.small_decimals * median(heights)
    start = len(heights)
    while start > 0 and heights[start - 1] < low:
        start -= 1
    return start


def _wheels_before(edge: float, centres: Sequence[float]) -> int:
    """Returns how many wheels stand before an edge; all where it has wheels on one side alone."""
    before = sum(centre < edge for centre in centres)
    return before or len(centres)
