"""Electronic displays: seven-segment LCDs with ghost segments, LEDs and dot matrices."""

import cv2
import numpy as np

from deploy.recognition.classes import FRACTION_CLASS, POINT_CLASS
from retinanet.datasets.records import LabelledBox
from retinanet.datasets.synthetic import display_signs, fonts
from retinanet.datasets.synthetic.display_glass import GlassLook, draw_glass, random_look, stamp
from retinanet.datasets.synthetic.display_rows import DigitRow, random_row
from retinanet.datasets.synthetic.paint import color_near, line_frame, place_text, upright_box
from retinanet.datasets.synthetic.plates import random_label

SIGNS_SHARE, UNIT_SHARE, PREFIX_SHARE = 0.45, 0.75, 0.14
PLATES, PLATE_SHARES = ("white", "grey", "black", "silver", "cream", "blue"), (0.42, 0.19, 0.09, 0.13, 0.14, 0.03)
# What a box leaves free round a digit's segments, in shares of the digit's height.
BOX_PAD = 0.04


def draw_display(
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, tuple[LabelledBox, ...], str, np.ndarray]:
    """Returns a random display: image, corners, boxes, reading and plate color as in DrawnWindow.

    The window is the whole glass. A digit's box is as large as its seven segments, a little padded and cut off where
    the glass ends. Decimals that are smaller or fainter than the other digits have a `floatp` region round them, as
    high as the row, with a point before them or without.
    """
    look = random_look(random)
    face, ghosts = _random_face(random)
    # from a stream of its own: the digits are the same with signs and without
    signs = random.spawn(1)[0]
    prefix, unit = signs.random() < PREFIX_SHARE, None
    if signs.random() < UNIT_SHARE:
        unit = str(signs.choice(["right", "above", "below"], p=[0.7, 0.2, 0.1]))
    before, after = 0.45 * prefix, signs.uniform(0.3, 0.8) * (unit == "right")
    row, (width, height) = random_row(random, face.shape[2] / face.shape[1], before, after)
    ink = np.zeros((height, width), np.float32)
    boxes = draw_digits(random, ink, row, face, ghosts)
    glass_ink = display_signs.GlassInk(ink, [row.box])
    _print_round(signs, glass_ink, row, face, prefix, unit)
    glass = draw_glass(random, look, ink, row.height)

    margin_x, margin_y = (round(height * random.uniform(0.42, 0.7)) for _ in range(2))
    plate = color_near(random, PLATES[int(random.choice(len(PLATES), p=PLATE_SHARES))], 0.9)
    canvas = np.empty((height + 2 * margin_y, width + 2 * margin_x, 3), np.float32)
    canvas[:] = plate
    window = margin_x, margin_y, margin_x + width, margin_y + height
    _draw_bezel(random, canvas, window, row.height)
    _print_beside(signs, canvas, window, row.height, plate)
    canvas[margin_y : margin_y + height, margin_x : margin_x + width] = glass
    if look.lit and random.random() < 0.4:
        _glow(random, canvas, window, look)
    moved = tuple(LabelledBox(box.corners + np.array([margin_x, margin_y], np.float32), box.label) for box in boxes)
    x0, y0, x1, y1 = window
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    return np.clip(canvas, 0, 255).astype(np.uint8), corners, moved, row.reading, plate


def _random_face(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns the digits' face, and the mask of all its segments where it has any."""
    kind = random.random()
    if kind < 0.9:
        return fonts.segment_digits(random)
    if kind < 0.96:
        return fonts.dot_digits(random), None
    return fonts.font_digits(str(random.choice(fonts.font_names()))), None


def draw_digits(
    random: np.random.Generator, ink: np.ndarray, row: DigitRow, face: np.ndarray, ghosts: np.ndarray | None
) -> list[LabelledBox]:
    """Paints the row's digits, ghosts and point, and returns their boxes in pixels of the glass."""
    height, width = ink.shape
    ghost_share = 0.0
    if ghosts is not None and random.random() < 0.5:
        ghost_share = random.uniform(0.02, 0.14) if random.random() < 0.85 else random.uniform(0.14, 0.3)
    # a digit that is lit stays darker than one that is not
    ghost_share = min(ghost_share, 0.4 * min(row.shares))
    pad = BOX_PAD * row.height
    boxes = []
    dark = row.places - len(row.digits)
    for place, (left, size, share) in enumerate(zip(row.lefts, row.sizes, row.shares, strict=True)):
        corner = round(left), row.bottom - size[1]
        if ghosts is not None and ghost_share:
            stamp(ink, cv2.resize(ghosts, size, interpolation=cv2.INTER_AREA), corner, ghost_share)
        if place < dark:
            continue
        digit = row.digits[place - dark]
        stamp(ink, cv2.resize(face[digit], size, interpolation=cv2.INTER_AREA), corner, share)
        right, bottom = min(corner[0] + size[0] + pad, width), min(row.bottom + pad, height)
        boxes.append(upright_box(max(0.0, corner[0] - pad), max(0.0, corner[1] - pad), right, bottom, str(digit)))
    first = row.places - row.decimals
    if row.has_point:
        radius = max(1.5, row.height * random.uniform(0.035, 0.065))
        previous = row.lefts[first - 1] + row.sizes[first - 1][0]
        x, y = (previous + row.lefts[first]) / 2, row.bottom - radius
        mask = np.zeros(ink.shape, np.uint8)
        if random.random() < 0.5:
            cv2.circle(mask, (round(x * 16), round(y * 16)), round(radius * 16), 255, -1, cv2.LINE_AA, shift=4)
        else:
            start, end = ((round((x + side) * 16), round((y + side) * 16)) for side in (-radius, radius))
            cv2.rectangle(mask, start, end, 255, -1, cv2.LINE_AA, shift=4)
        np.maximum(ink, mask * np.float32(1 / 255), out=ink)
        pad = radius * 1.6
        boxes.append(upright_box(x - pad, y - pad, x + pad, min(y + pad, height), POINT_CLASS))
    if row.marks_fraction:
        # as high as the row, as that of wheels is
        corners = np.concatenate([box.corners for box in boxes if box.label.isdecimal()])
        (left, _), (right, _) = (f(corners[-4 * row.decimals :], axis=0) for f in (np.min, np.max))
        boxes.append(upright_box(left, corners[:, 1].min(), right, corners[:, 1].max(), FRACTION_CLASS))
    return boxes


def _print_round(
    random: np.random.Generator,
    glass: display_signs.GlassInk,
    row: DigitRow,
    face: np.ndarray,
    prefix: bool,
    unit: str | None,
) -> None:
    """Prints what stands round the digits on the glass and is no part of the reading."""
    height, width = glass.ink.shape
    left, top, right, bottom = row.box
    cell = row.sizes[0][0]
    if row.sizes[-1][1] < 0.8 * row.height and random.random() < 0.7:
        # the unit stands on the half-high decimals
        glass.taken = [(left, top, row.lefts[-row.decimals], bottom)]
        glass.taken.append((row.lefts[-row.decimals], row.bottom - row.sizes[-1][1], right, bottom))
        mask = display_signs.unit_mask(random, (row.height - row.sizes[-1][1]) * random.uniform(0.4, 0.75))
        glass.stamp(mask, (row.lefts[-row.decimals] + 2, top + 1))
    elif unit:
        mask = display_signs.unit_mask(random, row.height * random.uniform(0.18, 0.42))
        level = random.choice([top, (top + bottom - mask.shape[0]) / 2, min(bottom, height) - mask.shape[0]])
        beside = right - mask.shape[1] - random.uniform(0, 0.3) * cell
        places = {
            "right": (right + row.height * random.uniform(0.05, 0.2), level),
            "above": (beside, top - mask.shape[0] * 1.15),
            "below": (beside, bottom + mask.shape[0] * 0.15),
        }
        glass.stamp(mask, places[unit], random.uniform(0.7, 1.0))
    if prefix:
        display_signs.print_prefix(random, glass, face, row.box, cell)
    if row.layout == "second_row" or (row.layout == "tall" and random.random() < 0.3):
        end = min(width - 2.0, right + random.uniform(-1.0, 0.4) * cell)
        display_signs.print_second_row(random, glass, face, row.box, cell, end)
    if row.layout == "tall" and random.random() < 0.3:
        display_signs.print_phases(random, glass)
    if random.random() < SIGNS_SHARE:
        display_signs.print_signs(random, glass, row.height)


def _draw_bezel(random: np.random.Generator, canvas: np.ndarray, window: tuple, unit: float) -> None:
    """Paints what the glass is set in: a dark or grey frame, a thin printed line, or nothing but the plate."""
    left, top, right, bottom = window
    kind = random.random()
    if kind < 0.3:
        return
    rim = round(unit * (random.uniform(0.03, 0.3) if kind < 0.6 else random.uniform(0.02, 0.06)))
    tone = color_near(random, str(random.choice(["black", "grey", "white", "blue"], p=[0.5, 0.34, 0.14, 0.02])), 1.0)
    radius = round(unit * random.uniform(0, 0.25))
    line_frame(canvas, (left - rim, top - rim, right + rim, bottom + rim), tone, radius)
    if kind < 0.4 and rim > 3:
        # a bevel, dark above and bright below
        canvas[top - rim // 2 : top, left:right] *= random.uniform(0.4, 0.8)
        lower = canvas[bottom : bottom + rim // 2, left:right]
        lower += (245 - lower) * random.uniform(0.1, 0.7)


def _print_beside(
    random: np.random.Generator, canvas: np.ndarray, window: tuple, unit: float, plate: np.ndarray
) -> None:
    """Prints lines of text on the plate above and below the glass, and lamps below it, some of them shining."""
    left, top, right, bottom = window
    rows = canvas.shape[0]
    ink = np.full(3, 225.0 if plate.mean() < 90 else random.uniform(20, 90), np.float32)
    for above in (True, False):
        if random.random() < 0.5:
            size = unit * random.uniform(0.14, 0.3)
            mask = fonts.text_mask(random_label(random), str(random.choice(fonts.TEXT_FONTS)), max(5, round(size)))
            gap = round(unit * random.uniform(0.08, 0.3))
            y = top - gap - mask.shape[0] if above else bottom + gap
            x = round(left + random.uniform(0, 1) * max(0, right - left - mask.shape[1]))
            if y > 0 and y + mask.shape[0] < rows:
                place_text(canvas, mask, (x, y), ink)
    if random.random() < 0.2:
        radius = unit * random.uniform(0.08, 0.16)
        y = bottom + radius * random.uniform(1.5, 2.5)
        x = random.uniform(left, right)
        for _ in range(int(random.integers(1, 5))):
            shines = random.random() < 0.4
            tone = (255, 70, 60) if shines else (110, 20, 24)
            at = round(x), round(y)
            cv2.circle(canvas, at, max(2, round(radius)), tone, -1, cv2.LINE_AA)
            if shines:
                cv2.circle(canvas, at, max(1, round(radius / 2)), (255, 225, 215), -1, cv2.LINE_AA)
            x += radius * random.uniform(3, 5)


def _glow(random: np.random.Generator, canvas: np.ndarray, window: tuple, look: GlassLook) -> None:
    """Adds the light that a lit glass throws on the plate round it."""
    left, top, right, bottom = window
    small = np.zeros((canvas.shape[0] // 8 + 1, canvas.shape[1] // 8 + 1), np.float32)
    small[top // 8 : bottom // 8 + 1, left // 8 : right // 8 + 1] = random.uniform(0.1, 0.5)
    small = cv2.GaussianBlur(small, (0, 0), max(1.0, (bottom - top) / 8 * random.uniform(0.1, 0.3)))
    light = cv2.resize(small, canvas.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    light[top:bottom, left:right] = 0
    canvas += light[..., None] * look.ground
