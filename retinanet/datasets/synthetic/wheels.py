"""Counter windows composed from photographed single wheels.

The source is a folder with `wheels.zip` (crops of single wheels) and `labels.csv` (file, tenths, split, group, ...):
the "Tenth of step of a meter digit" collection.
"""

import csv
import functools
import zipfile
from pathlib import Path

import cv2
import numpy as np

from deploy.recognition.classes import FRACTION_CLASS
from deploy.recognition.errors import UserError
from retinanet.datasets.records import Pending, WindowCrop
from retinanet.datasets.source_photos import decode_picture
from retinanet.datasets.synthetic.crops import degrade_crop, split_of
from retinanet.datasets.synthetic.odometer import digit_at, random_lower_until
from retinanet.datasets.synthetic.paint import color_near, line_frame, upright_box
from retinanet.datasets.synthetic.windows import BOX_INSET

# Of the known groups of meters in the training part, every so many-th is kept for validation.
VALIDATION_STRIDE, VALIDATION_START = 7, 3

UNKNOWN_GROUP = "."


@functools.cache
def _catalogue(folder: Path) -> dict[str, dict[tuple, list[tuple[str, float]]]]:
    """Returns for each split the looks (group, width, height) and for each look its files and phases."""
    path = folder / "labels.csv"
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the wheels collection with labels.csv and wheels.zip")
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    missing = {"file", "tenths", "split", "group", "width", "height"} - set(rows[0] if rows else ())
    if missing:
        raise UserError(f"{path}: lacks the columns {', '.join(sorted(missing))}; is it the wheels collection?")
    known = sorted({row["group"] for row in rows if row["split"] == "train"} - {UNKNOWN_GROUP})
    held_out = set(known[VALIDATION_START::VALIDATION_STRIDE])
    catalogue: dict[str, dict[tuple, list[tuple[str, float]]]] = {"train": {}, "validation": {}, "test": {}}
    for row in rows:
        split = "validation" if row["split"] == "train" and row["group"] in held_out else row["split"]
        look = row["group"], row["width"], row["height"]
        catalogue[split].setdefault(look, []).append((row["file"], float(row["tenths"])))
    return {
        split: {look: files for look, files in looks.items() if len(files) >= 12} for split, looks in catalogue.items()
    }


@functools.cache
def _archive(folder: Path) -> zipfile.ZipFile:
    path = folder / "wheels.zip"
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the wheels collection with labels.csv and wheels.zip")
    return zipfile.ZipFile(path)


def _read(folder: Path, file: str) -> np.ndarray:
    data = np.frombuffer(_archive(folder).read(file), np.uint8)
    return decode_picture(data)


def _redness(wheel: np.ndarray) -> float:
    """Returns how much redder than green the median of the wheel is, in grey levels."""
    red, green, _ = np.median(wheel.reshape(-1, 3), axis=0)
    return float(red - green)


def _pick_look(random: np.random.Generator, folder: Path, looks: dict, red: bool) -> list[tuple[str, float]]:
    """Returns the files and phases of one look; red wheels or others, if such are found soon."""
    names = list(looks)
    # Large groups are long series of one meter: the square root keeps them from ruling.
    weights = np.sqrt([len(looks[name]) for name in names])
    weights /= weights.sum()
    for _ in range(10):
        files = looks[names[int(random.choice(len(names), p=weights))]]
        if (_redness(_read(folder, files[int(random.integers(len(files)))][0])) > 25) == red:
            break
    return files


def _pick(
    random: np.random.Generator,
    folder: Path,
    files: list[tuple[str, float]],
    count: int,
    resting: float,
    lower_until: float,
) -> list[tuple[np.ndarray, int]]:
    """Returns `count` wheels in like light, uint8 RGB, with their digits, the upper one from the turn `lower_until` on.

    A share `resting` stands at its digit.
    """
    anchor = _read(folder, files[int(random.integers(len(files)))][0])
    # Long series show one digit for weeks: the digit is drawn first.
    resters: dict[int, list[str]] = {}
    turners: dict[int, list[str]] = {}
    for file, tenths in files:
        group = resters if abs(tenths - round(tenths)) <= 0.25 else turners
        group.setdefault(digit_at(tenths, lower_until), []).append(file)
    candidates = []
    for order in range(count * 3):
        group = resters if random.random() < resting else turners
        group = group or resters or turners
        digit = int(random.choice(sorted(group)))
        file = group[digit][int(random.integers(len(group[digit])))]
        wheel = _read(folder, file)
        difference = np.abs(wheel.mean(axis=(0, 1)) - anchor.mean(axis=(0, 1))).sum() + abs(wheel.std() - anchor.std())
        candidates.append((difference, order, wheel, digit))
    return [(wheel, digit) for _, _, wheel, digit in sorted(candidates, key=lambda item: item[:2])[:count]]


def _tint(random: np.random.Generator, wheel: np.ndarray) -> np.ndarray:
    """Returns the wheel with its dark parts, ground or ink, turned red."""
    grey = wheel.mean(axis=2, keepdims=True)
    low, high = np.percentile(grey, (5, 95))
    brightness = np.clip((grey - low) / max(high - low, 1), 0, 1)
    red = np.maximum(color_near(random, "red", 0.95), grey.mean() * np.array([1.0, 0.2, 0.2]))
    return wheel * brightness + (1 - brightness) * red


def wheel_window(folder: Path, seed: int, index: int) -> WindowCrop:
    """Returns the index-th window of a seed composed from the wheels in the folder.

    Raises:
        UserError: the folder does not hold the collection.
    """
    random = np.random.default_rng([seed, index, 2])
    split = split_of(index)
    looks = _catalogue(folder)[split]
    count = int(random.choice([4, 5, 6, 7, 8], p=[0.1, 0.3, 0.2, 0.2, 0.2]))
    decimals = int(random.integers(1, 4)) if random.random() < 0.45 else 0
    files = _pick_look(random, folder, looks, False)
    lower_until = random_lower_until(random.spawn(1)[0])
    wheels = _pick(random, folder, files, count, 0.95, lower_until)
    if random.random() < 0.6:
        wheels[-1:] = _pick(random, folder, files, 1, 0.0, lower_until)
    height, width = wheels[0][0].shape[:2]
    trim = round(height * random.uniform(0, 0.1))
    if decimals and random.random() < 0.5:
        red_files = _pick_look(random, folder, looks, True)
        wheels[-decimals:] = _pick(random, folder, red_files, decimals, 0.7, lower_until)
    if decimals:
        wheels[-decimals:] = [
            (wheel if _redness(wheel) > 25 else _tint(random, wheel), digit) for wheel, digit in wheels[-decimals:]
        ]

    gap = round(width * (random.uniform(0.05, 0.6) if random.random() < 0.5 else random.uniform(0, 0.05)))
    rows = height - 2 * trim
    margin_x, margin_y = round(rows * 0.6), round(rows * 0.55)
    length = count * width + (count - 1) * gap
    name = str(random.choice(["white", "grey", "black", "cream", "silver"]))
    canvas = np.empty((rows + 2 * margin_y, length + 2 * margin_x, 3), np.float32)
    canvas[:] = color_near(random, name, 0.9)
    if random.random() < 0.5:
        rim = round(rows * random.uniform(0.02, 0.2))
        tone = color_near(random, str(random.choice(["black", "grey", "white"])), 0.9)
        box = (margin_x - rim, margin_y - rim, margin_x + length + rim, margin_y + rows + rim)
        line_frame(canvas, box, tone, rim)
    top, bottom = margin_y + BOX_INSET * rows, margin_y + (1 - BOX_INSET) * rows
    boxes = []
    for place, (wheel, digit) in enumerate(wheels):
        left = margin_x + place * (width + gap)
        canvas[margin_y : margin_y + rows, left : left + width] = cv2.resize(wheel, (width, height))[trim : trim + rows]
        boxes.append(upright_box(left + 0.1 * width, top, left + 0.9 * width, bottom, str(digit)))
    if decimals:
        first = margin_x + (count - decimals) * (width + gap)
        boxes.append(upright_box(first, top, margin_x + length, bottom, FRACTION_CLASS))
    x0, y0, x1, y1 = margin_x, margin_y, margin_x + length, margin_y + rows
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    image = np.clip(canvas, 0, 255).astype(np.uint8)
    pixels, boxes_xyxy, labels = degrade_crop(random, image, corners, tuple(boxes))
    name = f"composed_window_{seed}_{index:06d}"
    return WindowCrop(f"{name}.png", functools.partial(np.copy, pixels), split, name, boxes_xyxy, labels)


def wheel_windows(wheels_dir: Path | str, count: int, seed: int) -> list[Pending]:
    """Returns `count` windows composed from real wheels, still to be made.

    Wheels of the collection's test part make the test windows; of its training part, some groups of meters make the
    validation windows and all others the training windows.

    Raises:
        UserError: the folder does not hold the collection.
    """
    folder = Path(wheels_dir)
    _catalogue(folder)
    _archive(folder)
    return [Pending(split_of(index), functools.partial(wheel_window, folder, seed, index)) for index in range(count)]
