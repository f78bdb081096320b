"""From pictures of any mode to RGB."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

# rows that are converted at a time
_STRIP = 256


def to_rgb(image: Image.Image) -> np.ndarray:
    """Returns uint8 RGB (height, width, 3), made strip by strip: a second copy of a large picture is much memory."""
    low, high = 0.0, 65535.0
    if image.mode.startswith("F"):
        # floats say nothing of their range, so they are stretched
        extrema: Any = image.getextrema()
        low, high = extrema
        if not all(np.isfinite(np.asarray(strip)).all() for _, strip in _strips(image)):
            raise ValueError("some pixels are no numbers")
        high = max(high, low + 1e-6)
    result = np.empty((image.height, image.width, 3), np.uint8)
    for rows, strip in _strips(image):
        if strip.mode.startswith(("I", "F")):
            # 16-bit pictures come in 16 or 32 bits
            values = np.asarray(strip).astype(np.float32)
            grey = np.clip(np.round((values - low) * 255 / (high - low)), 0, 255).astype(np.uint8)
            result[rows] = grey[..., np.newaxis]
            continue
        if "A" in strip.getbands() or "a" in strip.getbands() or "transparency" in strip.info:
            strip = strip.convert("RGBA")
            strip = Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip)
        result[rows] = np.asarray(strip.convert("RGB"))
    return result


def _strips(image: Image.Image) -> Iterator[tuple[slice, Image.Image]]:
    """Yields slices of rows and the picture in them."""
    for top in range(0, image.height, _STRIP):
        bottom = min(top + _STRIP, image.height)
        yield slice(top, bottom), image.crop((0, top, image.width, bottom))
