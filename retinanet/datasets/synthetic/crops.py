"""Drawn windows as stage 2 sees them: cut out by corners that are a little wrong, through all that photos suffer."""

import functools

import cv2
import numpy as np

from deploy.recognition.classes import DIGIT_CLASSES
from deploy.recognition.geometry import (
    bounding_box,
    expand_corners,
    perspective_matrix,
    rectangle_corners,
    side_lengths,
    transform_points,
)
from deploy.recognition.rectification import between_pixel_centers
from deploy.recognition.settings import WINDOW_MARGIN
from retinanet.datasets.records import LabelledBox, Pending, WindowCrop
from retinanet.datasets.synthetic import degradation
from retinanet.datasets.synthetic.obstacles import draw_mesh
from retinanet.datasets.synthetic.prints import sometimes_print_bands
from retinanet.datasets.synthetic.windows import draw_window

# Stage 1 finds corners with errors of about this standard deviation, in shares of the window's width and height.
CORNER_ERROR = (0.02, 0.06)
# On makes that it never saw it often ends the window too early, in the last wheel: so many crops are cut off at their
# right end, or at either, by up to this share of the width.
CUT_SHARE, CUT_BOTH_SHARE, LARGEST_CUT = 0.2, 0.06, 0.08
# Where the wheels lie in a strip, stage 1 may take some of the strip or all of it for the window: so many crops show
# what stands beside the wheels.
STRIP_SHARE = 0.45
# Crops from cheap cameras, of photos that moved along the row, with mesh before it, and with hardly any contrast.
CHEAP_CAMERA_SHARE, MOVED_SHARE, MESH_SHARE, WASHED_OUT_SHARE = 0.1, 0.08, 0.02, 0.06


def split_of(index: int) -> str:
    """Returns the split of the index-th drawn record: of every 20 one is validation and one is test."""
    return {18: "validation", 19: "test"}.get(index % 20, "train")


def jitter_corners(random: np.random.Generator, corners: np.ndarray) -> np.ndarray:
    """Returns corners (4, 2) as stage 1 might find them: off together and each for itself, wide or cut off at times.

    Some labels of real photos take the frame for the window, and what learns from them does too.
    """
    if random.random() < 0.25:
        corners = expand_corners(corners, random.uniform(0, 0.05), random.uniform(0, 0.25))
    along, across = np.array(CORNER_ERROR) * (2.0 if random.random() < 0.08 else 1.0)
    errors = random.normal(0, 0.7, (4, 2)) + random.normal(0, 0.7, 2)
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    moved = unit + np.clip(errors, -2.2, 2.2) * [along, across]
    kind = random.random()
    if kind < CUT_SHARE:
        moved[[1, 2], 0] -= random.uniform(0, LARGEST_CUT)
    if kind < CUT_BOTH_SHARE:
        moved[[0, 3], 0] += random.uniform(0, LARGEST_CUT)
    return transform_points(moved, perspective_matrix(unit, corners))


def towards_strip(random: np.random.Generator, corners: np.ndarray, strip: np.ndarray | None) -> np.ndarray:
    """Returns corners (4, 2) that reach into the strip round an upright window for STRIP_SHARE of those that have one.

    Each side goes its own part of the way, often all of it.
    """
    if strip is None or random.random() > STRIP_SHARE:
        return corners
    left, top, right, bottom = np.minimum(1, random.uniform(0, 1.3, 4)) * (random.random(4) < (0.5, 0.5, 0.85, 0.5))
    shares = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return (corners + (strip - corners) * shares).astype(np.float32)


def _bow_at(columns: np.ndarray, width: float, bow: float) -> np.ndarray:
    """Returns how far down pixels at these columns are moved: `bow` in the middle, nothing at the ends."""
    return bow * (1 - (2 * columns / width - 1) ** 2)


def _bend(image: np.ndarray, bow: float) -> np.ndarray:
    """Returns the image with its rows bent as a domed glass bends them, `bow` pixels down in the middle."""
    height, width = image.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    rows -= _bow_at(columns, width, bow).astype(np.float32)
    return cv2.remap(image, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def degrade_crop(
    random: np.random.Generator, image: np.ndarray, corners: np.ndarray, boxes: tuple[LabelledBox, ...]
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Returns a clean upright window as a photo would hold it, cut out: picture, boxes_xyxy and labels of WindowCrop.

    Args:
        random: the only source of chance.
        image: RGB, 0 to 255, with a margin round the window.
        corners: (4, 2) of the window in the image.
        boxes: what stands in it.
    """
    along, across = side_lengths(corners)
    # Photos with everything wrong are rare, and nobody could read them.
    severity = random.uniform(0.1, 1.0) ** 1.3
    image = image.astype(np.float32)
    if random.random() < 0.4:
        image = degradation.soil_glass(random, image, across, random.uniform(0.1, 0.8) * severity)
    if random.random() < 0.25:
        image = degradation.add_shadow(random, image)
    image = degradation.light(random, image, 1.0 - 0.65 * severity)
    if random.random() < 0.2:
        image = degradation.add_reflection(random, image)
    if random.random() < 0.25:
        image = degradation.add_glare(random, image, across, random.uniform(0.2, 1.0) * severity)

    found = expand_corners(jitter_corners(random, corners), *WINDOW_MARGIN)
    # A digit narrower than about 8 pixels is beyond reading.
    narrowest = max(60.0, 8.5 * len(boxes))
    digits = [np.ptp(box.corners[:, 0]) for box in boxes if box.label in DIGIT_CLASSES]
    if digits:
        # digits of a display may take little of its glass
        narrowest = min(240.0, max(narrowest, 4.8 * along / min(digits)))
    wide = float(np.exp(random.triangular(np.log(narrowest), np.log(250.0), np.log(480.0))))
    high = max(13.0, wide * across / along * random.uniform(0.85, 1.25))
    size = round(wide), round(high)
    shrink = max(along / wide, across / high)
    if shrink > 1.3:
        image = cv2.GaussianBlur(image, (0, 0), 0.35 * shrink)
    matrix = perspective_matrix(found, rectangle_corners(*size))
    seen = between_pixel_centers(matrix)
    image = cv2.warpPerspective(image, seen, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    bow = high * random.normal(0, 0.05) if random.random() < 0.25 else 0.0
    if bow:
        image = _bend(image, bow)
    if random.random() < 0.6:
        digit_width = wide / max(4, len(boxes))
        image = degradation.blur(random, image, severity * random.uniform(0.0, 0.09) * min(digit_width, high))
    camera = random.spawn(1)[0]
    if camera.random() < MOVED_SHARE:
        length = 0.3 * min(wide / max(4, len(boxes)), high) * severity
        image = degradation.blur_along(image, np.array([1.0, 0.0]), length)
    if camera.random() < MESH_SHARE:
        image = draw_mesh(camera, image, rectangle_corners(*size))
    if camera.random() < WASHED_OUT_SHARE:
        image = degradation.wash_out(camera, image)
    if camera.random() < CHEAP_CAMERA_SHARE:
        image = degradation.through_cheap_camera(camera, image, high * severity)
    noise = random.gamma(1.2, 3.0) * severity if random.random() < 0.75 else 0.0
    pixels = degradation.sense(random, image, noise)
    if random.random() < 0.85:
        pixels = degradation.compress(pixels, int(random.integers(90 - round(60 * severity), 97)))
    placed = [bounding_box(transform_points(box.corners, matrix)) for box in boxes]
    boxes_xyxy = np.array(placed, np.float32).reshape(-1, 4)
    middles = (boxes_xyxy[:, 0] + boxes_xyxy[:, 2]) / 2
    boxes_xyxy[:, 1::2] += _bow_at(middles, wide, bow)[:, None]
    boxes_xyxy /= np.array([*size, *size], np.float32)
    return pixels, np.clip(boxes_xyxy, 0, 1), tuple(box.label for box in boxes)


def window_crop(seed: int, index: int) -> WindowCrop:
    """Returns the index-th crop of a seed."""
    random = np.random.default_rng([seed, index, 1])
    drawn = draw_window(random)
    image = drawn.image.astype(np.float32)
    sometimes_print_bands(random, image, drawn.corners)
    # from a stream of its own: crops of windows without a strip look the same
    found = towards_strip(random.spawn(1)[0], drawn.corners, drawn.strip)
    pixels, boxes_xyxy, labels = degrade_crop(random, image, found, drawn.boxes)
    name = f"drawn_window_{seed}_{index:06d}"
    return WindowCrop(f"{name}.png", functools.partial(np.copy, pixels), split_of(index), name, boxes_xyxy, labels)


def window_crops(count: int, seed: int) -> list[Pending]:
    """Returns `count` crops of drawn windows, still to be made; 90 % train, 5 % validation, 5 % test."""
    return [Pending(split_of(index), functools.partial(window_crop, seed, index)) for index in range(count)]
