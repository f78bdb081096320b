"""Rectified windows for stage 2, cut from labelled photos the way recognition cuts them."""

import functools
import os
import zlib
from collections.abc import Callable
from pathlib import PurePath

import numpy as np

from deploy.recognition.classes import LEGIBLE_CLASSES
from deploy.recognition.geometry import (
    bounding_box,
    expand_corners,
    is_convex,
    perspective_matrix,
    rectangle_corners,
    transform_points,
)
from deploy.recognition.rectification import rectify_window
from deploy.recognition.settings import WINDOW_MARGIN
from retinanet.datasets.records import LabelledPhoto, LabelledWindow, WindowCrop

CROP_SIZE = (256, 512)

# Standard deviation of the corners' displacement, in shares of the window's width and height: stage 1 errs about as
# much, and stage 2 learns to forgive it.
CORNER_JITTER = (0.02, 0.06)

# A box that the crop cuts by more than half is no longer a digit that can be read.
MIN_VISIBLE = 0.5


def crops_of(photo: LabelledPhoto, variants: int, seed: int) -> list[WindowCrop]:
    """Returns the crops of the photo's legible windows whose boxes are known.

    Variant 0 is cut along the labelled corners; those after it, made for the train split only, along corners
    displaced at random, the same for the same seed and photo name.
    """
    windows = [window for window in photo.windows if window.boxes and window.label in LEGIBLE_CLASSES]
    crops = []
    for index, window in enumerate(windows):
        random = np.random.default_rng([seed, zlib.crc32(os.fsencode(photo.name)), index])
        for variant in range(variants if photo.split == "train" else 1):
            corners = jittered_corners(window.outline, random) if variant else window.outline
            suffix = f"_{index}" * (len(windows) > 1) + f"_{variant}" * bool(variant)
            path = PurePath(photo.name)
            name = path.with_name(f"{path.stem}{suffix}.png").as_posix()
            crops.append(_crop(photo, window, expand_corners(corners, *WINDOW_MARGIN), name))
    return crops


def jittered_corners(corners: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns the corners (4, 2) displaced at random in the window's own plane; still convex."""
    unit = rectangle_corners(1, 1)
    to_photo = perspective_matrix(unit, corners)
    while True:
        # Beyond 2.5 deviations the crop would lose whole digits.
        offsets = np.clip(random.normal(size=(4, 2)), -2.5, 2.5) * CORNER_JITTER
        jittered = transform_points(unit + offsets, to_photo)
        if is_convex(jittered):
            return jittered


def project_boxes(window: LabelledWindow, corners: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Returns the window's boxes in its crop along corners (4, 2): boxes_xyxy (n, 4) in shares 0..1, and n labels.

    A box is the bounding rectangle of its projected corners, clipped to the crop; boxes of which less than half is
    visible are left out.
    """
    matrix = perspective_matrix(corners, rectangle_corners(1, 1))
    boxes, labels = [], []
    for box in window.boxes:
        whole = bounding_box(transform_points(box.corners, matrix))
        clipped = np.clip(whole, 0, 1)
        if _area(clipped) >= MIN_VISIBLE * _area(whole) > 0:
            boxes.append(clipped)
            labels.append(box.label)
    return np.array(boxes, np.float32).reshape(-1, 4), tuple(labels)


def _area(box_xyxy: np.ndarray) -> float:
    return float((box_xyxy[2] - box_xyxy[0]) * (box_xyxy[3] - box_xyxy[1]))


def _crop(photo: LabelledPhoto, window: LabelledWindow, corners: np.ndarray, name: str) -> WindowCrop:
    boxes_xyxy, labels = project_boxes(window, corners)
    load = functools.partial(_load_crop, photo.load, corners)
    return WindowCrop(name, load, photo.split, photo.group, boxes_xyxy, labels)


def _load_crop(load_photo: Callable[[], np.ndarray], corners: np.ndarray) -> np.ndarray:
    return rectify_window(load_photo(), corners, CROP_SIZE)
