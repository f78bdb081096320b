"""Quadrilaterals in pictures.

Corners are float arrays of shape (4, 2), points (x, y) in pixels, from the top-left of the reading clockwise:
top-left, top-right, bottom-right, bottom-left. Sizes are (height, width), as of arrays.
"""

import cv2
import numpy as np


def rectangle_corners(width: float, height: float) -> np.ndarray:
    """Returns the corners (4, 2) of an upright rectangle whose top-left is the origin."""
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)


def perspective_matrix(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Returns the (3, 3) homography that maps the four source points onto the four target points."""
    return cv2.getPerspectiveTransform(np.asarray(source, np.float32), np.asarray(target, np.float32))


def transform_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Returns points (..., 2) mapped by a (3, 3) homography."""
    points = np.asarray(points, np.float64)
    flat = np.concatenate([points.reshape(-1, 2), np.ones((points.size // 2, 1))], axis=1) @ matrix.T
    mapped: np.ndarray = (flat[:, :2] / flat[:, 2:]).reshape(points.shape).astype(np.float32)
    return mapped


def box_corners(boxes: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Returns the corners (..., 4, 2) of boxes (..., 4), xyxy in shares of the window with these corners (4, 2).

    They may reach beyond the window, and lie in its own plane, so perspective is kept.
    """
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    points = np.asarray(boxes)[..., [[0, 1], [2, 1], [2, 3], [0, 3]]]
    return transform_points(points, perspective_matrix(unit, corners))


def expand_corners(corners: np.ndarray, along: float, across: float) -> np.ndarray:
    """Returns corners moved outwards by shares of the window's own width (along) and height (across), each side."""
    return box_corners(np.array([-along, -across, 1 + along, 1 + across]), corners)


def side_lengths(corners: np.ndarray) -> tuple[float, float]:
    """Returns the mean width (along the reading) and height of the quadrilateral in pixels."""
    top, right, bottom, left = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return float(top + bottom) / 2, float(left + right) / 2


def natural_size(corners: np.ndarray, height: int) -> tuple[int, int]:
    """Returns (height, width) of the rectified window of this height with the quadrilateral's own proportions."""
    along, across = side_lengths(corners)
    return height, max(1, round(height * along / max(across, 1e-6)))


def is_convex(corners: np.ndarray) -> bool:
    """Tells whether the corners are a convex quadrilateral that runs clockwise (y down) and has an area."""
    edges = np.roll(corners, -1, axis=0) - corners
    following = np.roll(edges, -1, axis=0)
    return bool(np.all(edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0] > 0))


def polygon_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the intersection over union, 0 to 1, of two simple polygons with points (n, 2) in either sense.

    Convex pairs are intersected exactly; otherwise both are filled on a raster of about 1,000 pixels across.
    """
    first, second = np.asarray(first, np.float32), np.asarray(second, np.float32)
    if cv2.isContourConvex(first) and cv2.isContourConvex(second):
        intersection = cv2.intersectConvexConvex(first, second)[0]
        union = abs(cv2.contourArea(first)) + abs(cv2.contourArea(second)) - intersection
        return min(float(intersection / union), 1.0) if union > 0 else 0.0
    points = np.concatenate([first, second])
    origin, scale = points.min(axis=0), 1000 / max(float(np.ptp(points, axis=0).max()), 1e-6)
    masks = []
    for polygon in (first, second):
        mask = np.zeros((1004, 1004), np.uint8)
        cv2.fillPoly(mask, [np.round((polygon - origin) * scale).astype(np.int32)], 1)
        masks.append(mask.astype(bool))
    filled = np.count_nonzero(masks[0] | masks[1])
    return float(np.count_nonzero(masks[0] & masks[1]) / filled) if filled else 0.0


def covered_share(first: np.ndarray, second: np.ndarray) -> float:
    """Returns which share, 0 to 1, of the smaller of two quadrilaterals (4, 2) the other covers; of crossed ones their
    hulls count.
    """
    one, other = (cv2.convexHull(np.asarray(corners, np.float32)) for corners in (first, second))
    smaller = min(cv2.contourArea(one), cv2.contourArea(other))
    return min(float(cv2.intersectConvexConvex(one, other)[0] / smaller), 1.0) if smaller > 0 else 0.0


def bounding_box(points: np.ndarray) -> np.ndarray:
    """Returns (x_min, y_min, x_max, y_max) of points (n, 2)."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)
