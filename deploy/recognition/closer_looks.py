"""Where a doubtful window is looked at closer, and what several looks at it make together."""

import dataclasses
from collections.abc import Sequence
from statistics import median  # on so few numbers much faster than NumPy's

import numpy as np

from .reading import Comma, Digit, Reading, reading_of, small_decimals
from .settings import ReadingSettings


def row_regions(digits: Sequence[Digit], settings: ReadingSettings) -> list[np.ndarray]:
    """Returns where a window is best cut out to read it again: one region (4,) xyxy in shares of it, perhaps beyond.

    The digits fill the region as they fill the windows that stage 2 learned from. Space at the right in which one
    more wheel would fit stays in it: the last wheel may have been overlooked.

    Args:
        digits: two or more, left to right.
        settings: how the window is laid out.
    """
    pitch = _pitch(digits)
    region = _region_along(digits, settings.row_end_space, pitch, settings)
    if 1 - digits[-1].middle > settings.room_for_a_wheel * pitch:
        region[2] += pitch
    return [region]


def part_regions(digits: Sequence[Digit], settings: ReadingSettings) -> list[np.ndarray]:
    """Returns the doubtful parts of a long row, to look closer: (4,) xyxy each, in shares of the window.

    A part is doubtful if one of its digits scores below `read_again_below`. Parts overlap where the number of wheels
    asks for it.

    Args:
        digits: left to right; of those that fit into one part there are no parts.
        settings: how many wheels a part has, and how it is laid out.
    """
    if len(digits) <= settings.part_wheels:
        return []
    count = -(-len(digits) // settings.part_wheels)
    starts = np.linspace(0, len(digits) - settings.part_wheels, count).round().astype(int)
    pitch = _pitch(digits)
    parts = [digits[start : start + settings.part_wheels] for start in starts]
    below = settings.read_again_below
    doubtful = [part for part in parts if any(digit.score < below for digit in part)]
    return [_region_along(part, settings.part_end_space, pitch, settings) for part in doubtful]


def end_regions(digits: Sequence[Digit], settings: ReadingSettings) -> list[np.ndarray]:
    """Returns where smaller decimals may stand behind a display's last digits: one region (4,) xyxy in shares of the
    window, which begins with the last digits found; none without room for a decimal.

    Args:
        digits: two or more, left to right.
        settings: how many digits are looked at again, and how far behind them decimals may stand.
    """
    pitch, last = _pitch(digits), digits[-1]
    if 1 - last.box[2] < settings.room_for_a_decimal * pitch:
        return []
    region = _region_along(digits[-settings.end_wheels :], settings.part_end_space, pitch, settings)
    region[2] = min(1.0, region[2] + settings.room_behind * pitch)
    return [region]


def merge_ends(
    reading: Reading, ends: Sequence[Reading], regions: Sequence[np.ndarray], settings: ReadingSettings
) -> Reading:
    """Returns the reading that looks at a display's window and at its end make together.

    Where more speaks for the digits that the closer look sees there, they take the place of those seen before; a digit
    that both saw has the mean of both scores.

    Args:
        reading: of the window.
        ends: the reading of its end, if it was looked at.
        regions: (4,) xyxy each, in shares of the window: where that lies.
        settings: when digits of two looks are the same, and how low decimals are.
    """
    if not ends:
        return reading
    [end], [region] = ends, regions
    seen = _moved(end.digits, region)
    before = tuple(digit for digit in reading.digits if digit.middle < region[0])
    there = reading.digits[len(before) :]
    if sum(digit.score for digit in seen) <= sum(digit.score for digit in there) + settings.end_evidence:
        return reading
    comma, count = reading.comma, len(before) + len(seen)
    if end.comma.start < len(seen):
        comma = Comma(len(before) + end.comma.start, end.comma.probability, count)
    elif comma.start == len(reading.digits):
        whole = small_decimals([digit.box[3] - digit.box[1] for digit in (*before, *seen)], settings)
        comma = Comma(whole, 1.0, count)
    merged = _with_scores_of(seen, [there], end.comma, settings).digits if there else seen
    return reading_of((*before, *merged), comma)


def _pitch(digits: Sequence[Digit]) -> float:
    return max(float(median(np.diff([digit.middle for digit in digits]))), 1e-3)


def _region_along(digits: Sequence[Digit], end_space: float, pitch: float, settings: ReadingSettings) -> np.ndarray:
    boxes = np.stack([digit.box for digit in digits]).astype(np.float64)
    half_height = settings.half_height * float(median(boxes[:, 3] - boxes[:, 1]))
    level = float(median(boxes[:, 1] + boxes[:, 3])) / 2
    left, right = digits[0].middle - end_space * pitch, digits[-1].middle + end_space * pitch
    return np.array([left, level - half_height, right, level + half_height])


def merge_rows(
    reading: Reading, rows: Sequence[Reading], regions: Sequence[np.ndarray], settings: ReadingSettings
) -> Reading:
    """Returns the reading that looks at a window and at its whole row make together.

    The wheels and the comma are those of the look for which more speaks. A wheel that both saw has the mean of both
    scores for each digit.

    Args:
        reading: of the window.
        rows: the one reading of its row, cut out anew.
        regions: the one region (4,) xyxy, in shares of the window, where that was cut out.
        settings: when wheels of two looks are the same.

    Returns:
        The reading, its boxes in shares of the window.
    """
    [row], [region] = rows, regions
    moved = _moved(row.digits, region)
    if row.evidence > reading.evidence:
        return _with_scores_of(moved, [reading.digits], row.comma, settings)
    return _with_scores_of(reading.digits, [moved], reading.comma, settings)


def merge_parts(
    reading: Reading, parts: Sequence[Reading], regions: Sequence[np.ndarray], settings: ReadingSettings
) -> Reading:
    """Returns a reading with the scores that closer looks at parts of its row give it; wheels and comma stay.

    A wheel that parts show has, for each digit, half its score and half the mean of theirs.

    Args:
        reading: of the window.
        parts: readings of parts of its row.
        regions: (4,) xyxy each, in shares of the window: where the parts lie.
        settings: when wheels of two looks are the same.
    """
    looks = [_moved(part.digits, region) for part, region in zip(parts, regions, strict=True)]
    return _with_scores_of(reading.digits, looks, reading.comma, settings)


def _moved(digits: Sequence[Digit], region: np.ndarray) -> tuple[Digit, ...]:
    """Returns digits whose boxes are shares of a region (4,) xyxy with boxes in shares of what the region lies in."""
    size = np.tile(region[2:] - region[:2], 2)
    return tuple(
        dataclasses.replace(digit, box=(digit.box * size + np.tile(region[:2], 2)).astype(np.float32))
        for digit in digits
    )


def _with_scores_of(
    digits: Sequence[Digit], looks: Sequence[Sequence[Digit]], comma: Comma, settings: ReadingSettings
) -> Reading:
    """Returns the reading of these digits; one that other looks saw too has the mean of its scores and their mean."""
    reach = settings.same_wheel * _pitch(digits) if len(digits) > 1 else 0.0
    merged = []
    for digit in digits:
        seen = []
        for look in looks:
            same = min(look, key=lambda candidate: abs(candidate.middle - digit.middle), default=None)
            if same is not None and abs(same.middle - digit.middle) <= reach:
                seen.append(same.scores)
        merged.append(Digit.ranked(digit.box, (digit.scores + np.mean(seen, axis=0)) / 2) if seen else digit)
    return reading_of(tuple(merged), comma)
