"""Corners of hand-drawn quadrilaterals, put into the order of the reading."""

import numpy as np

from deploy.recognition.geometry import transform_points


def clockwise(points: np.ndarray) -> np.ndarray:
    """Returns points (n, 2) of a simple polygon running clockwise as seen on the picture (y down)."""
    x, y = np.asarray(points, np.float64).T
    doubled_area = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)
    return np.asarray(points if doubled_area > 0 else points[::-1], np.float32)


def order_corners(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Returns the quadrilateral's corners (4, 2) from the reading's top-left, clockwise.

    Args:
        points: (4, 2) x, y in pixels; they may start at any corner and run either way.
        direction: (2,) the way the reading runs, of any length. The side that agrees best with it, together with
            the side opposite, becomes the top.
    """
    corners = clockwise(points)
    edges = np.roll(corners, -1, axis=0) - corners
    edges = edges / np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), 1e-9)
    along = edges @ (direction / np.linalg.norm(direction))
    return np.roll(corners, -int(np.argmax(along - np.roll(along, -2))), axis=0)


def row_direction(centres: np.ndarray, likely: np.ndarray) -> np.ndarray:
    """Returns the unit direction (2,) of a row of centres (n, 2), n from 2, signed to agree with the likely one."""
    direction = np.linalg.svd(centres - centres.mean(axis=0))[2][0]
    return direction if direction @ likely >= 0 else -direction


def enclosing_region(quadrilaterals: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Returns corners (4, 2) of the smallest region, upright in the window's plane, around quadrilaterals (n, 4, 2).

    Args:
        quadrilaterals: corners in pixels of the photo.
        matrix: (3, 3) homography from the photo to the window's plane, upright there.
    """
    flat = transform_points(np.asarray(quadrilaterals).reshape(-1, 2), matrix)
    (left, top), (right, bottom) = flat.min(axis=0), flat.max(axis=0)
    rectangle = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return transform_points(rectangle, np.linalg.inv(matrix))
