"""Photos without a meter: of some kinds of things for training, of the others for measuring.

Digits are read where there are none as often as on things that training never showed.
"""

import functools
from collections.abc import Sequence

import cv2
import numpy as np

from retinanet.datasets.records import LabelledPhoto, Pending
from retinanet.datasets.synthetic import degradation, no_meter_plates, no_meter_things, scenes
from retinanet.datasets.synthetic.crops import split_of
from retinanet.datasets.synthetic.paint import smooth_noise

# every so manieth photo shows no thing at all
SCENERY_EACH = 5
_MAX_TILT = 0.12
# Half of what is taken for counters most often (plates, keys) is trained on; the other half tells what that gives.
THINGS = {
    **no_meter_things.THINGS,
    "bar_code": no_meter_plates.draw_bar_code,
    "nameplate": no_meter_plates.draw_nameplate,
    "terminals": no_meter_plates.draw_terminals,
    "impulses": no_meter_plates.draw_impulses,
}
TRAINING_KINDS = ("clock", "number_plate", "page", "keys", "bar_code", "nameplate", "terminals", "impulses")
HELD_OUT_KINDS = tuple(name for name in THINGS if name not in TRAINING_KINDS)


def draw_no_meter(seed: int, index: int, kinds: Sequence[str] = HELD_OUT_KINDS) -> tuple[str, np.ndarray]:
    """Returns the index-th photo of a seed: what it shows, and uint8 RGB (height, width, 3).

    Args:
        seed: photos for training are drawn apart, so theirs may be the same.
        index: from 0; the kinds take turns, and every fifth photo is scenery.
        kinds: names of THINGS.
    """
    return _draw(np.random.default_rng([seed, index, 11]), index, kinds)


def photos(count: int, seed: int) -> list[Pending]:
    """Returns `count` photos of TRAINING_KINDS without windows, still to be drawn; of 20, 18 train."""
    return [Pending(split_of(index), functools.partial(_training_photo, seed, index)) for index in range(count)]


def _training_photo(seed: int, index: int) -> LabelledPhoto:
    _, pixels = _draw(np.random.default_rng([seed, index, 13]), index, TRAINING_KINDS)
    name = f"no_meter_{seed}_{index:06d}"
    return LabelledPhoto(f"{name}.jpg", functools.partial(np.copy, pixels), split_of(index), name, ())


def _draw(random: np.random.Generator, index: int, kinds: Sequence[str]) -> tuple[str, np.ndarray]:
    width = int(random.integers(640, 1100))
    height = round(width * random.uniform(0.6, 1.4))
    if index % SCENERY_EACH == SCENERY_EACH - 1:
        name, photo = "scenery", _draw_scenery(random, (width, height))
    else:
        name = kinds[(index - index // SCENERY_EACH) % len(kinds)]
        photo = scenes.draw_scene(random, (width, height))
        for _ in range(int(random.integers(1, 3))):
            photo = _lay(random, photo, THINGS[name](random))
    photo = degradation.light(random, photo, darkest=0.4)
    photo = degradation.blur(random, photo, random.uniform(0.0, 1.5))
    pixels = degradation.sense(random, photo, random.gamma(1.2, 2.0))
    return name, degradation.compress(pixels, int(random.integers(50, 97)))


def _lay(random: np.random.Generator, photo: np.ndarray, thing: np.ndarray) -> np.ndarray:
    """Returns the photo with the thing on it, turned and tilted, a quarter to nine tenths as wide as the photo."""
    height, width = photo.shape[:2]
    rows, columns = thing.shape[:2]
    scale = random.uniform(0.25, 0.9) * min(width / columns, height / rows)
    angle = random.normal(0, 0.25) + np.pi / 2 * random.choice([0, 1, 2, 3], p=[0.85, 0.05, 0.05, 0.05])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    unit = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    corners = (unit + random.uniform(-_MAX_TILT, _MAX_TILT, (4, 2)) / 2) * (columns, rows) @ turn.T
    corners += np.array([width, height]) * random.uniform(0.35, 0.65, 2)
    source = (unit + 0.5) * (columns, rows)
    matrix = cv2.getPerspectiveTransform(source.astype(np.float32), corners.astype(np.float32))
    small = cv2.GaussianBlur(thing, (0, 0), max(0.3, 0.4 / scale))
    laid = cv2.warpPerspective(small, matrix, (width, height), flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(np.ones((rows, columns), np.float32), matrix, (width, height), flags=cv2.INTER_LINEAR)
    return photo * (1 - mask[..., None]) + laid * mask[..., None]


def _draw_scenery(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Returns hills under a sky with clouds, and some posts in front: float32 RGB; size is (width, height)."""
    width, height = size
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    sky, haze = random.uniform((40, 90, 150), (120, 160, 235)), random.uniform((170, 180, 190), (245, 240, 240))
    photo = (sky * (1 - share) + haze * share) * np.ones((1, width, 1))
    clouds = np.clip(smooth_noise(random, (height, width), 5), 0, 1)[..., None]
    photo = (photo * (1 - 0.7 * clouds) + 250 * 0.7 * clouds).astype(np.float32)
    for hill in range(int(random.integers(2, 5))):
        ridge = smooth_noise(random, (height, width), 3)[0] * height * 0.1 + height * (0.4 + 0.15 * hill)
        ground = random.uniform((30, 60, 20), (130, 150, 90)).astype(np.float32)
        grain = 1 + 0.15 * smooth_noise(random, (height, width), 60)
        below = np.arange(height)[:, None] > ridge[None, :]
        photo[below] = (ground * grain[..., None])[below]
    for x in range(int(random.integers(0, 80)), width, int(random.integers(60, 200))):
        top = int(height * random.uniform(0.4, 0.7))
        cv2.line(photo, (x, top), (x, height), random.uniform(30, 90, 3).tolist(), int(random.integers(2, 14)))
    return photo
