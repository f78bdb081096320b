"""Real photos with a drawn counter in the place of theirs, matched in light, blur and grain."""

import functools

import cv2
import numpy as np

from deploy.recognition.geometry import expand_corners, perspective_matrix, side_lengths, transform_points
from deploy.recognition.rectification import between_pixel_centers
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow
from retinanet.datasets.synthetic.windows import DrawnWindow, draw_window

# A drawn row of wheels is stretched by no more than this to fit the place of another.
STRETCH = 1.3


def _fitting_window(random: np.random.Generator, aspect: float) -> DrawnWindow:
    """Returns a drawn window, the best of some whose width over height comes near the aspect."""
    tried: list[tuple[float, DrawnWindow]] = []
    while len(tried) < 6:
        window = draw_window(random, digital=False)
        along, across = side_lengths(window.corners)
        difference = abs(float(np.log(along / across / aspect)))
        tried.append((difference, window))
        if difference < np.log(STRETCH) / 2:
            break
    return min(tried, key=lambda one: one[0])[1]


def edge_blur(grey: np.ndarray) -> float:
    """Returns the standard deviation in pixels of the Gaussian that blurs the sharpest edges of a grey picture.

    A step of height A blurred by a Gaussian of deviation s has the steepest slope A / (s sqrt(2 pi)).
    """
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = float(np.percentile(np.hypot(across, down), 99))
    low, high = np.percentile(grey, (3, 97))
    return float((high - low) / max(slope * np.sqrt(2 * np.pi), 1e-3))


def grain(grey: np.ndarray) -> float:
    """Returns the standard deviation of a grey picture's noise, after Immerkaer (1996)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    return float(np.median(np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel))) / 0.6745 / 6)


def transplant(record: LabelledPhoto, seed: int, index: int) -> LabelledPhoto:
    """Returns the record's photo with a new counter drawn over the first of its windows, and only that one labelled."""
    random = np.random.default_rng([seed, index, 4])
    photo = record.load()
    height, width = photo.shape[:2]
    place = record.windows[0].outline.astype(np.float32)
    along, across = side_lengths(place)
    window = _fitting_window(random, along / max(across, 1.0))
    own_along, own_across = side_lengths(window.corners)
    stretch = along / across / (own_along / own_across)
    # What the stretch may not do is left to the new window's size: it stays within the place of the old one.
    short = np.clip(stretch, 1 / STRETCH, STRETCH) / stretch
    inset_x = (1 - min(1.0, 1 / short)) / 2
    inset_y = (1 - min(1.0, short)) / 2
    target = expand_corners(place, -inset_x, -inset_y)
    matrix = perspective_matrix(window.corners, target)

    hide = expand_corners(place, 0.04, 0.12)
    left, top = np.maximum(np.floor(hide.min(axis=0)).astype(int) - 4, 0)
    right, bottom = np.minimum(np.ceil(hide.max(axis=0)).astype(int) + 4, (width, height))
    region = photo[top:bottom, left:right]
    if region.shape[0] < 6 or region.shape[1] < 6:
        return LabelledPhoto(
            f"transplanted_{seed}_{index:06d}.jpg", record.load, record.split, record.group, record.windows
        )
    grey = cv2.cvtColor(region, cv2.COLOR_RGB2GRAY).astype(np.float32)

    # The new picture gets the darkest and the brightest tones of the old one, each color for itself.
    dark, bright = np.percentile(region.reshape(-1, 3), (2, 97), axis=0)
    bright = np.maximum(bright, dark + 25)
    drawn = window.image.astype(np.float32)
    low, high = np.percentile(drawn, (2, 98))
    drawn = dark + (drawn - low) / max(high - low, 1) * (bright - dark)
    shrink = own_along / along
    sigma = np.sqrt(max(0.0, edge_blur(grey) ** 2 - 0.5**2))
    if shrink > 1.3:
        drawn = cv2.GaussianBlur(drawn, (0, 0), 0.35 * shrink)
    shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], float)
    size = int(right - left), int(bottom - top)
    seen = between_pixel_centers(shift @ matrix)
    layer = cv2.warpPerspective(
        drawn.astype(np.float32), seen, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    layer = cv2.GaussianBlur(layer, (0, 0), float(np.clip(sigma, 0.3, 0.12 * across + 0.3)))
    layer += (random.standard_normal(layer.shape[:2]) * min(grain(grey), 12.0))[..., None]
    # Light that falls off over the old window falls off over the new one.
    fall = cv2.GaussianBlur(grey, (0, 0), max(2.0, across * 0.8))
    layer *= np.clip((fall / max(fall.mean(), 1)) ** 0.4, 0.6, 1.5)[..., None]

    cover = np.zeros(size[::-1], np.float32)
    cv2.fillPoly(cover, [np.round((hide - [left, top]) * 16).astype(np.int32)], 1.0, cv2.LINE_AA, shift=4)
    cover = cv2.GaussianBlur(cover, (0, 0), max(0.6, across * 0.03))[..., None]
    photo = photo.copy()
    mixed = region + (layer - region) * cover
    photo[top:bottom, left:right] = np.clip(mixed, 0, 255).astype(np.uint8)
    boxes = tuple(LabelledBox(transform_points(box.corners, matrix), box.label) for box in window.boxes)
    placed = LabelledWindow(target, window.label, boxes, (window.reading,))
    name = f"transplanted_{seed}_{index:06d}.jpg"
    return LabelledPhoto(name, functools.partial(np.copy, photo), record.split, record.group, (placed,))
