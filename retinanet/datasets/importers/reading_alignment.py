"""Where the digits of a known reading stand in a window: the reading is aligned with what stage 2 finds there.

Photos with a table tell the window and the reading, not where each digit is. The candidates that stage 2 gives, weak
ones included, are matched from left to right with the digits, so that what is found for sure carries what is not.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from deploy.recognition.classes import DIGIT_CLASSES
from deploy.recognition.exported_models import Models
from deploy.recognition.geometry import box_corners
from deploy.recognition.rectification import rectify_window
from deploy.recognition.settings import WINDOW_MARGIN

UNKNOWN = "?"
# A digit's score for the label it should have counts at least this much, so that one bad wheel does not end it all.
MIN_SCORE = 0.005
# An alignment holds if the geometric mean of the scores, and every one of them, reaches these.
MEAN_SCORE, EACH_SCORE = 0.25, 0.02
# Smaller decimals looked for by themselves must be surer: a part of larger ones is taken for them easily. With the
# last whole units beside them, which hold the alignment, less will do.
SMALL_SCORE, SMALL_SCORE_BESIDE_UNITS = 0.6, 0.35
# Where they are looked for: so high and so wide a digit, in heights of the whole units and distances between these.
DECIMAL_PLACES = ((0.7, 0.85), (0.55, 0.65), (0.85, 1.0))
UNITS_BESIDE = 2
# They stand on the units' foot, give or take this share of the units' height, right of the last unit, and are so high
# in heights of the units.
DECIMAL_FOOT, DECIMAL_HEIGHTS = 0.25, (0.3, 1.1)
# Neighbours stand as far apart as the others do: costs of a factor e between two distances, of a step in level or in
# height of a digit's height. Decimals may be half as high, on the same line.
SPACING_COST, LEVEL_COST, HEIGHT_COST = 1.5, 3.0, 0.5
UNEVEN = 2.6
# A candidate may reach into its neighbour by this share of the narrower of the two.
OVERLAP = 0.35
# What stands further off its even place than this share of the distance between digits does not stand evenly; a cell
# takes at most this share of that distance.
MOST_OFF, WIDEST_CELL = 0.3, 0.95
# Margins, in shares of a row's length and of its digits' height, for the closer look along the row.
ROW_MARGIN = (0.04, 0.25)


@dataclasses.dataclass(frozen=True)
class Alignment:
    """The boxes of a reading's digits.

    Attributes:
        boxes: (n, 4) float64, xyxy in shares of the window, the reading's known digits from left to right.
        places: n indices of these digits among all digits of the reading.
        score: geometric mean of the scores that stage 2 gives these digits, 0 to 1.
    """

    boxes: np.ndarray
    places: tuple[int, ...]
    score: float


def align_candidates(boxes: np.ndarray, class_scores: np.ndarray, digits: str) -> Alignment | None:
    """Returns the best alignment of a reading's digits with candidates; None where none holds.

    It is the sequence of candidates, from left to right, with the greatest sum of log scores less what uneven
    distances, levels and heights cost, by dynamic programming over pairs of neighbours.

    Args:
        boxes: (candidates, 4) xyxy in shares of the window.
        class_scores: (candidates, 10 or more) 0 to 1, those of the digits 0 to 9 first.
        digits: the reading without its comma; UNKNOWN stands for a digit that gives no box.
    """
    places = places_of(digits)
    boxes, class_scores = np.asarray(boxes, np.float64), np.asarray(class_scores, np.float64)
    kept = np.flatnonzero(class_scores[:, :10].max(axis=1, initial=0) > MIN_SCORE)
    order = kept[np.argsort(boxes[kept, 0] + boxes[kept, 2], kind="stable")]
    boxes, class_scores = boxes[order], class_scores[order]
    if len(places) < 2 or len(boxes) < len(places):
        return None
    labels = [DIGIT_CLASSES.index(digits[place]) for place in places]
    gains = np.log(np.maximum(class_scores[:, labels], MIN_SCORE)).T  # (digits, candidates)
    middles, widths, heights = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    distance = middles[None, :] - middles[:, None]  # (from, to)
    narrower = np.minimum(widths[:, None], widths[None, :])
    reaches = np.minimum(boxes[:, None, 2], boxes[None, :, 2]) - np.maximum(boxes[:, None, 0], boxes[None, :, 0])
    lower = np.maximum(heights[:, None], heights[None, :])
    step_cost = LEVEL_COST * np.abs(boxes[:, None, 3] - boxes[None, :, 3]) / lower
    step_cost += HEIGHT_COST * np.abs(np.log(heights[:, None] / heights[None, :]))
    step_cost[(distance <= 0) | (reaches > OVERLAP * narrower)] = np.inf

    best = gains[0][:, None] + gains[1][None, :] - step_cost  # (before, last)
    came_from: list[np.ndarray] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for number in range(2, len(places)):
            before, after = places[number - 1] - places[number - 2], places[number] - places[number - 1]
            pitch_before, pitch = np.log(distance / before), np.log(distance / after)
            uneven = SPACING_COST * np.abs(pitch[None, :, :] - pitch_before[:, :, None])
            total = best[:, :, None] - np.where(np.isfinite(uneven), uneven, np.inf)  # (before, last, next)
            came_from.append(np.argmax(total, axis=0))
            best = np.max(total, axis=0) + gains[number][None, :] - step_cost
    if not np.isfinite(best.max()):
        return None
    last = np.unravel_index(int(np.argmax(best)), best.shape)
    path = [int(last[1]), int(last[0])]
    for origin in reversed(came_from):
        path.append(int(origin[path[-1], path[-2]]))
    path = path[::-1]
    logs = gains[np.arange(len(path)), path]
    pitches = np.diff(middles[path]) / np.diff(places)
    score = float(np.exp(logs.mean()))
    if score < MEAN_SCORE or logs.min() < np.log(EACH_SCORE) or pitches.max() > UNEVEN * pitches.min():
        return None
    return Alignment(boxes[path], tuple(places), score)


def align_window(photo: np.ndarray, corners: np.ndarray, reading: str, models: Models) -> Alignment | None:
    """Returns the best alignment that looks at a window give: the whole of it, and closer along what that found.

    Decimals that stand smaller beside the whole units of a display are looked for by themselves where the row as a
    whole gives no alignment; where they are not found, the digits before the comma alone are aligned.

    Args:
        photo: uint8 RGB (height, width, 3).
        corners: (4, 2) of the window, in pixels.
        reading: `00595,825`, UNKNOWN for a digit that gives no box.
        models: whose stage 2 looks.
    """
    margin_x, margin_y = WINDOW_MARGIN
    window = np.array([-margin_x, -margin_y, 1 + margin_x, 1 + margin_y])
    digits = reading.replace(",", "")
    integer, _, fraction = reading.partition(",")
    found = _closer_and_closer(photo, corners, window, digits, models)
    if found or not fraction:
        return found
    found = _closer_and_closer(photo, corners, window, integer + UNKNOWN * len(fraction), models)
    if not found or UNKNOWN in fraction:
        return found
    small = _decimals(photo, corners, found, integer, fraction, models)
    if not small:
        return found
    places = (*found.places, *(len(integer) + place for place in small.places))
    return Alignment(np.concatenate([found.boxes, small.boxes]), places, min(found.score, small.score))


def _closer_and_closer(
    photo: np.ndarray, corners: np.ndarray, region: np.ndarray, digits: str, models: Models
) -> Alignment | None:
    best = None
    for _ in range(3):
        found = _look(photo, corners, region, digits, models)
        if found is None or (best is not None and found.score <= best.score):
            break
        best = found
        region = row_region(best.boxes)
    return best


def _decimals(
    photo: np.ndarray, corners: np.ndarray, units: Alignment, integer: str, fraction: str, models: Models
) -> Alignment | None:
    """Returns the decimals behind aligned whole units, as several looks at their place find them best, if any does."""
    boxes = units.boxes
    middles = (boxes[:, 0] + boxes[:, 2]) / 2
    pitch = float(np.median(np.diff(middles) / np.diff(units.places)))
    right, bottom = float(boxes[-1, 2]), float(np.median(boxes[:, 3]))
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    beside = integer[-UNITS_BESIDE:] if units.places[-1] == len(integer) - 1 and UNKNOWN not in integer else ""
    best = None
    for high, wide in DECIMAL_PLACES:
        reach = right + wide * len(fraction) * pitch
        region = np.array([right - 0.1 * pitch, bottom - high * height, reach, bottom + 0.05 * height])
        looks = [_look(photo, corners, region, fraction, models, SMALL_SCORE)]
        if beside:
            region = np.array(
                [middles[-len(beside)] - 0.6 * pitch, bottom - 1.2 * height, reach + 0.2 * pitch, bottom + 0.2 * height]
            )
            found = _look(photo, corners, region, beside + fraction, models, SMALL_SCORE_BESIDE_UNITS)
            looks.append(
                found and dataclasses.replace(found, boxes=found.boxes[len(beside) :], places=places_of(fraction))
            )
        for look in looks:
            if look is None:
                continue
            heights = (look.boxes[:, 3] - look.boxes[:, 1]) / height
            stands = (
                np.all(np.abs(look.boxes[:, 3] - bottom) <= DECIMAL_FOOT * height)
                and np.all((heights >= DECIMAL_HEIGHTS[0]) & (heights <= DECIMAL_HEIGHTS[1]))
                and look.boxes[0, 0] > middles[-1]
            )
            if stands and (best is None or look.score > best.score):
                best = look
    return best


def places_of(digits: str) -> tuple[int, ...]:
    """Returns where the known digits of a reading stand."""
    return tuple(place for place, digit in enumerate(digits) if digit != UNKNOWN)


def straightened(boxes: np.ndarray, places: Sequence[int]) -> np.ndarray:
    """Returns the boxes (n, 4) of a display's digits as even cells: their distances, widths, levels are the same.

    A 1 fills but a side of its cell, and a blurred digit's box is found too wide; together they tell where the cells
    are. A row that does not stand evenly stays as it is.

    Args:
        boxes: xyxy, digits of one size.
        places: of each digit in the row.
    """
    if len(boxes) < 3:
        return boxes
    first, second = np.triu_indices(len(boxes), 1)
    number = np.asarray(places, np.float64)
    middles, widths = (boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 2] - boxes[:, 0]
    pitch = float(np.median((middles[second] - middles[first]) / (number[second] - number[first])))
    even = number * pitch + np.median(middles - number * pitch)
    if np.abs(even - middles).max() > MOST_OFF * pitch:
        return boxes
    half = min(float(np.median(widths)), WIDEST_CELL * pitch) / 2
    straight = np.stack([even - half, boxes[:, 1], even + half, boxes[:, 3]], axis=1)
    for edge in (1, 3):
        slope = float(np.median((boxes[second, edge] - boxes[first, edge]) / (even[second] - even[first])))
        straight[:, edge] = slope * even + np.median(boxes[:, edge] - slope * even)
    return straight


def row_region(boxes: np.ndarray) -> np.ndarray:
    """Returns the region (4,) xyxy round a row of digits, with a margin, in the boxes' unit."""
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    along, across = ROW_MARGIN[0] * (right - left), ROW_MARGIN[1] * float(np.median(boxes[:, 3] - boxes[:, 1]))
    return np.array([left - along, top - across, right + along, bottom + across])


def _look(
    photo: np.ndarray,
    corners: np.ndarray,
    region: np.ndarray,
    digits: str,
    models: Models,
    min_score: float = MEAN_SCORE,
) -> Alignment | None:
    """Returns the alignment in a region (4,) xyxy, in shares of the window, its boxes in shares of the window too."""
    picture = rectify_window(photo, box_corners(region, corners), models.stage2_size)
    outputs = models.stage2(picture[None])
    found = align_candidates(outputs["boxes"][0], outputs["class_scores"][0], digits)
    if found is None or found.score < min_score:
        return None
    scale = np.tile(region[2:] - region[:2], 2)
    return dataclasses.replace(found, boxes=found.boxes * scale + np.tile(region[:2], 2))
