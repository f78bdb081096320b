"""The strip of a plate on which gas and electricity meters have their wheels, and what stands on it beside them.

The counter window is the wheels' opening, not the strip: a unit in the wheels' own ink, an arrow or a scale is no part.
"""

import dataclasses

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.drums import WindowStyle
from retinanet.datasets.synthetic.paint import line_frame, place_text


@dataclasses.dataclass(frozen=True)
class Strip:
    """A strip, lengths in shares of the opening's height.

    Attributes:
        meter: `gas`, `electricity` or `water`: the kind of meter whose case goes with it.
        plate: (3,) RGB round the strip.
        ground: (3,) RGB of the strip; None where each wheel has an opening of its own in the plate.
        ink: (3,) RGB of print on the plate.
        margins: of the plate that are drawn beyond the opening: left, top, right, bottom.
        pads: how far the strip reaches beyond the opening: left, top, right, bottom.
        radius: of its rounded corners.
        tail: depth of the swallow tail at its right end, 0 without.
        fraction_ground: (3,) RGB of the strip behind the fraction and beyond, None for that of the strip.
        frame: (3,) RGB of a frame round the fraction's wheels, None without.
        frame_width: of that frame.
        rim: (3,) RGB of lines at the left of the wheels and below them, None without.
        index: width of the white line that crosses the strip at the comma, 0 without.
        comma: height of the comma on the strip, 0 without.
        unit: text beside the wheels, in their ink, empty without.
        unit_gap, unit_height: its distance from the wheels, and how high its capitals are.
        unit_font: of TEXT_FONTS.
        unit_left: stands at the left of the wheels.
        scale: `10000` ... `1/10` at the wheels: `above`, `below` or empty.
        number: digits just below the strip, as large as those of the wheels, empty without.
        prints: lines above and below the strip, with their height.
        slack: standard deviation of how far single wheels stand off their digits, in digits.
        shadow: (first, last, light): shares of the strip's length between which so much of the light is left.
    """

    meter: str
    plate: np.ndarray
    ground: np.ndarray | None
    ink: np.ndarray
    margins: tuple[float, float, float, float]
    pads: tuple[float, float, float, float]
    radius: float = 0.0
    tail: float = 0.0
    fraction_ground: np.ndarray | None = None
    frame: np.ndarray | None = None
    frame_width: float = 0.0
    rim: np.ndarray | None = None
    index: float = 0.0
    comma: float = 0.0
    unit: str = ""
    unit_gap: float = 0.3
    unit_height: float = 0.6
    unit_font: str = "arimo-700"
    unit_left: bool = False
    scale: str = ""
    number: str = ""
    prints: tuple[tuple[str, float], tuple[str, float]] = (("", 0.0), ("", 0.0))
    slack: float = 0.0
    shadow: tuple[float, float, float] | None = None

    def reach(self, opening: np.ndarray) -> np.ndarray:
        """Returns (4, 2) corners of the whole strip round an opening (4, 2), upright: what may be taken for it."""
        low, high = opening.min(axis=0), opening.max(axis=0)
        left, top, right, bottom = np.array(self.pads) * (high[1] - low[1])
        x0, y0, x1, y1 = low[0] - left, low[1] - top, high[0] + right, high[1] + bottom
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def unit_length(text: str, font: str, height: float) -> float:
    """Returns how long a unit is whose capitals are so high, in the same measure."""
    return fonts.text_mask(text, font, 50).shape[1] / 50 * height if text else 0.0


def lay_strip(canvas: np.ndarray, opening: tuple[int, int, int, int], strip: Strip) -> None:
    """Paints the strip; opening is left, top, right and bottom of the wheels."""
    if strip.ground is None:
        return
    left, top, right, bottom = _strip_box(opening, strip)
    unit = opening[3] - opening[1]
    line_frame(canvas, (left, top, right, bottom), strip.ground, round(strip.radius * unit))
    if strip.tail:
        middle = (top + bottom) / 2 + 0.02 * unit
        notch = [(right + 1, top), (right + 1, bottom), (right - strip.tail * unit, middle)]
        _fill(canvas, notch, strip.plate)


def finish_strip(
    canvas: np.ndarray,
    opening: tuple[int, int, int, int],
    strip: Strip,
    style: WindowStyle,
    cells: list[tuple[int, int]],
    decimals: int,
) -> None:
    """Paints what stands on the strip and round it, over the wheels where it must.

    Args:
        canvas: float32 RGB, is painted on.
        opening: left, top, right and bottom of the wheels.
        strip: what to paint.
        style: the make of the wheels.
        cells: left and right edge of every wheel.
        decimals: wheels of the fraction.
    """
    left, top, right, bottom = opening
    unit = bottom - top
    box = _strip_box(opening, strip)
    if decimals:
        first, before = cells[-decimals][0], cells[-decimals - 1][1]
        _mark_comma(canvas, opening, strip, (first + before) / 2)
        if strip.frame is not None:
            thick = max(1, round(strip.frame_width * unit))
            pad = thick // 2
            corners = (first - pad, top - pad), (cells[-1][1] + pad, bottom + pad)
            cv2.rectangle(canvas, *corners, strip.frame.tolist(), thick, cv2.LINE_AA)
    if strip.rim is not None:
        thick = max(1, round(0.035 * unit))
        canvas[top:bottom, left : left + thick] = strip.rim
        canvas[bottom - thick : bottom, left:right] = strip.rim
    if strip.unit:
        mask = fonts.text_mask(strip.unit, strip.unit_font, max(4, round(strip.unit_height * unit)))
        gap = round(strip.unit_gap * unit)
        x = left - gap - mask.shape[1] if strip.unit_left else right + gap
        ink = style.inks[0] if strip.ground is not None else strip.ink
        place_text(canvas, mask, (x, (top + bottom - mask.shape[0]) // 2), ink)
    y_above, y_below = box[1] - round(0.1 * unit), box[3] + round(0.1 * unit)
    if strip.scale:
        rows = _print_scale(canvas, strip, cells, decimals, unit, (y_above, y_below))
        y_above, y_below = y_above - rows * (strip.scale == "above"), y_below + rows * (strip.scale == "below")
    if strip.number:
        size = max(4, round(style.glyph[1] * unit))
        mask = fonts.text_mask(strip.number, strip.unit_font, size)
        place_text(canvas, mask, ((left + right - mask.shape[1]) // 2, y_below), strip.ink)
        y_below += size
    for (text, height), above in zip(strip.prints, (True, False), strict=True):
        if text:
            mask = fonts.text_mask(text, strip.unit_font, max(4, round(height * unit)))
            y = y_above - mask.shape[0] if above else y_below
            x = (left + right - mask.shape[1]) // 2
            if min(x, y) >= 0 and x + mask.shape[1] <= canvas.shape[1] and y + mask.shape[0] <= canvas.shape[0]:
                place_text(canvas, mask, (x, y), strip.ink)
    if strip.shadow is not None:
        # up to the rounded ends: their corners show the plate
        low, high = box[0] + round(strip.radius * unit), box[2] - round(max(strip.radius, strip.tail) * unit)
        start, end = (round(low + (high - low) * share) for share in strip.shadow[:2])
        canvas[max(0, box[1]) : box[3], max(0, start) : max(0, end)] *= strip.shadow[2]


def colour_fraction_ground(
    canvas: np.ndarray, opening: tuple[int, int, int, int], strip: Strip, fraction_left: float
) -> None:
    """Paints the strip behind the fraction and beyond it, before the wheels are."""
    if strip.fraction_ground is None:
        return
    _, top, right, bottom = _strip_box(opening, strip)
    unit = opening[3] - opening[1]
    box = round(fraction_left), top, right, bottom
    line_frame(canvas, box, strip.fraction_ground, round(strip.radius * unit * 0.8))
    canvas[max(0, top) : bottom, box[0] : box[0] + round(strip.radius * unit)] = strip.fraction_ground


def _strip_box(opening: tuple[int, int, int, int], strip: Strip) -> tuple[int, int, int, int]:
    unit = opening[3] - opening[1]
    left, top, right, bottom = (round(pad * unit) for pad in strip.pads)
    return opening[0] - left, opening[1] - top, opening[2] + right, opening[3] + bottom


def _mark_comma(canvas: np.ndarray, opening: tuple[int, int, int, int], strip: Strip, x: float) -> None:
    """Paints index line and comma between the last whole wheel and the fraction."""
    _, top, right, bottom = opening
    unit = bottom - top
    box = _strip_box(opening, strip)
    white = np.array([226.0, 226, 222], np.float32)
    if strip.index:
        half = max(1, round(strip.index * unit / 2))
        columns = slice(round(x) - half, round(x) + half)
        canvas[max(0, box[1]) : top, columns] = white
        canvas[bottom : box[3], columns] = white
    if strip.comma:
        size = strip.comma * unit
        y = bottom - size * 0.4 if strip.ground is not None else bottom + 0.05 * unit
        ink = white if strip.ground is not None and strip.ground.mean() < 110 else strip.ink
        cv2.circle(canvas, (round(x), round(y)), max(1, round(size * 0.4)), ink.tolist(), -1, cv2.LINE_AA)
        tail = [(x + size * 0.4, y), (x, y + size * 0.3), (x - size * 0.35, y + size * 0.85)]
        _fill(canvas, tail, ink)


def _print_scale(
    canvas: np.ndarray,
    strip: Strip,
    cells: list[tuple[int, int]],
    decimals: int,
    unit: int,
    rows: tuple[int, int],
) -> int:
    """Prints `10000` ... `1`, `1/10` at the wheels; returns how high that is."""
    size = max(4, round(0.2 * unit))
    for place, (start, end) in enumerate(cells):
        power = len(cells) - decimals - 1 - place
        mask = fonts.text_mask(str(10**power) if power >= 0 else f"1/{10**-power}", "roboto-400", size)
        x = round((start + end - mask.shape[1]) / 2)
        y = rows[0] - mask.shape[0] if strip.scale == "above" else rows[1]
        place_text(canvas, mask, (x, y), strip.ink)
    return round(size * 1.6)


def _fill(canvas: np.ndarray, points: list[tuple[float, float]], color: np.ndarray) -> None:
    fixed = np.round(np.array(points) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], color.tolist(), cv2.LINE_AA, shift=4)
