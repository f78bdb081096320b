"""Importer of anybody's photos with a table: `images/` and `labels.csv`, as a utility has photos and a spreadsheet.

Columns: image, label (a class of stage 1, or `no_meter`), reading; for training also x1, y1 .. x4, y4, the window's
corners in pixels, clockwise from the reading's top-left; optionally split, meter_group and remark. The window of a
display is its whole glass, that of wheels their opening. Several rows of one image are several windows.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deploy.recognition.classes import LEGIBLE_CLASSES, STAGE1_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.geometry import is_convex
from retinanet.datasets.records import LabelledPhoto, LabelledWindow
from retinanet.datasets.source_photos import photo_loader, photo_size
from retinanet.datasets.splits import SPLITS, read_table, split_by_hash

COLUMNS = ("image", "label", "reading")
CORNER_COLUMNS = tuple(f"{axis}{corner}" for corner in range(1, 5) for axis in "xy")
NO_METER_LABEL = "no_meter"
READING = re.compile(r"[0-9?]+(,[0-9?]+)?")
BETWEEN = re.compile(r"between ([0-9?,.]+)/([0-9?,.]+)")
# Marks of a comma that only sister meters tell: with it and without it a text is right.
COMMA_NOT_VISIBLE = ("dot_not_visible", "point_not_visible")
# Corners may lie outside the photo by this share of its sides: windows are cut off by its edge.
OUTSIDE = 0.25


def read(path: Path) -> list[LabelledPhoto]:
    """Returns the labelled photos of the folder, in the order of their first rows.

    A window without corners has `corners` None; it serves evaluation alone.

    Raises:
        UserError: a folder, file or column is missing, or a row does not follow the format; the line says which.
    """
    table = Path(path) / "labels.csv"
    rows: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for number, row in enumerate(read_table(table, COLUMNS, filled=("image", "label")), start=2):
        rows.setdefault(row["image"], []).append((number, row))
    return [_photo(table, image, lines) for image, lines in rows.items()]


def _photo(table: Path, image: str, lines: list[tuple[int, dict[str, str]]]) -> LabelledPhoto:
    first, row = lines[0]
    where = f"{table}: line {first} ({image})"
    if Path(image).is_absolute() or ".." in Path(image).parts:
        raise UserError(f"{where}: expected the name of a photo in images/")
    file = table.parent / "images" / image
    size = photo_size(file)
    group = row.get("meter_group") or Path(image).stem
    split = row.get("split") or split_by_hash(group)
    if split not in SPLITS:
        raise UserError(f"{where}: the split {split!r}; expected train, validation or test")
    windows = []
    for number, line in lines:
        where = f"{table}: line {number} ({image})"
        label = line["label"].strip().lower()
        if label == NO_METER_LABEL and len(lines) == 1:
            continue
        if label not in STAGE1_CLASSES:
            raise UserError(
                f"{where}: the label {line['label']!r}; expected {', '.join(STAGE1_CLASSES)} or {NO_METER_LABEL}"
            )
        windows.append(LabelledWindow(_corners(where, line, size), label, readings=_readings(where, line, label)))
    return LabelledPhoto(image, photo_loader(file), SPLITS[split], group, tuple(windows))


def _readings(where: str, row: dict[str, str], label: str) -> tuple[str, ...]:
    """Returns the readings that pass, the one that is written first; none where nobody can read it."""
    written = _reading(where, row["reading"]) if row["reading"] else ""
    if written and label not in LEGIBLE_CLASSES:
        raise UserError(f"{where}: the reading {written!r} of a window that is {label}; expected none or another label")
    remark = row.get("remark") or ""
    if not written:
        return ()
    found = BETWEEN.search(remark)
    if "between" in remark and not found:
        raise UserError(f"{where}: the remark {remark!r}; expected two readings, as in `between 00012,3/00012,4`")
    readings = [written, *(_reading(where, text) for text in (found.groups() if found else ()))]
    if any(mark in remark for mark in COMMA_NOT_VISIBLE):
        readings += [text.replace(",", "") for text in readings]
    return tuple(dict.fromkeys(readings))


def _reading(where: str, text: str) -> str:
    reading = text.strip().replace(".", ",")
    if not READING.fullmatch(reading):
        raise UserError(f"{where}: the reading {text!r}; expected digits, `?` for one nobody can tell, and one comma")
    return reading


def _corners(where: str, row: dict[str, str], size: tuple[int, int]) -> np.ndarray | None:
    """Returns the corners (4, 2) in pixels; None where the row has none of them."""
    values = [row.get(column) or "" for column in CORNER_COLUMNS]
    if not any(values):
        return None
    try:
        corners = np.array([float(value.replace(",", ".")) for value in values], np.float32).reshape(4, 2)
    except ValueError:
        raise UserError(f"{where}: corners {values}; expected eight numbers x1, y1 .. x4, y4, or none") from None
    if not np.all((corners > -OUTSIDE * np.array(size)) & (corners < (1 + OUTSIDE) * np.array(size))):
        raise UserError(f"{where}: a corner lies outside the photo of {size[0]} x {size[1]} pixels; expected pixels")
    if not is_convex(corners):
        raise UserError(f"{where}: the corners do not run clockwise; expected them from the reading's top-left on")
    return corners


def with_corners(photos: Sequence[LabelledPhoto]) -> list[LabelledPhoto]:
    """Returns the photos that can be trained on: those on which every window has its corners."""
    return [photo for photo in photos if all(window.corners is not None for window in photo.windows)]
