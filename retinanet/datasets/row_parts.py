"""Parts of windows' rows: recognition looks closer at such parts, so stage 2 learns from them beside whole windows.

They are cut before the windows are made as small as the datasets store them: that is what makes a closer look.
"""

import functools
import os
import zlib
from collections.abc import Callable
from pathlib import PurePath

import numpy as np

from deploy.recognition.classes import FRACTION_CLASS, POINT_CLASS
from retinanet.datasets.records import WindowCrop
from retinanet.datasets.window_crops import MIN_VISIBLE

# So many crops for training have a part stored beside them, of so many wheels side by side.
SHARE = 0.5
FEWEST, MOST = 3, 5
# The last wheels are the hardest: so many parts are surely those.
LAST_SHARE = 0.25
# From the outer wheels' middles to the part's ends, in distances between wheels; recognition leaves 0.6.
END_SPACE = (0.5, 0.8)
# A row lower than this share of its window is a display's: its parts, and often the whole row, are cut out along the
# digits' height, with such a margin in digits' heights; recognition leaves 0.2.
LOW_ROW, WHOLE_ROW_SHARE, ROW_MARGIN = 0.68, 0.35, (0.1, 0.35)
# Behind a display's last digit recognition looks for smaller decimals: so far, in distances between digits, such parts
# reach beyond the usual end, so often.
ROOM_BEHIND, ROOM_SHARE = 2.2, 0.5


def part_of(crop: WindowCrop, seed: int) -> WindowCrop | None:
    """Returns a part of a crop's row, the same for the same seed and name; None for short rows, validation and half of
    the others.

    Wheels of which less than MIN_VISIBLE is visible are left out of its boxes, as are a fraction and a point of which
    less than this share of the distance between wheels is. Every low row of a display has a part.
    """
    random = np.random.default_rng([seed, zlib.crc32(os.fsencode(crop.name)), 2])
    boxes = np.asarray(crop.boxes_xyxy, np.float64).reshape(-1, 4)
    is_wheel = np.array([label not in (FRACTION_CLASS, POINT_CLASS) for label in crop.labels], bool)
    wheels = int(is_wheel.sum())
    if crop.split != "train" or wheels <= FEWEST:
        return None
    heights = boxes[is_wheel, 3] - boxes[is_wheel, 1]
    low = heights.max() < LOW_ROW
    if not low and random.random() >= SHARE:
        return None
    middles = np.sort((boxes[is_wheel, 0] + boxes[is_wheel, 2]) / 2)
    pitch = float(np.median(np.diff(middles)))
    count = int(random.integers(FEWEST, min(MOST, wheels - 1) + 1))
    start = int(random.integers(0, wheels - count + 1))
    if random.random() < LAST_SHARE:
        start = wheels - count
    if low and random.random() < WHOLE_ROW_SHARE:
        start, count = 0, wheels
    spaces = random.uniform(*END_SPACE, 2) * [-1, 1]
    if low and start + count == wheels and random.random() < ROOM_SHARE:
        spaces[1] += random.uniform(0, ROOM_BEHIND)
    left, right = np.clip(middles[[start, start + count - 1]] + pitch * spaces, 0, 1)
    top, bottom = 0.0, 1.0
    if low:
        margins = random.uniform(*ROW_MARGIN, 2) * heights.max()
        top = max(0.0, boxes[is_wheel, 1].min() - margins[0])
        bottom = min(1.0, boxes[is_wheel, 3].max() + margins[1])
    region = np.array([left, top, right, bottom])
    clipped = np.clip(boxes, np.tile(region[:2], 2), np.tile(region[2:], 2))
    visible = clipped[:, 2] - clipped[:, 0]
    kept = np.flatnonzero(visible >= MIN_VISIBLE * np.where(is_wheel, boxes[:, 2] - boxes[:, 0], pitch))
    clipped = (clipped - np.tile(region[:2], 2)) / np.tile(region[2:] - region[:2], 2)
    name = PurePath(crop.name)
    return WindowCrop(
        name=f"{name.stem}_part{name.suffix}",
        load=functools.partial(_load_part, crop.load, region),
        split=crop.split,
        group=crop.group,
        boxes_xyxy=clipped[kept].astype(np.float32),
        labels=tuple(crop.labels[index] for index in kept),
    )


def _load_part(load_crop: Callable[[], np.ndarray], region: np.ndarray) -> np.ndarray:
    picture = load_crop()
    left, top, right, bottom = np.round(region * np.tile(picture.shape[1::-1], 2)).astype(int)
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]
