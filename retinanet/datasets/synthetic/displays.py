"""Electronic displays: seven-segment LCDs with ghost segments, LEDs and dot matrices."""

import cv2
import numpy as np

from retinanet.datasets.records import LabelledBox
from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.paint import blend, color_near, line_frame, place_text, upright_box

# Ground and ink of the glass, with the share of displays that look so.
LOOKS = (
    ((150, 165, 135), (30, 36, 34), 0.42),
    ((178, 184, 180), (28, 30, 36), 0.28),
    ((120, 150, 60), (20, 34, 16), 0.08),
    ((60, 100, 190), (225, 238, 250), 0.05),
    ((18, 14, 14), (255, 60, 40), 0.08),
    ((14, 18, 16), (70, 250, 120), 0.04),
    ((225, 150, 50), (40, 26, 10), 0.05),
)
# What stands beside the digits: units behind them, registers and tariffs above and below.
UNITS = ("m3", "m³", "kWh", "kW", "MWh", "L", "GJ", "imp")
REGISTERS = ("1.8.0", "15.8.0", "T1", "T2", "A+", "L1 L2 L3", "M", "TOTAL", "01", "Σ")
SIGNS_SHARE = 0.6


def draw_display(
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, tuple[LabelledBox, ...], str, np.ndarray]:
    """Returns a random display: image, corners, boxes, reading and plate color as in DrawnWindow."""
    height = round(random.uniform(56, 104))
    ground, ink = _random_look(random)
    ghosts = None
    kind = random.random()
    if kind < 0.8:
        face, ghosts = fonts.segment_digits(random)
    elif kind < 0.93:
        face = fonts.dot_digits(random)
    else:
        face = fonts.font_digits(str(random.choice(fonts.font_names())))
    digit_height = round(height * random.uniform(0.5, 0.8))
    digit_width = round(digit_height * face.shape[2] / face.shape[1] * random.uniform(0.85, 1.15))
    pitch = digit_width * random.uniform(1.15, 1.45)
    places = int(random.integers(5, 9))
    decimals = int(random.choice([0, 1, 2, 3, 4], p=[0.25, 0.15, 0.2, 0.35, 0.05]))
    lit = places if random.random() < 0.5 else int(random.integers(decimals + 1, places + 1))
    digits = random.integers(0, 10, lit)
    if lit == places and random.random() < 0.5:
        digits[: int(random.integers(1, places - decimals + 1))] = 0

    left_gap, right_gap = (round(height * random.uniform(0.1, 0.5)) for _ in range(2))
    # from a stream of its own: the digits are the same with signs and without
    signs = random.spawn(1)[0]
    has_signs = signs.random() < SIGNS_SHARE
    if has_signs:
        right_gap += round(height * signs.uniform(0, 0.9))
    width = round(left_gap + pitch * places + right_gap)
    margin_x, margin_y = round(height * random.uniform(0.5, 0.8)), round(height * random.uniform(0.45, 0.7))
    plate = color_near(random, str(random.choice(["white", "grey", "black", "silver", "cream"])), 0.9)
    canvas = np.empty((height + 2 * margin_y, width + 2 * margin_x, 3), np.float32)
    canvas[:] = plate
    rim = round(height * random.uniform(0.0, 0.2))
    line_frame(
        canvas,
        (margin_x - rim, margin_y - rim, margin_x + width + rim, margin_y + height + rim),
        color_near(random, str(random.choice(["black", "grey"])), 1.0),
        round(height * random.uniform(0, 0.2)),
    )
    canvas[margin_y : margin_y + height, margin_x : margin_x + width] = ground
    top = margin_y + round((height - digit_height) * random.uniform(0.3, 0.7))
    ghost_share = random.uniform(0.02, 0.16) if random.random() < 0.6 else 0.0
    boxes = []
    for place in range(places):
        left = round(margin_x + left_gap + pitch * place + (pitch - digit_width) / 2)
        part = canvas[top : top + digit_height, left : left + digit_width]
        if ghosts is not None and ghost_share:
            part[:] = blend(part, ink, _fit(ghosts, (digit_width, digit_height)) * ghost_share)
        index = place - (places - lit)
        if index < 0:
            continue
        part[:] = blend(part, ink, _fit(face[digits[index]], (digit_width, digit_height)))
        pad = (pitch - digit_width) * 0.25
        box = (left - pad, margin_y + 0.025 * height, left + digit_width + pad, margin_y + 0.975 * height)
        boxes.append(upright_box(*box, str(digits[index])))
    if has_signs:
        glass = (margin_x, margin_y, margin_x + width, margin_y + height)
        digits_end = round(margin_x + left_gap + pitch * places - (pitch - digit_width) / 2)
        _print_signs(signs, canvas, glass, (top, digits_end, top + digit_height), ink)
    if decimals:
        middle = margin_x + left_gap + pitch * (places - decimals)
        radius = max(1.5, digit_height * random.uniform(0.04, 0.07))
        y = top + digit_height - radius
        centre = (round(middle * 16), round(y * 16))
        cv2.circle(canvas, centre, round(radius * 16), ink.tolist(), -1, cv2.LINE_AA, shift=4)
        pad = radius * 1.6
        boxes.append(upright_box(middle - pad, y - pad, middle + pad, min(y + pad, margin_y + height - 1), "point"))
    text = "".join(map(str, digits))
    reading = f"{text[:-decimals]},{text[-decimals:]}" if decimals else text
    x0, y0, x1, y1 = margin_x, margin_y, margin_x + width, margin_y + height
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    return np.clip(canvas, 0, 255).astype(np.uint8), corners, tuple(boxes), reading, plate


def _print_signs(
    random: np.random.Generator,
    canvas: np.ndarray,
    glass: tuple[int, int, int, int],
    digits: tuple[int, int, int],
    ink: np.ndarray,
) -> None:
    """Prints a unit behind the digits and small signs above and below them, where the glass (xyxy) has room.

    `digits` are the top, the right end and the bottom of the digits; what is printed is no part of the reading.
    """
    left, above, right, below = glass
    top, end, bottom = digits
    font = str(random.choice(fonts.TEXT_FONTS))
    if random.random() < 0.7:
        height = round((bottom - top) * random.uniform(0.2, 0.45))
        mask = fonts.text_mask(str(random.choice(UNITS)), font, height)
        y = bottom - mask.shape[0] if random.random() < 0.6 else top
        if end + 2 + mask.shape[1] < right:
            place_text(canvas, mask, (end + 2, y), ink)
    for room, y in ((top - above, above + 1), (below - bottom, bottom + 1)):
        if room < 6 or random.random() < 0.5:
            continue
        words = random.choice(REGISTERS, int(random.integers(1, 4)))
        for word in words:
            mask = fonts.text_mask(str(word), font, max(4, round(room * random.uniform(0.5, 0.8))))
            if mask.shape[1] < right - left - 4:
                place_text(canvas, mask, (int(random.integers(left + 2, right - 1 - mask.shape[1])), y), ink)


def _random_look(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    look = LOOKS[int(random.choice(len(LOOKS), p=[share for *_, share in LOOKS]))]
    ground, ink = (np.clip(np.array(color) + random.normal(0, 12, 3), 0, 255) for color in look[:2])
    fade = random.uniform(0, 0.45)
    return ground.astype(np.float32), (ink + (ground - ink) * fade).astype(np.float32)


def _fit(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
