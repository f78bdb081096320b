"""Windows for stage 2 from photos with a table: the digits' boxes come from aligning the reading with the photo."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from deploy.recognition.classes import ANALOG, DIGITAL, FRACTION_CLASS, LEGIBLE_CLASSES, POINT_CLASS
from deploy.recognition.exported_models import Models
from deploy.recognition.geometry import box_corners
from retinanet.datasets.importers.chongqing import even_boxes, one_of
from retinanet.datasets.importers.reading_alignment import (
    Alignment,
    align_window,
    places_of,
    row_region,
    straightened,
)
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow

# A run of known digits beside one that nobody can tell serves if it is as long as this.
MIN_RUN = 3
# Decimals of a display that are lower than this share of the whole units are a fraction by their size alone.
SMALL_DECIMALS = 0.75
# A row that fills less of its window's height or width than this is shown to stage 2 by itself too, as recognition
# cuts it out for its closer look.
ROW_FILLS = 0.8
# A decimal point's box is as wide as this share of the distance between digits.
POINT_WIDTH = 0.3


def with_boxes(photos: Sequence[LabelledPhoto], models: Models) -> list[LabelledPhoto]:
    """Returns the photos with the windows that stage 2 can learn from; the others have none.

    Args:
        photos: with corners and readings.
        models: whose stage 2 finds the digits; better weights align more windows.

    Raises:
        UserError: a photo cannot be read.
    """
    result = []
    for photo in tqdm(photos, desc="aligning readings", unit="photo", disable=None):
        readable = [window for window in photo.windows if window.readings and window.label in LEGIBLE_CLASSES]
        windows: list[LabelledWindow] = []
        if readable:
            pixels = photo.load()
            windows = [made for window in readable for made in _windows(photo, pixels, window, models)]
        result.append(dataclasses.replace(photo, windows=tuple(windows)))
    return result


def _windows(photo: LabelledPhoto, pixels: np.ndarray, window: LabelledWindow, models: Models) -> list[LabelledWindow]:
    with_comma = [reading for reading in window.readings if "," in reading]
    reading = one_of(with_comma or list(window.readings), photo.name)
    digits = reading.replace(",", "")
    shows_comma = len(with_comma) == len(window.readings)
    found = align_window(pixels, window.outline, reading, models)
    if found is None and window.label == ANALOG:
        found = evenly_spaced(digits)
    if found is None:
        return []
    chosen = longest_run(found.places)
    if len(chosen) < MIN_RUN:
        return []
    whole = len(chosen) == len(digits)
    found = dataclasses.replace(found, boxes=found.boxes[chosen], places=tuple(found.places[index] for index in chosen))
    if window.label == DIGITAL:
        found = dataclasses.replace(found, boxes=_even_cells(found, reading))
    labelled = boxes_of(found, reading, window.label == DIGITAL, shows_comma)
    boxes = tuple(LabelledBox(box_corners(box, window.outline), label) for box, label in labelled)
    text = "".join(digits[place] for place in found.places)
    row = LabelledWindow(box_corners(_region(found, whole), window.outline), window.label, boxes, (text,))
    if not whole:
        return [row]
    complete = dataclasses.replace(window, boxes=boxes)
    left, top, right, bottom = row_region(found.boxes)
    is_small = bottom - top < ROW_FILLS or right - left < ROW_FILLS
    return [complete, row] if is_small and photo.split == "train" else [complete]


def longest_run(places: Sequence[int]) -> list[int]:
    """Returns the indices of the longest run of neighbours among ascending places, the first of equal ones."""
    runs = [[0]] if places else [[]]
    for index in range(1, len(places)):
        if places[index] == places[index - 1] + 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return max(runs, key=len)


def evenly_spaced(digits: str) -> Alignment:
    """Returns the boxes of wheels that stand evenly in their window, those of the reading's known digits."""
    places = places_of(digits)
    return Alignment(even_boxes(len(digits))[list(places)], places, 0.0)


def boxes_of(found: Alignment, reading: str, digital: bool, shows_comma: bool = True) -> list[tuple[np.ndarray, str]]:
    """Returns the boxes, (4,) xyxy in shares of the window, with their labels: digits, and what shows the fraction.

    On wheels that is the region round them, on displays the decimal point, and the region too where the decimals are
    smaller than the digits before them.

    Args:
        found: the digits' boxes.
        reading: `00595,825`.
        digital: whether it is a display.
        shows_comma: whether the comma can be seen; on displays nothing stands for one that cannot.
    """
    digits = reading.replace(",", "")
    labelled = [(box, digits[place]) for box, place in zip(found.boxes, found.places, strict=True)]
    comma = reading.index(",") if "," in reading else len(digits)
    before = [box for box, place in zip(found.boxes, found.places, strict=True) if place < comma]
    after = [box for box, place in zip(found.boxes, found.places, strict=True) if place >= comma]
    if not before or not after:
        return labelled
    region = np.concatenate([np.min(after, axis=0)[:2], np.max(after, axis=0)[2:]])
    heights = [float(np.median([box[3] - box[1] for box in part])) for part in (before, after)]
    if digital:
        # as the generator draws it: the region is as high as the row, however small the decimals are
        region[1], region[3] = np.min(found.boxes, axis=0)[1], np.max(found.boxes, axis=0)[3]
    if not digital or heights[1] < SMALL_DECIMALS * heights[0]:
        labelled.append((region, FRACTION_CLASS))
    if digital and shows_comma:
        middle, bottom = (before[-1][2] + after[0][0]) / 2, float(np.median([box[3] for box in before]))
        half = POINT_WIDTH / 2 * (after[0][0] + after[0][2] - before[-1][0] - before[-1][2]) / 2
        labelled.append((np.array([middle - half, bottom - 0.15 * heights[0], middle + half, bottom]), POINT_CLASS))
    return labelled


def _even_cells(found: Alignment, reading: str) -> np.ndarray:
    """Returns the boxes of a display's digits straightened, those before the comma and behind it by themselves."""
    comma = reading.index(",") if "," in reading else len(reading)
    whole = sum(place < comma for place in found.places)
    parts = slice(0, whole), slice(whole, None)
    return np.concatenate([straightened(found.boxes[part], found.places[part]) for part in parts])


def _region(found: Alignment, whole: bool) -> np.ndarray:
    """Returns where a row is cut out, (4,) xyxy in shares of the window; a part of one ends between two digits."""
    region = row_region(found.boxes)
    if not whole:
        middles = (found.boxes[:, 0] + found.boxes[:, 2]) / 2
        half = float(np.median(np.diff(middles))) / 2
        region[0], region[2] = middles[0] - half, middles[-1] + half
    return region
