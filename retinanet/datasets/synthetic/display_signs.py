"""What stands on a display's glass beside the reading: units, second rows, registers, tariffs, phases and signs.

Nothing of it is part of the reading. Ink is float32 (height, width) as in display_glass, boxes are (left, top, right,
bottom) in its pixels.
"""

import dataclasses

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.display_glass import stamp

UNITS = ("kWh", "kWh", "kW h", "KW h", "kW h", "kWh", "m3", "m³", "kW", "MWh", "L", "GJ", "imp", "kvarh")
REGISTERS = ("1.8.0", "15.8.0", "A+", "L1 L2 L3", "M", "TOTAL", "01", "Σ", "OK", "Earth", "Rev", "MD", "L", "20", "CUM")
PREFIXES = ("0", "0", "00", "1", "8", "8", "4")
SECOND_ROWS = (("V", 1), ("A", 2), ("A", 3), ("kW", 2), ("kW", 3), ("Hz", 2), ("", 2), ("", 0))
TRIANGLE = ((0.0, 0.0), (1.0, 0.0), (0.5, 1.0))
ARROW = ((0.0, 0.5), (0.4, 0.1), (0.4, 0.38), (1.0, 0.38), (1.0, 0.62), (0.4, 0.62), (0.4, 0.9))


@dataclasses.dataclass
class GlassInk:
    """The ink of a glass and what of it is taken.

    Attributes:
        ink: float32 (height, width), is painted on.
        taken: boxes of what stands there already.
    """

    ink: np.ndarray
    taken: list[tuple[float, float, float, float]]

    def stamp(self, mask: np.ndarray, corner: tuple[float, float], share: float = 1.0) -> bool:
        """Adds a mask where there is room; a quarter of it may leave the glass above or below. Tells whether it did."""
        height, width = self.ink.shape
        x, y = round(corner[0]), round(corner[1])
        right, bottom = x + mask.shape[1], y + mask.shape[0]
        beyond = mask.shape[0] / 4
        if x < 1 or right > width - 1 or y < -beyond or bottom > height + beyond:
            return False
        if any(x < box[2] and box[0] < right and y < box[3] and box[1] < bottom for box in self.taken):
            return False
        stamp(self.ink, mask, (x, y), share)
        self.taken.append((x, y, right, bottom))
        return True


def unit_mask(random: np.random.Generator, height: float) -> np.ndarray:
    """Returns a unit as a uint8 mask, its capitals `height` pixels high."""
    font = str(random.choice(fonts.TEXT_FONTS))
    return fonts.text_mask(str(random.choice(UNITS)), font, max(4, round(height)))


def print_prefix(random: np.random.Generator, glass: GlassInk, face: np.ndarray, row: tuple, width: float) -> None:
    """Prints a small raised number before the reading, whose row of digits is a box; `width` is one digit's."""
    left, top, _, bottom = row
    small = random.uniform(0.32, 0.5)
    size = max(2, round(width * small)), max(4, round((bottom - top) * small))
    text = str(random.choice(PREFIXES))
    step = size[0] * random.uniform(1.05, 1.3)
    at = left - step * len(text) - width * random.uniform(0.05, 0.25)
    for index, digit in enumerate(text):
        mask = cv2.resize(face[int(digit)], size, interpolation=cv2.INTER_AREA)
        glass.stamp(mask, (at + step * index, top + (bottom - top) * random.uniform(0.0, 0.1)))


def print_second_row(
    random: np.random.Generator, glass: GlassInk, face: np.ndarray, row: tuple, width: float, right: float
) -> None:
    """Prints a row of small digits with a unit below the reading, often cut off by the glass's lower edge."""
    _, top, _, bottom = row
    size_share = random.uniform(0.3, 0.5)
    size = max(2, round(width * size_share)), max(4, round((bottom - top) * size_share))
    unit, decimals = SECOND_ROWS[int(random.integers(len(SECOND_ROWS)))]
    digits = random.integers(0, 10, int(random.integers(max(3, decimals + 1), 7)))
    step = size[0] * random.uniform(1.1, 1.5)
    mask = fonts.text_mask(unit or " ", "arimo-400", max(4, round(size[1] * 0.6)))
    end = right - mask.shape[1] - step * random.uniform(0.1, 1.0)
    y = bottom + (bottom - top) * random.uniform(0.03, 0.14)
    if random.random() < 0.3:
        # its lower part is behind the bezel
        y = max(y, glass.ink.shape[0] - size[1] * random.uniform(0.45, 0.95))
    share = random.uniform(0.6, 1.0)
    start = end - step * len(digits)
    for index, digit in enumerate(digits):
        if start + step * index < 1:
            continue
        at = round(start + step * index), round(y)
        stamp(glass.ink, cv2.resize(face[digit], size, interpolation=cv2.INTER_AREA), at, share)
        if decimals and index == len(digits) - decimals:
            dot = np.full((max(1, size[1] // 9),) * 2, 255, np.uint8)
            stamp(glass.ink, dot, (at[0] - round((step - size[0]) * 0.7) - 1, round(y) + size[1] - dot.shape[0]), share)
    glass.taken.append((start, y, right, y + size[1]))
    if unit:
        stamp(glass.ink, mask, (round(right - mask.shape[1]), round(y + size[1] - mask.shape[0])), share)
    if random.random() < 0.25:
        mark = fonts.text_mask("MD", "arimo-700", max(4, round(size[1] * 0.7)))
        glass.stamp(mark, (start - mark.shape[1] - step * 0.3, y + size[1] - mark.shape[0]), share)


def print_signs(random: np.random.Generator, glass: GlassInk, height: float) -> None:
    """Prints registers, tariffs and signs where the glass has room left; the digits are `height` pixels high."""
    rows, columns = glass.ink.shape
    for _ in range(int(random.integers(1, 5))):
        size = height * random.uniform(0.14, 0.34)
        kind = random.random()
        if kind < 0.4:
            font = str(random.choice(fonts.TEXT_FONTS))
            mask = fonts.text_mask(str(random.choice(REGISTERS)), font, max(4, round(size)))
        elif kind < 0.55:
            mask = fonts.text_mask(f"T{random.integers(1, 5)}", "arimo-700", max(4, round(size)))
        else:
            mask = _sign(random, max(7, round(size * 1.3)))
        edge_x = random.choice([0.02, 0.96]) if random.random() < 0.6 else random.random()
        edge_y = random.choice([0.04, 0.94]) if random.random() < 0.6 else random.random()
        corner = 2 + edge_x * (columns - mask.shape[1] - 4), 1 + edge_y * (rows - mask.shape[0] - 2)
        glass.stamp(mask, corner, random.uniform(0.5, 1.0))


def print_phases(random: np.random.Generator, glass: GlassInk) -> None:
    """Prints R, Y and B one below the other at the left end, with a mark beside each or without."""
    rows = glass.ink.shape[0]
    size = max(4, round(rows * random.uniform(0.13, 0.19)))
    marked = random.random() < 0.6
    for letter, share in zip("RYB", (0.05, 0.38, 0.71), strict=True):
        mask = fonts.text_mask(letter, "arimo-400", size)
        corner = 3, round(share * rows)
        if glass.stamp(mask, corner) and marked:
            box = np.full((mask.shape[0], max(3, mask.shape[1] * 2 // 3)), 255, np.uint8)
            box[1:-1, mask.shape[1] // 3] = 0
            glass.stamp(box, (corner[0] + mask.shape[1] + 1, corner[1]), 0.9)


def _sign(random: np.random.Generator, size: int) -> np.ndarray:
    """Returns an arrow, a triangle, a battery, a bulb or a plug as a uint8 mask, `size` pixels high."""
    kind = str(random.choice(["arrow", "triangle", "battery", "bulb", "square"], p=[0.4, 0.15, 0.2, 0.15, 0.1]))
    if kind in ("arrow", "triangle"):
        mask = np.zeros((size, size), np.uint8)
        points = np.array(ARROW if kind == "arrow" else TRIANGLE) * (size - 1)
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
        return np.ascontiguousarray(np.rot90(mask, int(random.integers(4))))
    thin = max(1, size // 9)
    if kind == "battery":
        mask = np.zeros((size, 2 * size), np.uint8)
        cv2.rectangle(mask, (0, size // 5), (2 * size - 4, size - 1 - size // 5), 255, thin)
        mask[size // 3 : size - size // 3, -3:] = 255
        for cell in range(int(random.integers(0, 4))):
            x = 3 + cell * (2 * size - 8) // 3
            mask[size // 5 + 2 : size - 2 - size // 5, x : x + max(1, size // 3)] = 255
        return mask
    mask = np.zeros((size, size), np.uint8)
    if kind == "square":
        cv2.rectangle(mask, (0, 0), (size - 1, size - 1), 255, thin)
        mask[size // 3 : -(size // 3), size // 3 : -(size // 3)] = 255
        return mask
    middle = size // 2
    cv2.circle(mask, (middle, middle), max(2, size // 4), 255, thin, cv2.LINE_AA)
    mask[middle + size // 4 : middle + size // 4 + max(2, size // 6), middle - size // 8 : middle + size // 8 + 1] = 255
    for angle in np.radians(np.arange(150, 400, 40)):
        ray = np.array([np.cos(angle), np.sin(angle)])
        start, end = (tuple(np.round(middle + ray * size * share).astype(int).tolist()) for share in (0.36, 0.48))
        cv2.line(mask, start, end, 255, 1, cv2.LINE_AA)
    return mask
