"""The counter window: the views in which stage 1 looks for it, and what it found there."""

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np

from .classes import STAGE1_CLASSES
from .geometry import (
    bounding_box,
    covered_share,
    is_convex,
    polygon_iou,
    rectangle_corners,
    side_lengths,
    transform_points,
)
from .rectification import warp
from .settings import WindowSettings


@dataclasses.dataclass(frozen=True)
class View:
    """A square picture for stage 1, made from a photo.

    Attributes:
        picture: uint8 RGB (size, size, 3).
        matrix: (3, 3), from the photo's to the view's coordinates.
    """

    picture: np.ndarray
    matrix: np.ndarray

    def to_photo(self, points: np.ndarray) -> np.ndarray:
        """Returns points (..., 2) of the view in the photo's coordinates."""
        return transform_points(points, np.linalg.inv(self.matrix))


@dataclasses.dataclass(frozen=True)
class Window:
    """A found counter window.

    Attributes:
        corners: (4, 2) float32, x, y in pixels of the photo, from the reading's top-left clockwise.
        score: 0 to 1.
        label: one of STAGE1_CLASSES.
        corners_in_box: (4, 2), the corners of the box found beside the corners, in the photo: at hand where the
            corners themselves make no sense.
        box_overlap: of that box and the corners' bounding box in the view, intersection over union, 0 to 1.
    """

    corners: np.ndarray
    score: float
    label: str
    corners_in_box: np.ndarray
    box_overlap: float

    def is_plausible(self, settings: WindowSettings) -> bool:
        """Tells whether the corners are a convex quadrilateral, neither a needle nor far from the box beside them."""
        if not is_convex(self.corners) or self.box_overlap < settings.min_box_overlap:
            return False
        left, top, right, bottom = bounding_box(self.corners)
        area = cv2.contourArea(np.asarray(self.corners, np.float32))
        return bool(area >= settings.min_area_share * (right - left) * (bottom - top))

    def is_among(self, others: Sequence["Window"], settings: WindowSettings) -> bool:
        """Tells whether it lies on one of the others, so that both are the same counter."""
        return any(covered_share(self.corners, other.corners) > settings.same_counter for other in others)


def letterbox(photo: np.ndarray, size: int) -> View:
    """Returns the whole photo shrunk or grown to fit a square, in its middle, on black."""
    height, width = photo.shape[:2]
    scale = size / max(height, width)
    left, top = round(size - scale * width) // 2, round(size - scale * height) // 2
    matrix = np.array([[scale, 0, left], [0, scale, top], [0, 0, 1]])
    return View(warp(photo, matrix, (size, size)), matrix)


def zoom(photo: np.ndarray, corners: np.ndarray, size: int, share: float) -> View:
    """Returns a square view in which a window lies upright in the middle and takes a share of the width.

    The view is turned, moved and scaled but keeps the photo's perspective. A window taller than wide takes that
    share of the height.
    """
    corners = np.asarray(corners, np.float64)
    direction = corners[1] - corners[0] + corners[2] - corners[3]
    angle = np.arctan2(direction[1], direction[0])
    scale = share * size / max(*side_lengths(corners), 1.0)
    cosine, sine = scale * np.cos(angle), scale * np.sin(angle)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    offset = size / 2 - turn @ corners.mean(axis=0)
    matrix = np.array([[*turn[0], offset[0]], [*turn[1], offset[1]], [0, 0, 1]])
    return View(warp(photo, matrix, (size, size)), matrix)


def best_window(view: View, outputs: dict[str, np.ndarray], index: int, central: bool = False) -> Window | None:
    """Returns the best window that stage 1 found in a view, or None where it found nothing.

    Args:
        view: what stage 1 looked at.
        outputs: of stage 1 for a batch: `corners` (n, k, 4, 2) in pixels of the view, `boxes` (n, k, 4) xyxy,
            `scores` (n, k) and `classes` (n, k).
        index: of the view in the batch.
        central: whether the window is expected in the middle: scores count less the further off it lies, down to
            nothing at the middle of the view's sides.
    """
    scores, corners = outputs["scores"][index], outputs["corners"][index]
    merits = scores
    if central:
        half = view.picture.shape[0] / 2
        merits = scores * np.clip(1 - np.linalg.norm(corners.mean(axis=1) - half, axis=1) / half, 0, 1)
    best = int(np.argmax(merits)) if len(merits) else 0
    return window_of(view, outputs, index, best) if len(merits) and merits[best] > 0 else None


def windows_of(view: View, outputs: dict[str, np.ndarray], index: int, least: float) -> list[Window]:
    """Returns all windows that stage 1 found in a view with at least this score, above 0, the best first.

    Args:
        view: what stage 1 looked at.
        outputs: of stage 1 for a batch, see `best_window`; it gives them the best first.
        index: of the view in the batch.
        least: score, 0 to 1.
    """
    return [
        window_of(view, outputs, index, entry)
        for entry, score in enumerate(outputs["scores"][index])
        if score >= least and score > 0
    ]


def window_of(view: View, outputs: dict[str, np.ndarray], index: int, entry: int) -> Window:
    """Returns one of the detections that stage 1 made in a view.

    Args:
        view: what stage 1 looked at.
        outputs: of stage 1 for a batch, see `best_window`.
        index: of the view in the batch.
        entry: of the detection in the view.
    """
    corners = outputs["corners"][index][entry]
    left, top, right, bottom = outputs["boxes"][index][entry]
    in_box = rectangle_corners(right - left, bottom - top) + (left, top)
    left, top, right, bottom = bounding_box(corners)
    around = rectangle_corners(right - left, bottom - top) + (left, top)
    return Window(
        corners=view.to_photo(corners),
        score=float(outputs["scores"][index][entry]),
        label=STAGE1_CLASSES[int(outputs["classes"][index][entry])],
        corners_in_box=view.to_photo(in_box),
        box_overlap=polygon_iou(in_box, around),
    )
