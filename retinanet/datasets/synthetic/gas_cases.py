"""Cases of diaphragm gas meters: a plate behind a window in a pale block, bellows below, two pipes above."""

import cv2
import numpy as np

from retinanet.datasets.synthetic.electricity_cases import draw_screw
from retinanet.datasets.synthetic.faces import DrawnFace
from retinanet.datasets.synthetic.labels import paste, print_data
from retinanet.datasets.synthetic.paint import color_near, line_frame, mark_frame, smooth_noise
from retinanet.datasets.synthetic.windows import DrawnWindow


def draw_gas_case(random: np.random.Generator, window: DrawnWindow | None, unit: float) -> DrawnFace:
    """Returns a random gas meter, see `faces.draw_face`."""
    if window is None:
        plate = color_near(random, str(random.choice(["white", "grey", "silver"])), 0.95)
        inner, image = np.array([unit * random.uniform(5, 8), unit]), np.zeros((0, 0, 3), np.uint8)
    else:
        plate, image = window.plate, window.image
        inner = window.corners.max(axis=0) - window.corners.min(axis=0)
    plate_width = max(inner[0] * random.uniform(1.15, 1.7), image.shape[1] * random.uniform(0.85, 1.05))
    plate_height = max(plate_width * random.uniform(0.35, 0.85), inner[1] * 2.0)
    rim_x, rim_y = plate_width * random.uniform(0.03, 0.18), plate_width * random.uniform(0.03, 0.18)
    case_width, case_height = plate_width + 2 * rim_x, plate_height + 2 * rim_y
    below = case_width * random.uniform(0.2, 0.6) if random.random() < 0.7 else 0.0
    room = case_width * random.uniform(0.05, 0.22)
    width, height = round(case_width + 2 * room), round(case_height + below + 2 * room)
    canvas, mask = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.uint8)
    x0, y0 = round(room), round(room)
    x1, y1 = round(room + case_width), round(room + case_height)
    name = str(random.choice(["white", "grey", "silver", "cream", "black"], p=[0.42, 0.28, 0.18, 0.06, 0.06]))
    body = color_near(random, name, 0.95)
    body = (body + (body.mean() - body) * np.float32(random.uniform(0.3, 1.0))).astype(np.float32)
    if random.random() < 0.6:
        _draw_pipes(random, canvas, mask, (x0, y0, x1))
    if below:
        _draw_bellows(random, canvas, mask, (x0, y1, x1, round(y1 + below)), body)
    radius = round(case_width * random.uniform(0.01, 0.1))
    mark_frame(mask, (x0, y0, x1, y1), radius)
    line_frame(canvas, (x0, y0, x1, y1), body * 0.8, radius)
    step = max(1, round(min(rim_x, rim_y) * random.uniform(0.1, 0.5)))
    line_frame(canvas, (x0 + step, y0 + step, x1 - step, y1 - step), body, radius)

    left, top = round(x0 + rim_x), round(y0 + rim_y)
    box = left, top, round(left + plate_width), round(top + plate_height)
    edge = max(1, round(min(rim_x, rim_y) * random.uniform(0.05, 0.5)))
    frame = body * random.uniform(0.3, 0.75) if random.random() < 0.6 else np.array([35.0] * 3, np.float32)
    inner_radius = round(radius * random.uniform(0, 0.8))
    line_frame(canvas, (box[0] - edge, box[1] - edge, box[2] + edge, box[3] + edge), frame, inner_radius)
    line_frame(canvas, box, plate, inner_radius)
    taken, corner = [], None
    if window is not None:
        spare = np.maximum([plate_width - inner[0], plate_height - inner[1]], 0)
        shares = np.clip(random.normal([0.45, 0.5], [0.12, 0.2]), 0.04, 0.96)
        corner = np.round(np.array([left, top]) + spare * shares - window.corners.min(axis=0)).astype(int)
        corner = tuple(corner.tolist())
        inside = canvas[top : box[3], left : box[2]]
        placed = paste(inside, image, (corner[0] - left, corner[1] - top))
        taken.append(tuple(np.add(placed, [left, top, left, top]).tolist()))
    ink = np.array([random.uniform(25, 90)] * 3 if plate.mean() > 100 else [220.0] * 3, np.float32)
    print_data(random, canvas, box, taken, "gas", ink)
    if random.random() < 0.5:
        reach = max(2, round(plate_width * 0.015))
        for x in (x0 + round(rim_x * 0.5), x1 - round(rim_x * 0.5)):
            draw_screw(random, canvas, (x, round(random.uniform(y0 + reach, y1 - reach))), reach)
    down = np.linspace(0, 1, box[3] - top, dtype=np.float32)
    canvas[top : box[3], left : box[2]] *= (1 - random.uniform(0, 0.55) * np.exp(-down * random.uniform(6, 30)))[
        :, None, None
    ]
    if random.random() < 0.5:
        worn = smooth_noise(random, (height, width), int(random.integers(3, 25)))
        canvas *= (1 + random.uniform(0.02, 0.1) * worn)[..., None]
    if random.random() < 0.35:
        # a pane that has gone milky
        milk, veil = np.array([205.0, 205, 198], np.float32) * random.uniform(0.6, 1.1), random.uniform(0.15, 0.6)
        part = canvas[top : box[3], left : box[2]]
        part += (milk - part) * veil
    return DrawnFace(np.clip(canvas, 0, 255).astype(np.uint8), mask, corner)


def _draw_pipes(random: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, place: tuple[int, int, int]) -> None:
    """Paints one or two pipes that come down to the case's top; place is its left, top and right."""
    left, top, right = place
    metal = color_near(random, str(random.choice(["grey", "brass", "yellow", "silver", "white"])), 0.85)
    thick = max(4, round((right - left) * random.uniform(0.06, 0.18)))
    profile = np.sqrt(np.clip(1 - np.linspace(-1, 1, thick) ** 2, 0.08, 1)).astype(np.float32)
    for share in ((0.2, 0.8), (0.5,))[int(random.random() < 0.35)]:
        x = round(left + (right - left) * share) - thick // 2
        canvas[: top + 4, x : x + thick] = metal * profile[None, :, None]
        mask[: top + 4, x : x + thick] = 255
        nut = slice(max(0, top - thick // 2), top + 2), slice(max(0, x - thick // 4), x + thick + thick // 4)
        canvas[nut] = metal * random.uniform(0.5, 1.1)
        mask[nut] = 255


def _draw_bellows(
    random: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, box: tuple, body: np.ndarray
) -> None:
    """Paints the lower part of the case, rounded and darker towards its lower edge."""
    left, top, right, bottom = box
    overlap = round((bottom - top) * 0.4)
    inset = round((right - left) * random.uniform(-0.06, 0.12))
    area = left + inset, top - overlap, right - inset, bottom
    radius = round((right - left) * random.uniform(0.05, 0.3))
    tone = np.clip(body * random.uniform(0.7, 1.1), 4, 250)
    line_frame(canvas, area, tone, radius)
    mark_frame(mask, area, radius)
    shade = np.linspace(1.05, random.uniform(0.55, 0.95), bottom - top, dtype=np.float32)
    canvas[top:bottom] *= shade[: canvas[top:bottom].shape[0], None, None]
    if random.random() < 0.5:
        y = round(top + (bottom - top) * random.uniform(0.1, 0.4))
        cv2.line(canvas, (area[0], y), (area[2], y), (tone * 0.6).tolist(), max(2, (bottom - top) // 20), cv2.LINE_AA)
