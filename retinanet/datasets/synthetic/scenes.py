"""Places where meters hang, and other things that people photograph."""

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.paint import COLORS, color_near, place_text, smooth_noise
from retinanet.datasets.synthetic.plates import random_label
from retinanet.datasets.synthetic.prints import draw_barcode


def _random_color(random: np.random.Generator) -> np.ndarray:
    color = color_near(random, str(random.choice(list(COLORS))), random.uniform(0.3, 1.0))
    return color + (color.mean() - color) * np.float32(random.uniform(0, 0.9))


def draw_scene(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Returns a background without a meter, float32 RGB (height, width, 3); size is (width, height)."""
    # Half the size does: what lies behind a meter is out of focus or rough.
    width, height = size[0] // 2, size[1] // 2
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = _random_color(random)
    kind = random.random()
    if kind < 0.25:
        _draw_tiles(random, canvas)
    elif kind < 0.4:
        stripes = np.repeat(random.normal(0, 0.15, max(2, width // 4)), 4)[:width]
        canvas[:, : len(stripes)] *= (1 + stripes)[None, :, None].astype(np.float32)
    for cells in (2, 8, 40, 120):
        strength = random.uniform(0, 0.22)
        canvas *= (1 + strength * smooth_noise(random, (height, width), cells))[..., None]
    for _ in range(int(random.integers(0, 7))):
        draw_clutter(random, canvas)
    if random.random() < 0.3:
        text = random_label(random)
        mask = fonts.text_mask(text, str(random.choice(fonts.TEXT_FONTS)), round(height * random.uniform(0.02, 0.08)))
        x, y = (int(value) for value in random.uniform(0, [width, height]))
        place_text(canvas, mask, (x, y), _random_color(random))
    return cv2.resize(canvas, size, interpolation=cv2.INTER_LINEAR)


def _draw_tiles(random: np.random.Generator, canvas: np.ndarray) -> None:
    height, width = canvas.shape[:2]
    pitch = max(8, round(width * random.uniform(0.08, 0.4)))
    row = max(6, round(pitch * random.uniform(0.4, 1.2)))
    joint = _random_color(random)
    thick = max(1, round(pitch * random.uniform(0.02, 0.08)))
    for number, y in enumerate(range(int(random.integers(0, row)), height, row)):
        canvas[y : y + thick] = joint
        shift = (pitch // 2) * (number % 2) if random.random() < 0.5 else 0
        for x in range(shift, width, pitch):
            canvas[y : y + row, x : x + thick] = joint


def draw_clutter(random: np.random.Generator, canvas: np.ndarray) -> None:
    """Paints a pipe, a cable, a box or a leaf."""
    height, width = canvas.shape[:2]
    kind = random.random()
    color = _random_color(random)
    if kind < 0.4:
        thick = width * random.uniform(0.03, 0.16)
        start, end = random.uniform(0, [width, height], (2, 2))
        along = (end - start) / max(1.0, np.linalg.norm(end - start))
        start, end = start - along * 2 * width, end + along * 2 * width
        for share in np.linspace(1, 0.1, 6):
            shade = np.clip(color * (0.45 + 0.6 * (1 - share**2)), 0, 255).tolist()
            near, far = (np.round(point).astype(int).tolist() for point in (start, end))
            cv2.line(canvas, near, far, shade, max(1, round(thick * share)), cv2.LINE_AA)
    elif kind < 0.65:
        points = random.uniform(-0.1, 1.1, (4, 2)) * [width, height]
        t = np.linspace(0, 1, 24)[:, None]
        curve = (1 - t) ** 3 * points[0] + 3 * t * (1 - t) ** 2 * points[1]
        curve = curve + 3 * t**2 * (1 - t) * points[2] + t**3 * points[3]
        cv2.polylines(
            canvas,
            [np.round(curve).astype(np.int32)],
            False,
            color.tolist(),
            max(1, round(width * random.uniform(0.004, 0.04))),
            cv2.LINE_AA,
        )
    else:
        middle = random.uniform(0, [width, height])
        spread = random.normal(0, random.uniform(0.03, 0.2), (int(random.integers(3, 7)), 2)) * width
        hull = cv2.convexHull(np.round(middle + spread).astype(np.int32))
        cv2.fillPoly(canvas, [hull], color.tolist(), cv2.LINE_AA)


def draw_sticker(random: np.random.Generator, side: int) -> np.ndarray:
    """Returns a sticker with a serial number, mostly beside a bar code, `side` pixels wide, uint8 RGB."""
    line = max(7, round(side * random.uniform(0.08, 0.2)))
    code = round(line * random.uniform(0.8, 2.2)) if random.random() < 0.75 else 0
    pad = max(2, round(line * random.uniform(0.2, 0.6)))
    lines = int(random.integers(1, 3))
    canvas = np.empty((code + (line + pad) * lines + pad, side, 3), np.float32)
    canvas[:] = color_near(
        random, str(random.choice(["white", "silver", "yellow", "grey"], p=[0.6, 0.2, 0.1, 0.1])), 1.0
    )
    above = bool(random.random() < 0.5)
    if code:
        top = pad // 2 if above else canvas.shape[0] - code - pad // 2
        inset = round(side * random.uniform(0.03, 0.12))
        draw_barcode(random, canvas, (inset, top, side - inset, top + code))
    y = code + pad if above else pad
    for _ in range(lines):
        digits = "".join(map(str, random.integers(0, 10, int(random.integers(6, 13)))))
        spaced = " ".join(digits) if random.random() < 0.3 else digits
        text = spaced if random.random() < 0.8 else random_label(random)
        mask = fonts.text_mask(text, str(random.choice(fonts.TEXT_FONTS)), line)
        mask = _no_wider(mask, side * 0.94)
        place_text(canvas, mask, ((side - mask.shape[1]) // 2, y), np.array([30.0, 30, 34], np.float32))
        y += line + pad
    return np.clip(canvas, 0, 255).astype(np.uint8)


def _no_wider(mask: np.ndarray, width: float) -> np.ndarray:
    """Returns the mask of a line of text, made smaller where it is wider than so many pixels."""
    if mask.shape[1] <= width:
        return mask
    return cv2.resize(mask, (round(width), max(4, round(mask.shape[0] * width / mask.shape[1]))))


def draw_object(random: np.random.Generator, side: int) -> np.ndarray:
    """Returns a flat thing full of digits that is no meter, uint8 RGB: a paper, a clock, a number plate, a label."""
    kind = random.random()
    if kind < 0.35:
        height = round(side * random.uniform(0.7, 1.3))
        canvas = np.empty((height, side, 3), np.float32)
        canvas[:] = color_near(random, "white", 1.0)
        line = max(8, round(side * random.uniform(0.03, 0.08)))
        for y in range(line, height - line, round(line * 1.7)):
            words = "  ".join(random_label(random) for _ in range(int(random.integers(1, 5))))
            mask = fonts.text_mask(words, str(random.choice(fonts.TEXT_FONTS)), round(line * 0.7))
            place_text(canvas, mask, (line, y), np.array([40.0, 40, 46], np.float32))
    elif kind < 0.6:
        canvas = np.empty((side, side, 3), np.float32)
        canvas[:] = _random_color(random)
        face = color_near(random, str(random.choice(["white", "black", "cream"])), 1.0)
        ink = np.array([30.0] * 3 if face.mean() > 110 else [230.0] * 3, np.float32)
        middle = np.array([side / 2, side / 2])
        cv2.circle(canvas, (side // 2, side // 2), round(side * 0.46), face.tolist(), -1, cv2.LINE_AA)
        for hour in range(1, 13):
            ray = np.array([np.sin(hour * np.pi / 6), -np.cos(hour * np.pi / 6)])
            mask = fonts.text_mask(str(hour), "arimo-400", round(side * 0.06))
            place_text(canvas, mask, tuple(np.round(middle + ray * side * 0.37).astype(int).tolist()), ink)
        for length in (0.2, 0.33):
            angle = random.uniform(0, 2 * np.pi)
            end = middle + side * length * np.array([np.cos(angle), np.sin(angle)])
            cv2.line(
                canvas,
                (side // 2, side // 2),
                tuple(np.round(end).astype(int).tolist()),
                ink.tolist(),
                max(2, side // 50),
                cv2.LINE_AA,
            )
    else:
        height = round(side * random.uniform(0.2, 0.5))
        canvas = np.empty((height, side, 3), np.float32)
        canvas[:] = color_near(random, str(random.choice(["white", "silver", "yellow", "black", "blue"])), 1.0)
        ink = np.array([30.0] * 3 if canvas.mean() > 110 else [230.0] * 3, np.float32)
        text = random_label(random)
        mask = fonts.text_mask(text, str(random.choice(fonts.TEXT_FONTS)), round(height * random.uniform(0.3, 0.6)))
        mask = _no_wider(mask, side * 0.9)
        place_text(canvas, mask, ((side - mask.shape[1]) // 2, (height - mask.shape[0]) // 2), ink)
        edge = max(1, side // 80)
        cv2.rectangle(canvas, (edge, edge), (side - 1 - edge, height - 1 - edge), ink.tolist(), edge)
    return np.clip(canvas, 0, 255).astype(np.uint8)
