"""Cutting views out of a photo without aliasing.

Coordinates are continuous here: pixel i covers i to i + 1, so that sizes and corners scale alike. OpenCV counts from
the pixels' centres; the half pixel between the two is a tenth of the height of the smallest windows.
"""

import cv2
import numpy as np

from .geometry import bounding_box, perspective_matrix, rectangle_corners, side_lengths, transform_points


def _shift(offset: float) -> np.ndarray:
    return np.array([[1, 0, offset], [0, 1, offset], [0, 0, 1]], np.float64)


def between_pixel_centers(matrix: np.ndarray) -> np.ndarray:
    """Returns a homography (3, 3) of continuous coordinates as OpenCV takes it, who counts from the pixels' centres."""
    centred: np.ndarray = _shift(-0.5) @ matrix @ _shift(0.5)
    return centred


def shrink(photo: np.ndarray, factor: int) -> np.ndarray:
    """Returns a photo in which each pixel is the mean of factor x factor ones; a rest at the right and below is lost.

    Args:
        photo: uint8 (height, width, 3), at least factor a side.
        factor: a whole number, from 1.
    """
    if factor == 1:
        return photo
    # OpenCV is several times as fast at halves as at other shares
    step = 2 if factor % 2 == 0 else factor
    width, height = photo.shape[1] // step, photo.shape[0] // step
    whole = photo[: height * step, : width * step]
    return shrink(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), factor // step)


def fast_factor(most: float) -> int:
    """Returns the largest whole number up to `most` that is a power of two or three times one; 1 at least."""
    power = 1 << int(np.log2(max(most, 1)))
    return power * 3 // 2 if power > 1 and most >= power * 1.5 else power


def warp(
    photo: np.ndarray, matrix: np.ndarray, size: tuple[int, int], ground: tuple[int, int, int] = (0, 0, 0)
) -> np.ndarray:
    """Returns the view of a photo through a homography, as recognition and the training of stage 1 see it.

    Where the view is smaller than the photo, the photo is shrunk by area first: interpolation alone would skip
    pixels.

    Args:
        photo: uint8 (height, width, 3).
        matrix: (3, 3), from the photo's to the view's coordinates.
        size: (height, width) of the view.
        ground: the colour of what lies outside the photo.
    """
    height, width = size
    region = transform_points(rectangle_corners(width, height), np.linalg.inv(matrix))
    along, across = side_lengths(region)
    factor = fast_factor(min(along / width, across / height))
    if factor > 1:
        left, top, right, bottom = np.round(bounding_box(region)).astype(int) + (-factor, -factor, factor, factor)
        cut = photo[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if min(cut.shape[:2]) >= factor:
            photo = shrink(cut, factor)
            matrix = matrix @ np.array([[factor, 0, max(left, 0)], [0, factor, max(top, 0)], [0, 0, 1]], np.float64)
    return cv2.warpPerspective(
        photo, between_pixel_centers(matrix), (width, height), flags=cv2.INTER_LINEAR, borderValue=ground
    )


def rectify_window(photo: np.ndarray, corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the window upright, stretched to size (height, width), from the photo's full resolution."""
    height, width = size
    return warp(photo, perspective_matrix(corners, rectangle_corners(width, height)).astype(np.float64), size)
