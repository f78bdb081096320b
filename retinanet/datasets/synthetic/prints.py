"""What makers print on the plates of meters."""

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.paint import color_near, place_text
from retinanet.datasets.synthetic.plates import random_label

# So many plates have bands.
BANDS_SHARE = 0.12
# Invented names, as long as real ones.
BRANDS = (
    *("AQUAVELT", "VELTRA", "NOVARIS", "Мерилон", "ЭКОВОДА", "НОРДИКА", "ИМПУЛЬТ", "Сферика", "Акваторис", "HYDRANTA"),
    *(
        "Minora",
        "FLOW",
        "GERDANA",
        "WATEXA",
        "СЧЕТЧИК",
        "ТЕПЛО",
        "Zentrika",
        "METRIVA",
        "Universal",
        "ВОДОМЕР",
        "GASMETER",
    ),
)


def _overlaps(box: tuple, others: list[tuple]) -> bool:
    return any(box[0] < o[2] and o[0] < box[2] and box[1] < o[3] and o[1] < box[3] for o in others)


def _draw_dial(random: np.random.Generator, canvas: np.ndarray, middle: tuple[float, float], radius: float) -> None:
    """Paints a pointer dial: a ring, ticks, digits round it and a red or black hand."""
    x, y = middle
    centre = round(x), round(y)
    dark = canvas[int(np.clip(y, 0, canvas.shape[0] - 1)), int(np.clip(x, 0, canvas.shape[1] - 1))].mean() < 90
    ink = (230, 230, 230) if dark else (40, 40, 44)
    red = color_near(random, "red", 1.05).tolist()
    if random.random() < 0.5:
        ground = color_near(random, str(random.choice(["white", "red", "black"], p=[0.7, 0.2, 0.1])), 1.0)
        ink = (235, 235, 235) if ground.mean() < 110 else (40, 40, 44)
        red = (240, 240, 240) if ground[0] > ground[1] + 60 else red
        cv2.circle(canvas, centre, round(radius), ground.tolist(), -1, cv2.LINE_AA)
    thin = max(1, round(radius / 22))
    if random.random() < 0.8:
        cv2.circle(canvas, centre, round(radius), ink, thin, cv2.LINE_AA)
    labelled = random.random() < 0.8
    for number in range(10):
        angle = 2 * np.pi * number / 10 - np.pi / 2
        ray = np.array([np.cos(angle), np.sin(angle)])
        start, end = (tuple(np.round([x, y] + ray * radius * share).astype(int).tolist()) for share in (0.88, 1.0))
        cv2.line(canvas, start, end, ink, thin, cv2.LINE_AA)
        if labelled and radius > 12:
            mask = fonts.text_mask(str(number), "roboto-400", max(4, round(radius * 0.24)))
            corner = np.round([x, y] + ray * radius * 0.68 - np.array(mask.shape[1::-1]) / 2).astype(int)
            place_text(canvas, mask, tuple(corner.tolist()), np.array(ink, np.float32))
    angle = random.uniform(0, 2 * np.pi)
    ray, side = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    tip, wide = ray * radius * random.uniform(0.6, 0.95), side * radius * random.uniform(0.06, 0.3)
    points = np.array([[x, y] + tip, [x, y] + wide, [x, y] - tip * 0.3, [x, y] - wide])
    color = red if random.random() < 0.8 else ink
    cv2.fillPoly(canvas, [np.round(points * 16).astype(np.int32)], color, cv2.LINE_AA, shift=4)
    cv2.circle(canvas, centre, max(1, round(radius * 0.12)), color, -1, cv2.LINE_AA)


def _draw_star(random: np.random.Generator, canvas: np.ndarray, middle: tuple[float, float], radius: float) -> None:
    """Paints the toothed wheel that shows that water runs."""
    teeth = int(random.integers(4, 10))
    angles = np.linspace(0, 2 * np.pi, teeth * 4, endpoint=False) + random.uniform(0, 6)
    reach = np.where(np.arange(teeth * 4) % 4 < 2, 1.0, random.uniform(0.4, 0.7)) * radius
    points = np.stack([np.cos(angles) * reach, np.sin(angles) * reach], axis=1) + middle
    color = color_near(random, str(random.choice(["black", "black", "red", "blue", "grey"])), 1.0).tolist()
    cv2.fillPoly(canvas, [np.round(points * 16).astype(np.int32)], color, cv2.LINE_AA, shift=4)


def draw_barcode(random: np.random.Generator, canvas: np.ndarray, box: tuple[int, int, int, int]) -> None:
    """Paints a bar code, or a square code where the box is a square."""
    left, top, right, bottom = box
    part = canvas[max(0, top) : bottom, max(0, left) : right]
    if not part.size:
        return
    part[:] = 225
    if right - left < 1.3 * (bottom - top):
        cells = (random.random((17, 17)) < 0.5).astype(np.uint8)
    else:
        cells = (random.random((1, 48)) < 0.5).astype(np.uint8)
    mask = cv2.resize(cells, part.shape[1::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
    part[mask] = 35


def sometimes_print_bands(random: np.random.Generator, canvas: np.ndarray, corners: np.ndarray) -> None:
    """Paints bands across a share BANDS_SHARE of the plates, see `print_bands`; `corners` (4, 2) are the counter's.

    Chance is from a stream of its own: all else looks the same with bands and without.
    """
    bands = random.spawn(1)[0]
    if bands.random() < BANDS_SHARE:
        low, high = np.round([corners.min(axis=0), corners.max(axis=0)]).astype(int)
        print_bands(bands, canvas, (*low, *high))


def print_bands(random: np.random.Generator, canvas: np.ndarray, opening: tuple[int, int, int, int]) -> None:
    """Paints broad coloured bands across a plate, mostly past one end of the counter; the counter hides them.

    Seen from afar they merge with the outer wheel, and the window seems to end before it.

    Args:
        random: the only source of chance.
        canvas: float32 RGB, is painted on.
        opening: left, top, right, bottom of the counter, which stays as it is.
    """
    left, top, right, bottom = opening
    unit = bottom - top
    pad = round(unit * random.uniform(0.02, 0.15))
    rows, columns = slice(max(0, top - pad), bottom + pad), slice(max(0, left - pad), right + pad)
    counter = canvas[rows, columns].copy()
    angle = random.uniform(0.2, 0.8) * np.pi if random.random() < 0.8 else 0.0
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    wide = unit * random.uniform(0.12, 0.5)
    step = wide * random.uniform(1.4, 2.6)
    count = int(random.integers(1, 5))
    end = right if random.random() < 0.7 else left
    middle = np.array([end + unit * random.uniform(-1, 1), random.uniform(top, bottom)])
    color = color_near(random, str(random.choice(["red", "blue", "black", "grey"], p=[0.6, 0.2, 0.1, 0.1])), 1.0)
    reach = along * sum(canvas.shape)
    for place in np.arange(count) - (count - 1) / 2:
        line, half = middle + across * place * step, across * wide / 2
        points = np.array([line - reach - half, line + reach - half, line + reach + half, line - reach + half])
        cv2.fillPoly(canvas, [np.round(points * 16).astype(np.int32)], color.tolist(), cv2.LINE_AA, shift=4)
    canvas[rows, columns] = counter


def print_plate(
    random: np.random.Generator,
    canvas: np.ndarray,
    taken: list[tuple],
    middle: tuple[float, float],
    reach: tuple[float, float],
    dark: bool,
) -> None:
    """Fills a plate with what makers print on it: text, bar codes, pointer dials, star wheels, seals.

    Args:
        random: the only source of chance.
        canvas: float32 RGB, is painted on.
        taken: boxes (left, top, right, bottom) to keep free; grows by what is printed.
        middle: x, y of the plate's middle.
        reach: half its width and height; all is kept inside the ellipse of these.
        dark: light print on a dark plate.
    """
    x, y = middle
    half_x, half_y = reach
    ink = np.array([225.0] * 3 if dark else [45.0, 45, 50], np.float32)
    size = min(half_x, half_y)
    for kind in random.choice(
        ["dial", "star", "text", "brand", "barcode", "stripe", "seal"],
        int(random.integers(6, 17)),
        p=[0.17, 0.09, 0.44, 0.14, 0.06, 0.05, 0.05],
    ):
        angle, distance = random.uniform(0, 2 * np.pi), np.sqrt(random.uniform(0, 0.85))
        at = x + np.cos(angle) * distance * half_x * 0.9, y + np.sin(angle) * distance * half_y * 0.9
        if kind in ("text", "brand"):
            height = max(4, round(size * (random.uniform(0.05, 0.1) if kind == "text" else random.uniform(0.09, 0.2))))
            text = random_label(random) if kind == "text" else str(random.choice(BRANDS))
            mask = fonts.text_mask(text, str(random.choice(fonts.TEXT_FONTS)), height)
            width, height = mask.shape[1], mask.shape[0]
        elif kind == "barcode":
            height = round(size * random.uniform(0.1, 0.2))
            width = round(height * random.choice([1.0, 2.5, 4.0]))
        elif kind == "stripe":
            width, height = round(size * random.uniform(0.3, 1.2)), round(size * random.uniform(0.02, 0.1))
        else:
            width = height = round(2 * size * random.uniform(0.1, 0.24))
        box = round(at[0] - width / 2), round(at[1] - height / 2), round(at[0] + width / 2), round(at[1] + height / 2)
        corners = np.array([[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]]])
        outside = np.hypot((corners[:, 0] - x) / half_x, (corners[:, 1] - y) / half_y).max() > 1.02
        if _overlaps(box, taken) or outside:
            continue
        taken.append(box)
        color = ink if random.random() < 0.7 else color_near(random, str(random.choice(["red", "blue"])), 1.0)
        if kind in ("text", "brand"):
            place_text(canvas, mask, box[:2], color)
        elif kind == "barcode":
            draw_barcode(random, canvas, box)
        elif kind == "stripe":
            cv2.rectangle(canvas, box[:2], box[2:], color.tolist(), -1)
        elif kind == "dial":
            _draw_dial(random, canvas, at, width / 2 * 0.95)
        elif kind == "star":
            _draw_star(random, canvas, at, width / 2 * random.uniform(0.4, 0.8))
        else:
            cv2.circle(
                canvas,
                tuple(round(v) for v in at),
                round(width * 0.3),
                color.tolist(),
                max(1, width // 20),
                cv2.LINE_AA,
            )
