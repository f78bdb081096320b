"""Meter faces drawn whole: body, rim, plate, print and pointer dials round a counter window."""

import dataclasses

import cv2
import numpy as np

from retinanet.datasets.synthetic.display_cases import draw_case
from retinanet.datasets.synthetic.paint import color_near, rounded_mask, smooth_noise
from retinanet.datasets.synthetic.prints import print_plate, sometimes_print_bands
from retinanet.datasets.synthetic.windows import DrawnWindow

# So many displays are in a case of their own kind, see display_cases.
DISPLAY_CASE_SHARE = 0.8


@dataclasses.dataclass(frozen=True)
class DrawnFace:
    """A meter without its surroundings.

    Attributes:
        image: uint8 RGB (height, width, 3).
        mask: uint8 (height, width), 255 where the meter is.
        to_face: (2,) the pixel of the image where the window image's top-left stands; None without a window.
    """

    image: np.ndarray
    mask: np.ndarray
    to_face: tuple[int, int] | None


def draw_face(random: np.random.Generator, window: DrawnWindow | None, unit: float) -> DrawnFace:
    """Returns a random meter.

    Args:
        random: the only source of chance.
        window: the counter that it shows; its image is laid onto the plate. None for a plate without any.
        unit: height of the window's opening in pixels, or of one that might be there.
    """
    if window is not None and window.label == "digital" and random.random() < DISPLAY_CASE_SHARE:
        return DrawnFace(*draw_case(random, window))
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
        corner = _window_corner(random, window, (x, y), (half_x, half_y), round_face)
        image_height, image_width = window.image.shape[:2]
        y0, x0 = max(0, corner[1]), max(0, corner[0])
        y1, x1 = min(height, corner[1] + image_height), min(width, corner[0] + image_width)
        plate_layer[y0:y1, x0:x1] = window.image[y0 - corner[1] : y1 - corner[1], x0 - corner[0] : x1 - corner[0]]
        sometimes_print_bands(random, plate_layer, window.corners + corner)
        taken.append((corner[0] + 1, corner[1] + 1, corner[0] + image_width, corner[1] + image_height))
    dark = bool(plate.mean() < 90)
    print_plate(random, plate_layer, taken, (x, y), (half_x, half_y), dark)
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
    return DrawnFace(np.clip(canvas, 0, 255).astype(np.uint8), mask, corner)


def _window_corner(
    random: np.random.Generator,
    window: DrawnWindow,
    middle: tuple[float, float],
    reach: tuple[float, float],
    round_face: bool,
) -> tuple[int, int]:
    """Returns where the top-left of the window's image stands so that its opening lies on the plate."""
    half_x, half_y = reach
    inner = window.corners.max(axis=0) - window.corners.min(axis=0)
    height = np.sqrt(max(0.0, half_y**2 - (inner[0] / 2) ** 2)) if round_face else half_y * 0.75
    # Counters stand in the upper half more often than in the lower.
    shift_y = float(np.clip(random.normal(-0.3, 0.3), -0.85, 0.6)) * max(0.0, height - inner[1])
    shift_x = random.normal(0, 0.1) * max(0.0, half_x - inner[0] / 2)
    opening = np.array(middle) + [shift_x, shift_y] - inner / 2
    return tuple(np.round(opening - window.corners.min(axis=0)).astype(int).tolist())


def _draw_glint(random: np.random.Generator, canvas: np.ndarray, centre: tuple[int, int], radius: float) -> None:
    """Adds the bright arcs that a lamp leaves on a round glass."""
    glint = np.zeros(canvas.shape[:2], np.float32)
    for _ in range(int(random.integers(1, 4))):
        start = random.uniform(0, 360)
        axes = (max(2, round(radius)),) * 2
        thick = max(1, round(radius * random.uniform(0.01, 0.06)))
        cv2.ellipse(glint, centre, axes, 0, start, start + random.uniform(8, 70), random.uniform(60, 200), thick)
    canvas += cv2.GaussianBlur(glint, (0, 0), max(0.8, radius * 0.012))[..., None]


def _draw_body(
    random: np.random.Generator,
    canvas: np.ndarray,
    mask: np.ndarray,
    middle: tuple[float, float],
    reach: tuple[float, float],
    rim: float,
    round_face: bool,
) -> None:
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
