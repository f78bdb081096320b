"""Cases of electricity meters: light plastic or black iron, with a terminal cover below, on boards among cables."""

import cv2
import numpy as np

from retinanet.datasets.synthetic.faces import DrawnFace
from retinanet.datasets.synthetic.labels import paste, print_data
from retinanet.datasets.synthetic.paint import color_near, line_frame, mark_frame, smooth_noise
from retinanet.datasets.synthetic.windows import DrawnWindow

# Beyond so many lengths of the window a case is not drawn: it would lie outside of most photos.
LARGEST = 3.2


def draw_electricity_case(random: np.random.Generator, window: DrawnWindow | None, unit: float) -> DrawnFace:
    """Returns a random electricity meter, see `faces.draw_face`."""
    iron = window is not None and window.label == "analog" and random.random() < 0.5
    if window is None:
        plate = color_near(random, str(random.choice(["white", "grey", "cream"])), 0.95)
        inner, image = np.array([unit * random.uniform(4, 7), unit]), np.zeros((0, 0, 3), np.uint8)
    else:
        plate, image = window.plate, window.image
        inner = window.corners.max(axis=0) - window.corners.min(axis=0)
    length = max(inner[0], 3 * inner[1])
    plate_width = max(length * random.uniform(1.15, 1.9), image.shape[1] * random.uniform(0.8, 1.05))
    plate_height = max(plate_width * random.uniform(0.55, 1.25), inner[1] * 2.2)
    rim = plate_width * random.uniform(0.06, 0.32)
    case_width, case_height = plate_width + 2 * rim, plate_height + 2 * rim
    cover = case_height * random.uniform(0.22, 0.5) if random.random() < 0.75 else 0.0
    room = case_width * random.uniform(0.03, 0.3)
    width = round(min(case_width + 2 * room, LARGEST * length))
    height = round(case_height + cover + 2 * room)
    x0, y0 = round((width - case_width) / 2), round(room)
    x1, y1 = round(x0 + case_width), round(y0 + case_height)
    canvas, mask = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.uint8)
    if random.random() < 0.4:
        _draw_board(random, canvas, mask)
    for _ in range(int(random.integers(0, 7))):
        _draw_cable(random, canvas, mask, (x0, x1), y1)
    body = _iron(random) if iron else _plastic(random)
    if cover:
        _draw_cover(random, canvas, mask, (x0, y1 - round(rim * 0.3), x1, round(y1 + cover)), body)
    _draw_body(random, canvas, mask, (x0, y0, x1, y1), body, iron)
    left, top = round(x0 + rim), round(y0 + rim)
    box = left, top, round(left + plate_width), round(top + plate_height)
    edge = max(2, round(rim * random.uniform(0.08, 0.3)))
    outer = box[0] - edge, box[1] - edge, box[2] + edge, box[3] + edge
    radius = round(plate_width * random.uniform(0.0, 0.06))
    line_frame(canvas, outer, body * random.uniform(0.35, 0.7), radius + edge // 2)
    line_frame(canvas, box, plate, radius)
    taken, corner = [], None
    if window is not None:
        spare = np.maximum([plate_width - inner[0], plate_height - inner[1]], 0)
        # counters stand in the upper half of the plate
        shares = np.clip(random.normal([0.5, 0.28], [0.12, 0.15]), 0.04, 0.9)
        opening = np.array([left, top]) + spare * shares
        corner = tuple(np.round(opening - window.corners.min(axis=0)).astype(int).tolist())
        inside = canvas[max(0, outer[1]) : outer[3], max(0, outer[0]) : outer[2]]
        shift = corner[0] - max(0, outer[0]), corner[1] - max(0, outer[1])
        taken.append(tuple(np.add(paste(inside, image, shift), [*outer[:2], *outer[:2]]).tolist()))
    if iron or random.random() < 0.15:
        taken.append(_draw_disc(random, canvas, box, taken))
    ink = np.array([random.uniform(25, 80)] * 3 if plate.mean() > 100 else [220.0] * 3, np.float32)
    print_data(random, canvas, box, taken, "electricity", ink)
    if not iron:
        _draw_button(random, canvas, box, taken)
    canvas[max(0, top) : box[3], max(0, left) : box[2]] *= _glass(random, box, top, left)[..., None]
    if random.random() < (0.7 if iron else 0.3):
        worn = smooth_noise(random, (height, width), int(random.integers(4, 30)))
        canvas *= (1 + random.uniform(0.03, 0.16) * worn)[..., None]
    return DrawnFace(np.clip(canvas, 0, 255).astype(np.uint8), mask, corner)


def _iron(random: np.random.Generator) -> np.ndarray:
    return np.clip(random.uniform(22, 68) + random.normal([0, 0, 3], 4), 6, 100).astype(np.float32)


def _plastic(random: np.random.Generator) -> np.ndarray:
    color = color_near(random, str(random.choice(["white", "grey", "cream", "silver"], p=[0.45, 0.3, 0.1, 0.15])), 0.95)
    return (color + (color.mean() - color) * np.float32(random.uniform(0.3, 1.0))).astype(np.float32)


def _glass(random: np.random.Generator, box: tuple, top: int, left: int) -> np.ndarray:
    """Returns what is left of the light on the plate behind the case's edge: a shadow along the top and one side."""
    height, width = box[3] - max(0, top), box[2] - max(0, left)
    down, across = np.linspace(0, 1, height, dtype=np.float32), np.linspace(0, 1, width, dtype=np.float32)
    depth = random.uniform(0, 0.6, 2)
    shade = 1 - depth[0] * np.exp(-down * random.uniform(8, 40))
    side = 1 - depth[1] * np.exp(-across * random.uniform(10, 50))
    return np.outer(shade, side).astype(np.float32)


def _draw_board(random: np.random.Generator, canvas: np.ndarray, mask: np.ndarray) -> None:
    """Paints a wooden board under all."""
    height, width = mask.shape
    x0, x1 = round(width * random.uniform(-0.1, 0.12)), round(width * random.uniform(0.88, 1.1))
    y0, y1 = round(height * random.uniform(-0.1, 0.3)), round(height * random.uniform(0.9, 1.1))
    part = canvas[max(0, y0) : y1, max(0, x0) : x1]
    wood = np.array([[120, 74, 42], [150, 105, 66], [92, 52, 34]][int(random.integers(3))], np.float32)
    grain = np.repeat(random.normal(0, 0.12, max(2, part.shape[1] // 3 + 1)), 3)[: part.shape[1]]
    bend = smooth_noise(random, part.shape[:2], 3) * 0.12
    part[:] = wood * (1 + grain[None, :, None] + bend[..., None]).astype(np.float32)
    mask[max(0, y0) : y1, max(0, x0) : x1] = 255


def _draw_cable(
    random: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, columns: tuple[int, int], bottom: int
) -> None:
    """Paints a cable that runs from the case's top or bottom out of the picture."""
    height, width = mask.shape
    down = random.random() < 0.65
    x = random.uniform(*columns)
    start = np.array([x, bottom - 5 if down else height * 0.1])
    end = np.array([x + random.normal(0, 0.15) * width, height * 1.02 if down else -2.0])
    bow = random.normal(0, 0.08, 2) * width
    t = np.linspace(0, 1, 16)[:, None]
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * ((start + end) / 2 + bow) + t**2 * end
    names = ["black", "red", "blue", "white", "yellow", "grey", "green"]
    color = color_near(random, str(random.choice(names, p=[0.34, 0.18, 0.1, 0.16, 0.06, 0.12, 0.04])), 0.9)
    thick = max(2, round(width * random.uniform(0.008, 0.04)))
    points = [np.round(curve).astype(np.int32)]
    cv2.polylines(canvas, points, False, (color * 0.6).tolist(), thick, cv2.LINE_AA)
    cv2.polylines(canvas, points, False, color.tolist(), max(1, thick // 2), cv2.LINE_AA)
    cv2.polylines(mask, points, False, 255, thick)


def _draw_body(
    random: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, box: tuple, body: np.ndarray, iron: bool
) -> None:
    """Paints the case: a rounded block that is lighter where its edges face the light."""
    left, top, right, bottom = box
    radius = round((right - left) * (random.uniform(0.04, 0.16) if iron else random.uniform(0.0, 0.1)))
    line_frame(canvas, box, body * 0.7, radius)
    inset = max(2, round((right - left) * random.uniform(0.008, 0.05)))
    line_frame(canvas, (left + inset, top + inset, right - inset, bottom - inset), np.minimum(body * 1.12, 252), radius)
    line_frame(canvas, (left + 2 * inset, top + 2 * inset, right - 2 * inset, bottom - 2 * inset), body, radius)
    shade = np.linspace(random.uniform(0.9, 1.25), random.uniform(0.75, 1.05), bottom - top, dtype=np.float32)
    canvas[top:bottom, max(0, left) : right] *= shade[:, None, None]
    mark_frame(mask, box, radius)
    if not iron:
        return
    for _ in range(int(random.integers(0, 40))):
        spot = tuple(np.round(random.uniform([left, top], [right, bottom])).astype(int).tolist())
        tone = [random.uniform(120, 230)] * 3 if random.random() < 0.7 else [random.uniform(90, 140), 60.0, 35.0]
        cv2.circle(canvas, spot, int(random.integers(1, max(2, (right - left) // 120) + 1)), tone, -1, cv2.LINE_AA)


def _draw_cover(
    random: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, box: tuple, body: np.ndarray
) -> None:
    """Paints the terminal cover with its screws, and sometimes a seal on a wire."""
    left, top, right, bottom = box
    inset = round((right - left) * random.uniform(0.0, 0.2))
    left, right = left + inset, right - inset
    tone = body * random.uniform(0.6, 1.1) if random.random() < 0.7 else color_near(random, "grey", 0.75)
    line_frame(
        canvas, (left, top, right, bottom), np.clip(tone, 4, 250), round((bottom - top) * random.uniform(0, 0.15))
    )
    shade = np.linspace(0.65, 1.1, bottom - top, dtype=np.float32)
    canvas[top:bottom, max(0, left) : right] *= shade[:, None, None]
    cv2.rectangle(mask, (left, top), (right, bottom), 255, -1)
    screws = int(random.choice([0, 1, 2, 4, 5]))
    y = round(top + (bottom - top) * random.uniform(0.35, 0.75))
    for number in range(screws):
        x = round(left + (right - left) * (number + 0.5) / screws)
        draw_screw(random, canvas, (x, y), max(3, round((bottom - top) * random.uniform(0.06, 0.16))))
    if random.random() < 0.35:
        color = color_near(random, str(random.choice(["red", "blue", "yellow", "white"])), 1.0)
        x, size = round(random.uniform(left, right)), max(4, round((bottom - top) * 0.15))
        cv2.line(canvas, (x, top), (x + size, y), (170, 165, 160), max(1, size // 10), cv2.LINE_AA)
        line_frame(canvas, (x, y, x + size * 2, y + round(size * 1.4)), color, size // 4)


def draw_screw(random: np.random.Generator, canvas: np.ndarray, middle: tuple[int, int], radius: int) -> None:
    """Paints the head of a screw in its hole."""
    metal = color_near(random, str(random.choice(["silver", "brass", "grey"])), 0.85)
    cv2.circle(canvas, middle, radius, (metal * 0.35).tolist(), -1, cv2.LINE_AA)
    cv2.circle(canvas, middle, max(2, round(radius * 0.8)), metal.tolist(), -1, cv2.LINE_AA)
    angle = random.uniform(0, np.pi)
    ray = np.array([np.cos(angle), np.sin(angle)]) * radius * 0.7
    near, far = (np.round(np.array(middle) + sign * ray).astype(int).tolist() for sign in (-1, 1))
    cv2.line(canvas, near, far, (metal * 0.3).tolist(), max(1, radius // 4), cv2.LINE_AA)


def _draw_disc(random: np.random.Generator, canvas: np.ndarray, box: tuple, taken: list[tuple]) -> tuple:
    """Paints the slit behind which the disc turns, with an arrow on it; returns where, below all that is taken."""
    left, top, right, bottom = box
    width = right - left
    y = round(max([top + 0.35 * (bottom - top), *(other[3] for other in taken)]) + width * 0.05)
    half, thick = round(width * random.uniform(0.16, 0.38)), max(2, round(width * random.uniform(0.012, 0.04)))
    middle = (left + right) // 2, y + thick
    if y + 3 * thick > bottom:
        return left, bottom, left, bottom
    cv2.ellipse(canvas, middle, (half, thick), 0, 0, 360, (45, 42, 40), -1, cv2.LINE_AA)
    cv2.ellipse(canvas, middle, (round(half * 0.92), max(1, thick // 2)), 0, 0, 360, (150, 150, 152), -1, cv2.LINE_AA)
    if random.random() < 0.6:
        reach = round(half * 1.25)
        ends = (middle[0] - reach, middle[1]), (middle[0] + reach, middle[1])
        cv2.arrowedLine(canvas, *ends, (50, 48, 48), max(1, thick // 5), cv2.LINE_AA, tipLength=0.06)
    return left, y - thick, right, y + 3 * thick


def _draw_button(random: np.random.Generator, canvas: np.ndarray, box: tuple, taken: list[tuple]) -> None:
    """Paints a push button or a lamp or two where nothing else is."""
    left, top, right, bottom = box
    for _ in range(int(random.integers(0, 4))):
        radius = max(2, round((right - left) * random.uniform(0.01, 0.06)))
        x, y = (
            round(value) for value in random.uniform([left + radius, top + radius], [right - radius, bottom - radius])
        )
        if any(x + radius > t[0] and x - radius < t[2] and y + radius > t[1] and y - radius < t[3] for t in taken):
            continue
        color = color_near(random, str(random.choice(["red", "grey", "silver", "blue"])), 1.0)
        cv2.circle(canvas, (x, y), radius, (color * 0.5).tolist(), -1, cv2.LINE_AA)
        cv2.circle(canvas, (x, y), max(1, round(radius * 0.85)), color.tolist(), -1, cv2.LINE_AA)
