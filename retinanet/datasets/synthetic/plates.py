"""The plate round a counter window: openings, slots, marks of the fraction, print and cover glass."""

import cv2
import numpy as np

from retinanet.datasets.synthetic import fonts
from retinanet.datasets.synthetic.drums import WindowStyle
from retinanet.datasets.synthetic.paint import color_near, line_frame, place_text

PLATES = {"white": 50, "grey": 18, "cream": 10, "black": 8, "blue": 4, "red": 3, "silver": 7}

PRINTS = (
    *("Qn 1,5 m³/h", "Qn=1,5 м³/ч", "DN 15", "0,814", "30°C", "90°C", "H-B V-A", "класс B", "ГОСТ 50601", "PN 16"),
    *("СТ-15Х", "ВКМ-15", "WATER METER", "СЧЕТЧИК ВОДЫ", "EN 14154", "x0,0001", "1 imp = 10 l", "T50", "R80 H"),
)


def random_label(random: np.random.Generator) -> str:
    """Returns a line as plates carry them, none of them a reading: often a serial number."""
    if random.random() < 0.4:
        serial = "".join(map(str, random.integers(0, 10, int(random.integers(6, 10)))))
        year = f"{random.integers(5, 26):02d}"
        return str(
            random.choice([serial, f"№ {serial}", f"{serial[:2]}-{serial[2:]}", f"{serial} {year}", f"20{year}"])
        )
    return str(random.choice(PRINTS))


def draw_opening(random: np.random.Generator, canvas: np.ndarray, box: tuple, style: WindowStyle) -> None:
    """Paints the opening that all wheels share: its rim, and what is seen between the wheels."""
    left, top, right, bottom = box
    unit = bottom - top
    if random.random() < 0.35:
        thick = round(unit * random.uniform(0.03, 0.25))
        name = str(random.choice(["black", "white", "blue", "red"], p=[0.55, 0.3, 0.1, 0.05]))
        rim = left - thick, top - thick, right + thick, bottom + thick
        line_frame(canvas, rim, color_near(random, name, 1.0), round(unit * random.uniform(0, 0.3)))
    share = random.uniform(0.15, 0.9) if random.random() < 0.8 else 0.1
    canvas[top:bottom, left:right] = style.grounds[0] * share


def draw_slot(canvas: np.ndarray, box: tuple, plate: np.ndarray, depth: int, contrast: float) -> None:
    """Paints the bevel of a slot in the plate, `depth` pixels wide: dark above and left, bright below and right."""
    left, top, right, bottom = box
    canvas[top - depth : bottom + depth, left - depth : left] = plate * (1 - 0.5 * contrast)
    canvas[top - depth : bottom + depth, right : right + depth] = np.minimum(plate * (1 + 0.15 * contrast), 255)
    canvas[bottom : bottom + depth, left - depth : right + depth] = np.minimum(plate * (1 + 0.25 * contrast), 255)
    canvas[top - depth : top, left - depth : right + depth] = plate * (1 - contrast)


def mark_fraction(
    random: np.random.Generator,
    canvas: np.ndarray,
    style: WindowStyle,
    cells: list[tuple[int, int]],
    decimals: int,
    rows: tuple[int, int],
) -> None:
    """Paints what tells the fraction: a red frame, or a comma where neither color nor frame does, often beside them.

    Args:
        random: the only source of chance.
        canvas: is painted on.
        style: the make.
        cells: left and right edge of every wheel.
        decimals: wheels of the fraction, at least 1.
        rows: top and bottom of the opening.
    """
    top, bottom = rows
    unit = bottom - top
    start, end = cells[-decimals][0], cells[-1][1]
    if style.scheme[4]:
        pad = max(1, round(unit * random.uniform(0.02, 0.1)))
        thick = max(1, round(unit * random.uniform(0.03, 0.14)))
        red = color_near(random, "red", 1.0).tolist()
        cv2.rectangle(canvas, (start - pad, top - pad), (end + pad, bottom + pad), red, thick, cv2.LINE_AA)
    if style.marks_fraction and random.random() > 0.45:
        return
    before = cells[-decimals - 1][1]
    size = unit * random.uniform(0.14, 0.26)
    roomy = style.slots and start - before > 0.12 * unit
    y = bottom - size * random.uniform(0.0, 0.8) if roomy else bottom + unit * random.uniform(0.06, 0.16)
    dark = canvas[max(0, top - 8), max(0, cells[0][0] - 10)].mean() < 80
    ink = color_near(random, "white" if dark else str(random.choice(["black", "black", "red"])), 1.0)
    points = np.array([[-0.25, 0], [0.25, 0], [0.25, 0.4], [-0.15, 1.0], [0.0, 0.45], [-0.25, 0.45]])
    if not roomy and random.random() < 0.3:
        points = np.array([[-0.4, 0.9], [0.4, 0.9], [0.0, 0.0]])
    points = np.round((points * size + [(before + start) / 2, y]) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [points], ink.tolist(), cv2.LINE_AA, shift=4)


def finish_plate(
    random: np.random.Generator,
    canvas: np.ndarray,
    box: tuple[int, int, int, int],
    fraction_left: float | None,
) -> None:
    """Adds what stands round the opening: print, `m³`, a bracket, a bevelled cover glass.

    Args:
        random: the only source of chance.
        canvas: is painted on.
        box: left, top, right and bottom of the opening.
        fraction_left: where the fraction starts, None without one.
    """
    left, top, right, bottom = box
    unit = bottom - top
    dark = canvas[2, 2].mean() < 100
    ink = np.array([225.0] * 3 if dark else [45.0, 45, 50], np.float32)
    if random.random() < 0.5:
        mask = fonts.text_mask(
            str(random.choice(["m³", "m³", "м³", "M3", "kWh"])), "roboto-400", round(unit * random.uniform(0.22, 0.5))
        )
        x = right + round(unit * 0.12)
        if x + mask.shape[1] < canvas.shape[1]:
            place_text(canvas, mask, (x, bottom - mask.shape[0]), ink)
    for above in (True, False):
        if random.random() < 0.45:
            font = str(random.choice(fonts.TEXT_FONTS))
            mask = fonts.text_mask(random_label(random), font, round(unit * random.uniform(0.18, 0.4)))
            gap = round(unit * random.uniform(0.12, 0.4))
            y = top - gap - mask.shape[0] if above else bottom + gap
            x = min(round(left + random.uniform(-0.1, 0.9) * (right - left)), canvas.shape[1] - mask.shape[1] - 2)
            if x < 2 or y < 0 or y + mask.shape[0] > canvas.shape[0]:
                continue
            color = ink if random.random() < 0.7 else color_near(random, str(random.choice(["red", "blue"])), 1.0)
            place_text(canvas, mask, (x, y), color)
    glazed = random.random() < 0.25
    if random.random() < (0.6 if glazed else 0.12):
        draw_bracket(random, canvas, box, fraction_left, ink)
    if glazed:
        pad = round(unit * random.uniform(0.0, 0.18))
        _draw_cover(random, canvas, (left - pad, top - pad, right + pad, bottom + pad))


def draw_bracket(
    random: np.random.Generator, canvas: np.ndarray, box: tuple, fraction_left: float | None, ink: np.ndarray
) -> None:
    """Prints a line round the opening, closed, or, where there is a fraction, as far as the whole wheels go."""
    left, top, right, bottom = box
    unit = bottom - top
    pad, thick = round(unit * random.uniform(0.08, 0.3)), max(1, round(unit * random.uniform(0.02, 0.09)))
    if random.random() < 0.4 or fraction_left is None:
        cv2.rectangle(canvas, (left - pad, top - pad), (right + pad, bottom + pad), ink.tolist(), thick, cv2.LINE_AA)
        return
    end = round(fraction_left)
    points = [(end, top + round(unit * 0.05)), (end, top - pad), (left - pad, top - pad), (left - pad, bottom + pad)]
    points += [(end, bottom + pad), (end, bottom - round(unit * 0.05))]
    cv2.polylines(canvas, [np.array(points, np.int32)], False, ink.tolist(), thick, cv2.LINE_AA)


def _draw_cover(random: np.random.Generator, canvas: np.ndarray, box: tuple) -> None:
    """Lays a bevelled glass over the wheels: bright and dark edges, a tint, a sheen along it."""
    left, top, right, bottom = box
    part = canvas[max(0, top) : bottom, max(0, left) : right]
    share = random.uniform(0.0, 0.45)
    part *= 1 - share
    part += share * color_near(random, str(random.choice(["cream", "white", "brown"], p=[0.5, 0.3, 0.2])), 0.9)
    height, width = part.shape[:2]
    edge = max(1, round(height * random.uniform(0.03, 0.15)))
    for rows in (slice(0, edge), slice(-edge, None)):
        part[rows] += random.uniform(-60, 60)
    for columns in (slice(0, edge), slice(-edge, None)):
        part[:, columns] += random.uniform(-60, 60)
    if random.random() < 0.5:
        middle, spread = random.uniform(0, height), height * random.uniform(0.03, 0.2)
        sheen = np.exp(-(((np.arange(height) - middle) / spread) ** 2)) * random.uniform(15, 90)
        along = 0.5 + 0.5 * np.sin(np.linspace(0, random.uniform(1, 9), width) + random.uniform(0, 6))
        part += np.outer(sheen, along)[..., None]
