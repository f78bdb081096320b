"""Importer of the Chongqing water meters: photos with window corners and readings.

Layout: `images/train_N.jpg`, `labels/train_N.txt` with eight numbers (the window's corners in pixels, clockwise from
the reading's top-left) and the valid readings, and an optional `splits.csv` with the columns image, split.
"""

import os
import re
import zlib
from pathlib import Path

import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.geometry import box_corners, is_convex
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow
from retinanet.datasets.source_photos import list_photos, photo_loader
from retinanet.datasets.splits import read_splits, split_by_hash

# The share of its cell that a digit fills.
DIGIT_WIDTH = 0.72
DIGIT_HEIGHT = 0.92


def read(path: Path) -> list[LabelledPhoto]:
    """Returns the labelled photos of the folder, in the order of their names.

    Raises:
        UserError: a folder or file is missing or a label does not follow the format.
    """
    path = Path(path)
    photos = list_photos(path / "images")
    rows = read_splits(path / "splits.csv", photos)
    records = []
    for photo in photos:
        window = _read_window(path / "labels" / f"{photo.stem}.txt")
        split = rows[photo.name]["split"] if rows else split_by_hash(photo.stem)
        records.append(LabelledPhoto(photo.name, photo_loader(photo), split, photo.stem, (window,)))
    return records


def _read_window(label_file: Path) -> LabelledWindow:
    if not label_file.exists():
        raise UserError(f"{label_file}: no such label file; every photo needs one")
    fields = label_file.read_text(errors="replace").split()
    try:
        corners = np.array(fields[:8], np.float32).reshape(4, 2)
    except ValueError:
        raise UserError(f"{label_file}: expected eight numbers, the window's corners, got {fields[:8]}") from None
    if not is_convex(corners):
        raise UserError(f"{label_file}: the corners are no quadrilateral that runs clockwise: {fields[:8]}")
    readings = [reading for field in fields[8:] for reading in field.split(".")]
    shown = " ".join(fields[8:12])
    if not readings or not all(re.fullmatch(r"[0-9]+", reading) for reading in readings):
        raise UserError(f"{label_file}: expected readings of digits after the corners, got {shown!r}")
    if len({len(reading) for reading in readings}) > 1:
        raise UserError(f"{label_file}: the readings have different numbers of digits: {shown}")
    text = one_of(readings, label_file.stem)
    cells = box_corners(even_boxes(len(text)), corners)
    boxes = tuple(LabelledBox(cell, digit) for cell, digit in zip(cells, text, strict=True))
    return LabelledWindow(corners, "analog", boxes, tuple(readings))


def even_boxes(count: int) -> np.ndarray:
    """Returns the boxes (count, 4), xyxy in shares of the window, of the digits of wheels that stand evenly in it."""
    left = (np.arange(count) + (1 - DIGIT_WIDTH) / 2) / count
    top, bottom = np.full(count, (1 - DIGIT_HEIGHT) / 2), np.full(count, (1 + DIGIT_HEIGHT) / 2)
    return np.stack([left, top, left + DIGIT_WIDTH / count, bottom], axis=1)


def one_of(readings: list[str], name: str) -> str:
    """Returns one of the valid readings, always the same for the photo of this name.

    A wheel between two digits appears with both of them among the readings. Over many photos as many are taken for the
    one as for the other, and what learns from them is left in doubt, as people are.
    """
    return readings[zlib.crc32(os.fsencode(name)) % len(readings)]
