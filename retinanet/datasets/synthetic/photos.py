"""Photos of meters drawn whole, for stage 1, and real photos with a drawn counter in the place of theirs."""

import functools
from collections.abc import Sequence

import cv2
import numpy as np

from deploy.recognition.geometry import expand_corners, perspective_matrix, rectangle_corners, side_lengths
from retinanet.datasets.records import LabelledPhoto, LabelledWindow, Pending
from retinanet.datasets.synthetic import degradation, fonts, scenes, transplants
from retinanet.datasets.synthetic.crops import split_of
from retinanet.datasets.synthetic.display_glass import darken_round
from retinanet.datasets.synthetic.meters import draw_meter
from retinanet.datasets.synthetic.obstacles import draw_mesh
from retinanet.datasets.synthetic.paint import place_text, smooth_noise
from retinanet.datasets.synthetic.placement import PlacedMeter, lay, place_meter, placement
from retinanet.datasets.synthetic.windows import draw_window

NO_METER_SHARE, ILLEGIBLE_SHARE, DIGITAL_SHARE = 0.08, 0.06, 0.20
# So many of the others show a display after all.
MORE_DIGITAL_SHARE = 0.12
IN_THE_DARK_SHARE = 0.12
STICKERS_SHARE = 0.35
# Photos of gas and electricity meters behind wire mesh; any that moved along the row, have hardly any contrast or are
# from cheap cameras.
MESH_SHARE, MOVED_SHARE, WASHED_OUT_SHARE, CHEAP_CAMERA_SHARE = 0.07, 0.06, 0.05, 0.12


def random_size(random: np.random.Generator) -> tuple[int, int]:
    """Returns (width, height) of a photo, its long side 480 to 1024 pixels."""
    long = random.uniform(480, 1024)
    short = long / float(random.choice([4 / 3, 4 / 3, 16 / 9, 1.0]))
    portrait = random.random() < 0.6
    return (round(short), round(long)) if portrait else (round(long), round(short))


def _destroy(random: np.random.Generator, photo: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Returns the photo with its window beyond reading: smeared, burnt out, covered in dirt, fogged or dark."""
    along, across = side_lengths(corners)
    kind = random.choice(["blur", "glare", "dirt", "dark", "fog"])
    area = np.zeros(photo.shape[:2], np.float32)
    middle = corners.mean(axis=0)
    wider = middle + (corners - middle) * random.uniform(1.2, 2.0)
    cv2.fillPoly(area, [np.round(wider).astype(np.int32)], 1.0)
    share = cv2.GaussianBlur(area, (0, 0), max(1.0, across * 0.3))[..., None]
    if kind == "blur":
        sigma = across * random.uniform(0.3, 0.6)
        return photo + (cv2.GaussianBlur(photo, (0, 0), sigma) - photo) * (share if random.random() < 0.3 else 1.0)
    if kind == "dark":
        return photo * random.uniform(0.01, 0.04) + random.normal(0, 6, photo.shape).astype(np.float32)
    tone = {"glare": (255, 255, 250), "dirt": (70, 55, 40), "fog": (190, 190, 188)}[kind]
    texture = 1 + 0.25 * smooth_noise(random, photo.shape[:2], 12)[..., None] * (kind == "dirt")
    share = np.clip(share * random.uniform(0.96, 1.1), 0, 0.98)
    return photo + (np.array(tone, np.float32) * texture - photo) * share


def _finish(random: np.random.Generator, photo: np.ndarray, unit: float, severity: float) -> np.ndarray:
    """Returns the drawn photo as a phone would save it, uint8."""
    if random.random() < 0.3:
        photo = degradation.add_shadow(random, photo)
    photo = degradation.light(random, photo, 1.0 - 0.8 * severity)
    if random.random() < 0.35:
        photo = degradation.add_glare(random, photo, unit * 2, random.uniform(0.2, 1.0) * severity)
    if random.random() < 0.2:
        # The flash lights the middle, and the rest stays dark.
        height, width = photo.shape[:2]
        columns, rows = np.meshgrid(
            np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
        )
        photo = photo * (1 / (1 + random.uniform(0.3, 2.5) * (columns**2 + rows**2)))[..., None]
    if random.random() < 0.6:
        photo = degradation.blur(random, photo, severity * random.uniform(0.0, 0.08) * unit)
    if random.random() < 0.1:
        year, month, day, minute = (int(random.integers(*span)) for span in ((10, 26), (1, 13), (1, 29), (0, 60)))
        date = f"20{year}-{month:02d}-{day:02d} 12:{minute:02d}"
        mask = fonts.text_mask(date, "roboto-mono-500", max(8, round(photo.shape[0] * 0.025)))
        corner = photo.shape[1] - mask.shape[1] - 12, photo.shape[0] - mask.shape[0] - 12
        place_text(photo, mask, corner, np.array([250.0, 180, 60], np.float32))
    # from a stream of its own: all else looks the same with such cameras and without
    camera = random.spawn(1)[0]
    if camera.random() < CHEAP_CAMERA_SHARE:
        photo = degradation.through_cheap_camera(camera, photo, unit)
        return degradation.compress(
            degradation.sense(camera, photo, camera.uniform(1, 9)), int(camera.integers(22, 60))
        )
    pixels = degradation.sense(random, photo, random.gamma(1.2, 2.5) * severity if random.random() < 0.75 else 0.0)
    return degradation.compress(pixels, int(random.integers(45, 97))) if random.random() < 0.8 else pixels


def draw_photo(seed: int, index: int) -> LabelledPhoto:
    """Returns the index-th photo of a seed."""
    random = np.random.default_rng([seed, index, 3])
    size = random_size(random)
    photo = scenes.draw_scene(random, size)
    kind = random.random()
    severity = random.uniform(0.1, 1.0)
    share = float(np.exp(random.uniform(np.log(0.15), np.log(0.65))))
    if random.random() < 0.15:
        share = random.uniform(0.04, 0.8)
    windows: tuple[LabelledWindow, ...] = ()
    unit = size[0] * share / 6
    if kind < NO_METER_SHARE:
        photo, unit = _without_window(random, photo, unit)
    else:
        # the second share from a stream of its own: all other photos look the same
        more = np.random.default_rng([seed, index, 7]).random() < MORE_DIGITAL_SHARE
        digital = bool(random.random() < DIGITAL_SHARE or more)
        drawn = draw_window(random, digital)
        meter = place_meter(random, drawn, size, size[0] * share)
        if random.random() < 0.1:
            photo, windows = _neighbour(random, photo, meter, size[0] * share)
        photo = meter.lay_on(photo)
        if meter.window.label == "digital" and random.spawn(1)[0].random() < IN_THE_DARK_SHARE:
            photo = darken_round(random, photo, meter.window.outline)
        unit = side_lengths(meter.window.outline)[1]
        if kind < NO_METER_SHARE + ILLEGIBLE_SHARE:
            photo = _destroy(random, photo, meter.window.outline)
            windows = (LabelledWindow(meter.window.outline, f"{meter.window.label}_illegible"),)
        else:
            # from a stream of its own: all else looks the same with stickers and without
            stickers = random.spawn(1)[0]
            if stickers.random() < STICKERS_SHARE:
                photo = _stick(stickers, photo, [window.outline for window in (meter.window, *windows)])
            if random.random() < 0.12:
                photo = _occlude(random, photo, [window.outline for window in (meter.window, *windows)])
            if random.random() < 0.3:
                photo = degradation.soil_glass(random, photo, unit * 3, random.uniform(0.1, 0.6) * severity)
            windows = (meter.window, *windows)
            front = random.spawn(1)[0]
            if front.random() < MESH_SHARE and drawn.meter != "water":
                photo = draw_mesh(front, photo, meter.window.outline)
            if front.random() < MOVED_SHARE:
                row = meter.window.outline[1] - meter.window.outline[0]
                photo = degradation.blur_along(photo, row, unit * front.uniform(0.05, 0.3) * severity)
            if front.random() < WASHED_OUT_SHARE:
                photo = degradation.wash_out(front, photo)
    pixels = _finish(random, photo, unit, severity)
    name = f"drawn_photo_{seed}_{index:06d}"
    return LabelledPhoto(f"{name}.jpg", functools.partial(np.copy, pixels), split_of(index), name, windows)


def _neighbour(
    random: np.random.Generator, photo: np.ndarray, meter: PlacedMeter, length: float
) -> tuple[np.ndarray, tuple[LabelledWindow, ...]]:
    """Returns the photo with a second meter behind the first, and its window where it is whole and in sight.

    Where the second window would be cut off or covered, the second meter shows none.
    """
    size = photo.shape[1::-1]
    other = place_meter(random, draw_window(random, False), size, length * random.uniform(0.6, 1.2), spread=0.6)
    corners = other.window.outline
    area = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(area, [np.round(corners).astype(np.int32)], 255)
    covered = cv2.warpPerspective(meter.face.mask, meter.matrix, size)[area > 0].max(initial=0) > 0
    if covered or np.any(corners < 0) or np.any(corners > size):
        face = draw_meter(random, None, float(np.clip(side_lengths(corners)[1], 12, 60)))
        return lay(photo, face.image, face.mask, other.matrix), ()
    return other.lay_on(photo), (other.window,)


def _kept_free(photo: np.ndarray, windows: list[np.ndarray]) -> np.ndarray:
    """Returns uint8 (height, width), above 0 where a window is and close round it."""
    keep = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(keep, [np.round(expand_corners(corners, 0.05, 0.15)).astype(np.int32) for corners in windows], 255)
    return keep


def _occlude(random: np.random.Generator, photo: np.ndarray, windows: list[np.ndarray]) -> np.ndarray:
    """Returns the photo with a cable, a pipe, a grid or a finger before the meter but not before the windows."""
    keep = _kept_free(photo, windows)
    front = photo.copy()
    scenes.draw_clutter(random, front)
    if (np.any(front != photo, axis=2) & (keep > 0)).any():
        return photo
    return front


def _stick(random: np.random.Generator, photo: np.ndarray, windows: list[np.ndarray]) -> np.ndarray:
    """Returns the photo with stickers near the first window, on lid, meter or wall, their numbers about as large as
    its digits; one that would touch a window is left out.
    """
    keep = _kept_free(photo, windows)
    along, _ = side_lengths(windows[0])
    right = windows[0][1] - windows[0][0]
    turn = float(np.arctan2(right[1], right[0])) + float(random.choice([0, 0, 0, np.pi / 2, np.pi]))
    for _ in range(int(random.integers(1, 3))):
        image = scenes.draw_sticker(random, round(float(np.clip(along * random.uniform(0.4, 1.3), 40, 400))))
        height, width = image.shape[:2]
        angle = turn + random.normal(0, 0.15)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        middle = windows[0].mean(axis=0) + along * random.uniform(0.3, 1.5) * _direction(random)
        corners = rectangle_corners(width, height)
        placed = (corners - corners.mean(axis=0)) @ rotation.T + middle
        area = np.zeros_like(keep)
        cv2.fillPoly(area, [np.round(placed).astype(np.int32)], 255)
        if (area & keep).any():
            continue
        photo = lay(photo, image, np.full((height, width), 255, np.uint8), perspective_matrix(corners, placed))
    return photo


def _direction(random: np.random.Generator) -> np.ndarray:
    angle = random.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _without_window(random: np.random.Generator, photo: np.ndarray, unit: float) -> tuple[np.ndarray, float]:
    """Returns the scene with things on it that are no counter window, and a length for the degradations."""
    size = photo.shape[1::-1]
    for _ in range(int(random.integers(0, 3))):
        if random.random() < 0.5:
            face = draw_meter(random, None, float(np.clip(unit, 12, 60)))
            image, mask = face.image, face.mask
        else:
            draw = scenes.draw_sticker if random.spawn(1)[0].random() < 0.3 else scenes.draw_object
            image = draw(random, round(min(size) * random.uniform(0.25, 0.8)))
            mask = np.full(image.shape[:2], 255, np.uint8)
        anchor = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * image.shape[1::-1]
        scale = min(size) * random.uniform(0.3, 1.2) / max(image.shape[:2])
        photo = lay(photo, image, mask, placement(random, anchor, image.shape[1::-1], size, scale))
    return photo, float(np.clip(unit, 12, 60))


def photos(count: int, seed: int) -> list[Pending]:
    """Returns `count` drawn photos, still to be made; 90 % train, 5 % validation, 5 % test."""
    return [Pending(split_of(index), functools.partial(draw_photo, seed, index)) for index in range(count)]


def transplanted(records: Sequence[LabelledPhoto], count: int, seed: int) -> list[Pending]:
    """Returns `count` photos of the training records with a drawn counter in the place of the real one.

    Records of other splits and those without a window are left out; the rest serve in turn and keep their group.
    """
    sources = [record for record in records if record.split == "train" and record.windows]
    if not sources:
        return []
    return [
        Pending("train", functools.partial(transplants.transplant, sources[index % len(sources)], seed, index))
        for index in range(count)
    ]
