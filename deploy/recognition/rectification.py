"""Cutting views out of a photo without aliasing.

Coordinates are continuous here: pixel i covers i to i + 1, so that sizes and corners scale alike. OpenCV counts from
the pixels' centres; the half pixel between the two is a tenth of the height of the smallest windows.
"""

import cv2
import numpy as np

from .geometry import bounding_box, perspective_matrix, rectangle_corners, side_lengths, transform_points


def _shift(offset: float) -> np.ndarray:
    return np.array([[1, 0, offset], [0, 1, offset], [0, 0, 1]], np.float64)


def warp(photo: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the view of a photo through a homography; what lies outside the photo is black.

    Where the view is smaller than the photo, the photo is shrunk by area first: interpolation alone would skip
    pixels.

    Args:
        photo: uint8 (height, width, 3).
        matrix: (3, 3), from the photo's to the view's coordinates.
        size: (width, height) of the view.
    """
    region = transform_points(rectangle_corners(*size), np.linalg.inv(matrix))
    along, across = side_lengths(region)
    factor = int(min(along / size[0], across / size[1]))
    if factor > 1:
        left, top, right, bottom = np.round(bounding_box(region)).astype(int) + (-factor, -factor, factor, factor)
        left, top = max(left, 0), max(top, 0)
        width = min(right, photo.shape[1]) - left
        height = min(bottom, photo.shape[0]) - top
        small_size = (width // factor, height // factor)
        if min(small_size) > 0:
            cut = photo[top : top + small_size[1] * factor, left : left + small_size[0] * factor]
            photo = cv2.resize(cut, small_size, interpolation=cv2.INTER_AREA)
            matrix = matrix @ np.array([[factor, 0, left], [0, factor, top], [0, 0, 1]], np.float64)
    return cv2.warpPerspective(photo, _shift(-0.5) @ matrix @ _shift(0.5), size, flags=cv2.INTER_LINEAR)


def rectify_window(photo: np.ndarray, corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the window upright, stretched to size (width, height), from the photo's full resolution."""
    return warp(photo, perspective_matrix(corners, rectangle_corners(*size)).astype(np.float64), size)
