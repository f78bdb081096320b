"""Meter faces drawn whole: body, rim, plate, print and pointer dials round a counter window."""

import dataclasses

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.paint import color_near, place_text, rounded_mask, smooth_noise
from retinanet.datasets.synthetic.plates import random_label
from retinanet.datasets.synthetic.windows import DrawnWindow

BRANDS = (
    *("AQUA", "VALTEC", "NOVA", "Метер", "ЭКО НОМ", "НОРМА", "ПУЛЬС", "Система", "Акватория", "HYDRA", "Minol", "FLOW"),
    *("GERDA", "ITALMA", "WATEX", "СЧЕТЧИК", "ТЕПЛО", "Zentrum", "METRON", "Universal", "ВОДОМЕР", "GASMETER", "ELKO"),
)


@dataclasses.dataclass(frozen=True)
class DrawnFace:
    """A meter without its surroundings.

    Attributes:
        image: uint8 RGB (height, width, 3).
        mask: uint8 (height, width), 255 where the meter is.
        to_face: (2,) the pixel of the image where the window image's top-left stands; None without a window.
        middle: (2,) x, y of the plate's middle in pixels of the image.
        radius: half the plate's width in pixels.
    """

    image: np.ndarray
    mask: np.ndarray
    to_face: tuple[int, int] | None
    middle: tuple[float, float]
    radius: float


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


def _draw_barcode(random: np.random.Generator, canvas: np.ndarray, box: tuple[int, int, int, int]) -> None:
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


def _print_plate(random: np.random.Generator, canvas: np.ndarray, taken: list, middle, reach, dark: bool) -> None:
    """Fills the plate with what makers print on it, off the boxes already taken."""
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
            _draw_barcode(random, canvas, box)
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


def draw_face(random: np.random.Generator, window: DrawnWindow | None, unit: float) -> DrawnFace:
    """Returns a random meter.

    Args:
        random: the only source of chance.
        window: the counter that it shows; its image is laid onto the plate. None for a plate without any.
        unit: height of the window's opening in pixels, or of one that might be there.
    """
    if window is not None:
        inner = window.corners.max(axis=0) - window.corners.min(axis=0)
        plate = window.plate
    else:
        inner = np.array([unit * random.uniform(4, 8), unit])
        plate = color_near(random, str(random.choice(["white", "grey", "cream", "black", "silver"])), 0.9)
    round_face = random.random() < 0.75
    half_x = inner[0] / 2 * random.uniform(1.15, 1.9) + unit * 0.3
    half_x = max(half_x, unit * random.uniform(2.2, 3.2))
    half_y = half_x if round_face else half_x * random.uniform(0.5, 1.3)
    half_y = max(half_y, unit * 1.6)
    rim = half_x * random.uniform(0.03, 0.28)
    room = round(rim + half_x * random.uniform(0.05, 0.5))
    width, height = round(2 * half_x + 2 * room), round(2 * half_y + 2 * room)
    x, y = width / 2, height / 2
    canvas = np.zeros((height, width, 3), np.float32)
    mask = np.zeros((height, width), np.uint8)
    _draw_body(random, canvas, mask, (x, y), (half_x, half_y), rim, round_face)

    # Light from one side.
    slope = random.normal(0, 0.25, 2)
    canvas *= np.add.outer(slope[1] * np.linspace(-1, 1, height), 1 + slope[0] * np.linspace(-1, 1, width)).astype(
        np.float32
    )[..., None]
    centre = round(x), round(y)
    plate_mask = np.zeros((height, width), np.uint8)
    if round_face:
        cv2.circle(plate_mask, centre, round(half_x), 255, -1, cv2.LINE_AA)
    else:
        shape = rounded_mask((round(2 * half_x), round(2 * half_y)), round(half_x * random.uniform(0.02, 0.3)))
        top, left = round(y - half_y), round(x - half_x)
        plate_mask[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    plate_layer = np.empty_like(canvas)
    plate_layer[:] = plate
    taken, corner = [], None
    if window is not None:
        reach_y = max(0.0, np.sqrt(max(0.0, half_y**2 - (inner[0] / 2) ** 2)) if round_face else half_y * 0.75) - unit
        shift_y = float(np.clip(random.normal(-0.3, 0.3), -0.85, 0.6)) * max(0.0, reach_y)
        shift_x = random.normal(0, 0.1) * max(0.0, half_x - inner[0] / 2)
        opening = np.array([x + shift_x, y + shift_y]) - inner / 2
        corner = tuple(np.round(opening - window.corners.min(axis=0)).astype(int).tolist())
        image_height, image_width = window.image.shape[:2]
        # Only part of the window's own margin comes along, so that its print is no frame of its own kind.
        taken.append((opening[0] - unit * 0.3, opening[1] - unit * 0.3, *(opening + inner + unit * 0.3)))
    dark = bool(plate.mean() < 90)
    if corner is not None:
        paste = window.image.astype(np.float32)
        y0, x0 = max(0, corner[1]), max(0, corner[0])
        y1, x1 = min(height, corner[1] + image_height), min(width, corner[0] + image_width)
        plate_layer[y0:y1, x0:x1] = paste[y0 - corner[1] : y1 - corner[1], x0 - corner[0] : x1 - corner[0]]
        taken.append((corner[0] + 1, corner[1] + 1, corner[0] + image_width, corner[1] + image_height))
    _print_plate(random, plate_layer, taken, (x, y), (half_x, half_y), dark)
    if random.random() < 0.5:
        worn = 1 + 0.06 * smooth_noise(random, (height, width), int(random.integers(2, 9)))
        plate_layer *= worn[..., None]
    share = plate_mask.astype(np.float32) / 255
    # The rim's wall shades the plate's edge.
    wall = cv2.GaussianBlur(share, (0, 0), max(0.8, half_x * random.uniform(0.01, 0.05)))
    plate_layer *= (0.45 + 0.55 * np.clip(wall * 2 - 1, 0, 1) ** 0.5)[..., None]
    canvas += (plate_layer - canvas) * share[..., None]
    np.maximum(mask, plate_mask, out=mask)
    if random.random() < 0.4:
        _draw_glint(random, canvas, centre, half_x + rim * random.uniform(-1.0, 0.8))
    return DrawnFace(np.clip(canvas, 0, 255).astype(np.uint8), mask, corner, (x, y), half_x)


def _draw_glint(random: np.random.Generator, canvas: np.ndarray, centre: tuple[int, int], radius: float) -> None:
    """Adds the bright arcs that a lamp leaves on a round glass."""
    glint = np.zeros(canvas.shape[:2], np.float32)
    for _ in range(int(random.integers(1, 4))):
        start = random.uniform(0, 360)
        axes = (max(2, round(radius)),) * 2
        thick = max(1, round(radius * random.uniform(0.01, 0.06)))
        cv2.ellipse(glint, centre, axes, 0, start, start + random.uniform(8, 70), random.uniform(60, 200), thick)
    canvas += cv2.GaussianBlur(glint, (0, 0), max(0.8, radius * 0.012))[..., None]


def _draw_body(random, canvas, mask, middle, reach, rim, round_face) -> None:
    """Paints pipe, nuts, body, lid and rim, and marks them in the mask."""
    height, width = mask.shape
    x, y = middle
    half_x, half_y = reach
    metal = color_near(random, str(random.choice(["brass", "grey", "silver", "brown", "white"])), 0.8)
    if random.random() < 0.75:
        thick = half_x * random.uniform(0.3, 0.8)
        profile = np.sqrt(np.clip(1 - np.linspace(-1, 1, max(2, round(thick))) ** 2, 0.05, 1)).astype(np.float32)
        top = round(y - thick / 2)
        rows = slice(top, top + len(profile))
        if random.random() < 0.5:
            canvas[rows] = metal * profile[: canvas[rows].shape[0], None, None]
            mask[rows] = 255
        else:
            left = round(x - thick / 2)
            columns = slice(left, left + len(profile))
            canvas[:, columns] = metal * profile[None, : canvas[:, columns].shape[1], None]
            mask[:, columns] = 255
    names = ["white", "grey", "silver", "black", "brass", "blue", "red"]
    body = color_near(random, str(random.choice(names, p=[0.22, 0.2, 0.16, 0.14, 0.1, 0.1, 0.08])), 0.9)
    if random.random() < 0.2:
        # An open lid, hinged above.
        middle_y = round(y - half_y - rim - half_y * random.uniform(0.3, 0.9))
        cv2.ellipse(
            canvas,
            (round(x), middle_y),
            (round(half_x), round(half_y * 0.8)),
            0,
            0,
            360,
            (body * 0.9).tolist(),
            -1,
            cv2.LINE_AA,
        )
        cv2.ellipse(mask, (round(x), middle_y), (round(half_x), round(half_y * 0.8)), 0, 0, 360, 255, -1)
    for share, tone in ((1.0, random.uniform(0.6, 1.0)), (random.uniform(0.3, 0.8), random.uniform(0.5, 1.2))):
        pad = rim * share
        color = np.clip(body * tone, 0, 255).tolist()
        if round_face:
            cv2.circle(canvas, (round(x), round(y)), round(half_x + pad), color, -1, cv2.LINE_AA)
            cv2.circle(mask, (round(x), round(y)), round(half_x + pad), 255, -1)
        else:
            start = round(x - half_x - pad), round(y - half_y - pad)
            end = round(x + half_x + pad), round(y + half_y + pad)
            cv2.rectangle(canvas, start, end, color, -1)
            cv2.rectangle(mask, start, end, 255, -1)
