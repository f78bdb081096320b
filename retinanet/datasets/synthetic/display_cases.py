"""Cases of electricity meters with a display: light plastic, a printed plate, lamps, a button and a terminal cover."""

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.paint import color_near, line_frame, place_text, rounded_mask, smooth_noise
from retinanet.datasets.synthetic.plates import random_label
from retinanet.datasets.synthetic.prints import BRANDS, draw_barcode
from retinanet.datasets.synthetic.windows import DrawnWindow

LINES = (
    *("Single Phase Static kWh Meter", "ac, 1Ph, 2 Wire Static Energy Meter", "Static Watt-Hour Meter", "CAL", "Rev"),
    *("10(60)A 240V 50Hz", "5(80)A  230V", "CLASS 1.0", "Type: EM-96", "1 Phase 2 Wires", "IEC 62053-21", "YEAR 2016"),
    *("Single Phase Tamper Proof Meter", "3200imp/kWh", "1600 imp/kWh", "Ib 10 Imax 40", "Power  Pulse  Tmp"),
)
BODIES, BODY_SHARES = ("white", "grey", "cream", "silver", "black"), (0.4, 0.25, 0.18, 0.1, 0.07)
LAMP_COLORS = ((255, 60, 50), (255, 60, 50), (120, 24, 26), (110, 20, 24), (60, 220, 90), (230, 200, 60), (40, 60, 45))


def draw_case(random: np.random.Generator, window: DrawnWindow) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Returns a meter round a display: image, mask and place of the window's image as in DrawnFace."""
    window_width, window_height = window.corners.max(axis=0) - window.corners.min(axis=0)
    case_width = window_width * (random.uniform(1.15, 1.6) if random.random() < 0.6 else random.uniform(1.6, 2.6))
    case_height = max(case_width * random.uniform(0.55, 1.15), window_height * 2.2)
    cover = case_height * random.uniform(0.15, 0.5) if random.random() < 0.75 else 0.0
    room = round(case_width * random.uniform(0.04, 0.1))
    width, height = round(case_width) + 2 * room, round(case_height + cover) + 2 * room
    canvas = np.zeros((height, width, 3), np.float32)
    mask = np.zeros((height, width), np.uint8)
    box = room, room, width - room, room + round(case_height)
    if cover:
        _draw_terminals(random, canvas, mask, (box[0], box[3], box[2], height - room))
    _draw_ears(random, canvas, mask, box)
    radius = round(case_width * random.uniform(0.01, 0.09))
    body = color_near(random, str(random.choice(BODIES, p=BODY_SHARES)), 0.95)
    line_frame(canvas, box, body, radius)
    part = mask[box[1] : box[3], box[0] : box[2]]
    np.maximum(part, rounded_mask((box[2] - box[0], box[3] - box[1]), radius), out=part)
    _draw_edges(random, canvas, box, body)

    # The printed plate in the case, often as large as the case.
    inset = round(case_width * random.uniform(0.01, 0.06))
    plate_box = box[0] + inset, box[1] + inset, box[2] - inset, box[3] - round(inset * random.uniform(0.5, 2))
    line_frame(canvas, plate_box, window.plate, round(radius * random.uniform(0, 1)))
    corner = _window_corner(random, window, plate_box)
    image_height, image_width = window.image.shape[:2]
    y0, x0 = max(plate_box[1], corner[1]), max(plate_box[0], corner[0])
    y1, x1 = min(plate_box[3], corner[1] + image_height), min(plate_box[2], corner[0] + image_width)
    canvas[y0:y1, x0:x1] = window.image[y0 - corner[1] : y1 - corner[1], x0 - corner[0] : x1 - corner[0]]
    opening = window.corners + np.array(corner)
    # what stood round the window stays free, two thirds of its margin at least
    keep = opening.min(axis=0) - 0.3 * window_height, opening.max(axis=0) + 0.3 * window_height
    _print_plate(random, canvas, plate_box, (*keep[0], *keep[1]), window.plate)
    slope = random.normal(0, 0.12, 2)
    light = np.add.outer(1 + slope[1] * np.linspace(-1, 1, height), slope[0] * np.linspace(-1, 1, width))
    canvas *= light.astype(np.float32)[..., None]
    if random.random() < 0.3:
        canvas *= (1 + 0.07 * smooth_noise(random, (height, width), int(random.integers(2, 9))))[..., None]
    if random.random() < 0.25:
        _draw_film(random, canvas, box, opening)
    return np.clip(canvas, 0, 255).astype(np.uint8), mask, corner


def _window_corner(random: np.random.Generator, window: DrawnWindow, plate_box: tuple) -> tuple[int, int]:
    """Returns where the window's image stands so that its glass lies on the plate, mostly in the upper half."""
    low, high = window.corners.min(axis=0), window.corners.max(axis=0)
    room = np.array(plate_box[2:]) - plate_box[:2] - (high - low)
    share = np.array([np.clip(random.normal(0.5, 0.18), 0.03, 0.97), np.clip(random.normal(0.22, 0.15), 0.04, 0.9)])
    corner = np.array(plate_box[:2]) + np.maximum(room, 0) * share - low
    return tuple(np.round(corner).astype(int).tolist())


def _draw_edges(random: np.random.Generator, canvas: np.ndarray, box: tuple, body: np.ndarray) -> None:
    """Paints the edges of the case, and of the clear lid over it where there is one."""
    left, top, right, bottom = box
    wide = max(1, (right - left) // 120)
    for _ in range(int(random.integers(1, 4))):
        inset = round((right - left) * random.uniform(0.0, 0.05))
        tone = np.clip(body * random.uniform(0.45, 1.25), 0, 255).tolist()
        start, end = (left + inset, top + inset), (right - inset, bottom - inset)
        cv2.rectangle(canvas, start, end, tone, wide, cv2.LINE_AA)


def _draw_ears(random: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, box: tuple) -> None:
    """Paints the lugs or seals at the sides of the case."""
    left, top, right, bottom = box
    if random.random() < 0.6:
        return
    size = max(2, left)
    for x in (left - size // 2, right - size // 2):
        y = round(top + (bottom - top) * random.uniform(0.3, 0.9))
        tone = color_near(random, str(random.choice(["white", "grey", "blue", "red"])), 0.9).tolist()
        for target, color in ((canvas, tone), (mask, 255)):
            cv2.rectangle(target, (x, y), (x + size, y + round(size * 1.5)), color, -1)


def _draw_terminals(random: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, box: tuple) -> None:
    """Paints the terminal cover below the case: closed, or clear with screws and blocks behind, cables and a seal."""
    left, top, right, bottom = box
    inset = round((right - left) * random.uniform(0.0, 0.1))
    left, right, top = left + inset, right - inset, top - round((bottom - top) * 0.15)
    clear = random.random() < 0.55
    tone = color_near(random, str(random.choice(["grey", "white", "black", "cream"])), random.uniform(0.35, 1.0))
    canvas[top:bottom, left:right] = tone
    mask[top:bottom, left:right] = 255
    wide, high = right - left, bottom - top
    if clear:
        count = int(random.integers(4, 7))
        block = color_near(random, str(random.choice(["black", "white", "grey"])), 0.9).tolist()
        y = top + round(high * random.uniform(0.25, 0.45))
        cv2.rectangle(canvas, (left + wide // 12, y), (right - wide // 12, y + high // 2), block, -1)
        for index in range(count):
            x = round(left + wide * (0.14 + 0.72 * index / (count - 1)))
            metal = color_near(random, str(random.choice(["silver", "brass", "black"])), 0.8).tolist()
            cv2.circle(canvas, (x, y + high // 6), max(2, wide // 45), metal, -1, cv2.LINE_AA)
            cable = color_near(random, str(random.choice(["red", "black", "blue", "yellow"])), 0.8).tolist()
            cv2.line(
                canvas, (x, y + high // 3), (x + int(random.normal(0, wide / 40)), bottom), cable, max(2, wide // 40)
            )
    cv2.rectangle(canvas, (left, top), (right - 1, bottom - 1), (tone * 0.7).tolist(), max(1, wide // 150))
    for _ in range(int(random.integers(0, 3))):
        at = round(random.uniform(left, right)), round(random.uniform(top + high * 0.3, bottom))
        screw = color_near(random, str(random.choice(["brass", "silver", "red", "black"])), 0.9).tolist()
        cv2.circle(canvas, at, max(3, round(wide * random.uniform(0.015, 0.04))), screw, -1, cv2.LINE_AA)
    if random.random() < 0.25:
        # a seal of paper
        x, y = round(left + wide * random.uniform(0.1, 0.7)), round(top + high * random.uniform(0, 0.5))
        cv2.rectangle(canvas, (x, y), (x + wide // 5, y + high // 2), color_near(random, "white", 0.95).tolist(), -1)


def _print_plate(random: np.random.Generator, canvas: np.ndarray, box: tuple, keep: tuple, plate: np.ndarray) -> None:
    """Prints what makers print round a display: text, brand, lamps, bar code, serial number, button, symbols."""
    left, top, right, bottom = box
    taken = [keep]
    dark = plate.mean() < 90
    ink = np.full(3, 225.0 if dark else random.uniform(25, 80), np.float32)
    wide = right - left
    kinds = ["serial", "lamps", "barcode", "button", "triangle", "brand", "stripe", *["line"] * 8]
    for kind in random.permutation(kinds)[: int(random.integers(6, len(kinds) + 1))]:
        mask = None
        if kind in ("line", "brand", "serial"):
            mask = _text(random, str(kind), wide)
            size = mask.shape[::-1]
        else:
            shares = {"lamps": (0.3, 0.06), "barcode": (0.3, 0.07), "button": (0.1, 0.1), "triangle": (0.08, 0.07)}
            size = tuple(round(wide * share * random.uniform(0.7, 1.2)) for share in shares.get(str(kind), (0.9, 0.05)))
        if size[0] > wide - 8 or size[1] > bottom - top - 8:
            continue
        for _ in range(3):
            x, y = (
                round(random.uniform(left + 3, right - size[0] - 3)),
                round(random.uniform(top + 3, bottom - size[1] - 3)),
            )
            place = int(x), int(y), int(x) + size[0], int(y) + size[1]
            if not any(place[0] < o[2] and o[0] < place[2] and place[1] < o[3] and o[1] < place[3] for o in taken):
                taken.append(place)
                _print_part(random, canvas, str(kind), place, mask, ink)
                break


def _text(random: np.random.Generator, kind: str, wide: int) -> np.ndarray:
    font = str(random.choice(fonts.TEXT_FONTS))
    if kind == "serial":
        serial = "".join(map(str, random.integers(0, 10, int(random.integers(6, 10)))))
        return fonts.text_mask(serial, font, max(5, round(wide * random.uniform(0.03, 0.075))))
    if kind == "brand":
        return fonts.text_mask(str(random.choice(BRANDS)), font, max(5, round(wide * random.uniform(0.03, 0.07))))
    text = str(random.choice(LINES)) if random.random() < 0.8 else random_label(random)
    return fonts.text_mask(text, font, max(4, round(wide * random.uniform(0.018, 0.035))))


def _print_part(
    random: np.random.Generator, canvas: np.ndarray, kind: str, box: tuple, mask: np.ndarray | None, ink: np.ndarray
) -> None:
    left, top, right, bottom = box
    if mask is not None:
        color = ink if random.random() < 0.8 else color_near(random, str(random.choice(["red", "blue"])), 1.0)
        if kind == "serial" and random.random() < 0.6:
            cv2.rectangle(canvas, (left - 3, top - 3), (right + 3, bottom + 3), (238, 238, 234), -1)
            color = np.full(3, 30.0, np.float32)
        place_text(canvas, mask, (left, top), color)
    elif kind == "barcode":
        draw_barcode(random, canvas, box)
    elif kind == "stripe":
        tone = color_near(random, str(random.choice(["blue", "red", "green", "black", "grey"])), 1.0)
        cv2.rectangle(canvas, (left, top), (right, bottom), tone.tolist(), -1)
    elif kind == "lamps":
        count = int(random.integers(2, 5))
        radius = max(2, (bottom - top) // 3)
        for index in range(count):
            at = left + radius + (right - left - 2 * radius) * index // max(1, count - 1), (top + bottom) // 2
            lamp = LAMP_COLORS[int(random.integers(len(LAMP_COLORS)))]
            cv2.circle(canvas, at, radius, lamp, -1, cv2.LINE_AA)
            if max(lamp) > 200:
                cv2.circle(canvas, at, max(1, radius // 2), (255, 235, 225), -1, cv2.LINE_AA)
    elif kind == "button":
        centre, radius = ((left + right) // 2, (top + bottom) // 2), (right - left) // 2
        tone = color_near(random, str(random.choice(["grey", "cream", "red", "blue", "black"])), 1.0)
        cv2.circle(canvas, centre, radius, (tone * 0.7).tolist(), -1, cv2.LINE_AA)
        cv2.circle(canvas, centre, round(radius * 0.75), tone.tolist(), -1, cv2.LINE_AA)
    else:
        points = np.array([[(left + right) // 2, top], [right, bottom], [left, bottom]], np.int32)
        cv2.polylines(canvas, [points], True, ink.tolist(), max(1, (right - left) // 14), cv2.LINE_AA)


def _draw_film(random: np.random.Generator, canvas: np.ndarray, box: tuple, opening: np.ndarray) -> None:
    """Lays the rest of a torn clear film over the case: pale, with bright creases, thinner before the display."""
    left, top, right, bottom = box
    share = np.zeros(canvas.shape[:2], np.float32)
    points = random.uniform([left, top], [right, bottom], (int(random.integers(4, 7)), 2))
    hull = cv2.convexHull(points.astype(np.float32)).astype(np.int32)
    cv2.fillPoly(share, [hull], random.uniform(0.08, 0.3), cv2.LINE_AA)
    cv2.polylines(share, [hull], True, random.uniform(0.3, 0.7), 2, cv2.LINE_AA)
    for _ in range(int(random.integers(2, 9))):
        start, end = random.uniform([left, top], [right, bottom], (2, 2)).astype(int).tolist()
        cv2.line(share, start, end, random.uniform(0.2, 0.6), int(random.integers(1, 4)), cv2.LINE_AA)
    (x0, y0), (x1, y1) = (np.maximum(np.round(f(opening, axis=0)).astype(int), 0) for f in (np.min, np.max))
    share[y0:y1, x0:x1] *= random.uniform(0.3, 0.7)
    canvas += (np.array([235, 236, 238], np.float32) - canvas) * share[..., None]
