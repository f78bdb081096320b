"""Overlapping tiles of a photo: in them stage 1 sees a small counter larger than in the whole photo."""

from collections.abc import Iterator, Sequence

import numpy as np

from .rectification import fast_factor, shrink, warp
from .window import View

# a photo that is so little larger than a tile needs no second one
_SLACK = 1.1


def tile_views(photo: np.ndarray, size: int, shares: Sequence[float], overlap: float) -> Iterator[list[View]]:
    """Yields for each share square views that together cover a photo, row by row, made when they are asked for.

    Args:
        photo: uint8 RGB (height, width, 3).
        size: side of the views in pixels.
        shares: sides of the tiles, as shares of the photo's longer side.
        overlap: neighbours overlap by at least about this share of their side.
    """
    if not shares:
        return
    height, width = photo.shape[:2]
    sides = [share * max(height, width) for share in shares]
    # shrunk once for all tiles: of a hundred megapixels each one alone would have to read a half or a quarter
    factor = fast_factor(min(sides) / size)
    small = shrink(photo, factor)
    from_small = np.diag([factor, factor, 1.0])
    for side in sides:
        scale = size / side
        matrices = [
            np.array([[scale, 0, -scale * left], [0, scale, -scale * top], [0, 0, 1]])
            for top in _starts(height, side, overlap)
            for left in _starts(width, side, overlap)
        ]
        yield [View(warp(small, matrix @ from_small, (size, size)), matrix) for matrix in matrices]


def _starts(extent: int, side: float, overlap: float) -> np.ndarray:
    """Returns where the tiles along one side of a photo begin, in pixels; a single tile lies in the middle."""
    if extent <= _SLACK * side:
        return np.array([(extent - side) / 2])
    steps = np.ceil((extent - side) / ((1 - overlap) * side) - 1e-9)
    return np.linspace(0, extent - side, int(steps) + 1)
