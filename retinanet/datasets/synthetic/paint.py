"""Paint: colors by name, blending, noise and rounded shapes on float32 RGB canvases, 0 to 255."""

import cv2
import numpy as np

from retinanet.datasets.records import LabelledBox

# Middle and spread of each color; the spread scales one common and three separate normal errors.
COLORS = {
    "white": ((218, 217, 210), 22),
    "black": ((34, 34, 36), 14),
    "red": ((196, 44, 44), 26),
    "grey": ((160, 162, 164), 30),
    "silver": ((186, 190, 196), 20),
    "cream": ((222, 208, 172), 20),
    "yellow": ((226, 190, 60), 22),
    "blue": ((40, 72, 150), 26),
    "green": ((60, 120, 70), 26),
    "orange": ((222, 110, 40), 24),
    "brown": ((110, 74, 50), 22),
    "brass": ((170, 140, 80), 24),
}


def color_near(random: np.random.Generator, name: str, light: float) -> np.ndarray:
    """Returns (3,) float32 RGB near a color of COLORS, times light."""
    middle, spread = COLORS[name]
    color = np.array(middle) + random.normal(0, spread) + random.normal(0, spread / 4, 3)
    return np.clip(color * light, 4, 252).astype(np.float32)


def blend(canvas: np.ndarray, color: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the canvas (height, width, 3) with color laid over it where mask (height, width) is 1."""
    return canvas + (color - canvas) * mask[..., None]


def smooth_noise(random: np.random.Generator, shape: tuple[int, int], cells: int) -> np.ndarray:
    """Returns float32 noise of about -1 to 1, shape (height, width), with about `cells` blobs on the short side."""
    height, width = shape
    scale = max(1.0, min(height, width) / cells)
    small = random.normal(0, 0.6, (max(2, round(height / scale)), max(2, round(width / scale)))).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def rounded_mask(size: tuple[int, int], radius: int) -> np.ndarray:
    """Returns a uint8 mask (height, width), 255 inside a rectangle with rounded corners; size is (width, height)."""
    width, height = size
    radius = int(np.clip(radius, 0, min(width, height) // 2))
    mask = np.zeros((height, width), np.uint8)
    cv2.rectangle(mask, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
    cv2.rectangle(mask, (0, radius), (width - 1, height - 1 - radius), 255, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(mask, (x, y), radius, 255, -1, cv2.LINE_AA)
    return mask


def line_frame(canvas: np.ndarray, box: tuple[int, int, int, int], color: np.ndarray, radius: int) -> None:
    """Fills the box (left, top, right, bottom) with rounded corners; what leaves the canvas is cut off."""
    left, top, right, bottom = box
    mask = rounded_mask((right - left, bottom - top), radius)
    height, width = canvas.shape[:2]
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, right), min(height, bottom)
    # Only rows with rounded corners need blending.
    ends = int(np.clip(radius, 0, min(right - left, bottom - top) // 2)) + 1
    for start, end in ((y0, min(y1, top + ends)), (max(y0, top + ends, bottom - ends), y1)):
        if start < end:
            share = mask[start - top : end - top, x0 - left : x1 - left].astype(np.float32) / 255
            canvas[start:end, x0:x1] = blend(canvas[start:end, x0:x1], color, share)
    canvas[max(y0, top + ends) : max(0, min(y1, bottom - ends)), x0:x1] = color


def mark_frame(mask: np.ndarray, box: tuple[int, int, int, int], radius: int) -> None:
    """Marks the box (left, top, right, bottom) with rounded corners in a uint8 mask; what leaves it is cut off."""
    left, top, right, bottom = box
    shape = rounded_mask((right - left, bottom - top), radius)
    height, width = mask.shape
    x0, y0, x1, y1 = max(0, left), max(0, top), min(width, right), min(height, bottom)
    part = mask[y0:y1, x0:x1]
    np.maximum(part, shape[y0 - top : y1 - top, x0 - left : x1 - left], out=part)


def place_text(canvas: np.ndarray, mask: np.ndarray, corner: tuple[int, int], ink: np.ndarray) -> None:
    """Paints a uint8 mask with ink, its top-left at corner (x, y); what leaves the canvas is cut off."""
    x, y = corner
    height, width = canvas.shape[:2]
    x0, y0, x1, y1 = max(0, x), max(0, y), min(width, x + mask.shape[1]), min(height, y + mask.shape[0])
    if x0 < x1 and y0 < y1:
        part = mask[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.float32) / 255
        canvas[y0:y1, x0:x1] = blend(canvas[y0:y1, x0:x1], ink, part)


def upright_box(left: float, top: float, right: float, bottom: float, label: str) -> LabelledBox:
    """Returns a labelled box with upright edges at these pixels."""
    return LabelledBox(np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32), label)
