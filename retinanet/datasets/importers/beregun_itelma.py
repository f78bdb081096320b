"""Importer of the flat Beregun and Itelma water meters: photos with labelme JSON. For testing only.

Layout: `images/NAME.jpg` and `labels/NAME.json` with points in pixels of `imageWidth` x `imageHeight`, and the shapes
`value` (the counter window), `5` (black wheel), `r5` (red wheel, the fraction), `6.5` and `r6.5` (between two digits).
"""

import json
import re
from pathlib import Path

import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.geometry import perspective_matrix, rectangle_corners
from retinanet.datasets.corner_order import enclosing_region, order_corners, row_direction
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow
from retinanet.datasets.source_photos import list_photos, photo_loader, photo_size

WINDOW_LABEL = "value"
METER_LABEL = "meter"
WHEEL_LABEL = re.compile(r"(r?)([0-9])(\.[0-9]+)?")

# Width and height of photo and label differ by a rounding only when both are shrunk alike.
MAX_STRETCH = 0.02


def read(path: Path) -> list[LabelledPhoto]:
    """Returns the labelled photos of the folder, in the order of their names, all in the split `test`.

    Raises:
        UserError: a folder or file is missing or a label does not follow the format.
    """
    path = Path(path)
    return [
        LabelledPhoto(
            name=photo.name,
            load=photo_loader(photo),
            split="test",
            group=photo.stem,
            windows=(_read_window(photo, path / "labels" / f"{photo.stem}.json"),),
        )
        for photo in list_photos(path / "images")
    ]


def _read_shapes(label_file: Path, size: tuple[int, int]) -> list[tuple[str, np.ndarray]]:
    """Returns (label, points (n, 2) in pixels of the photo of this size) of every shape but the meter's."""
    try:
        content = json.loads(label_file.read_text())
        labelled_size = np.array([content["imageWidth"], content["imageHeight"]], np.float64)
        shapes = [
            (str(shape["label"]), np.array(shape["points"], np.float64).reshape(-1, 2)) for shape in content["shapes"]
        ]
    except FileNotFoundError:
        raise UserError(f"{label_file}: no such label file; every photo needs one") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{label_file}: not a labelme file ({error!r}); export it from labelme again") from error
    scale = np.array(size) / labelled_size
    if abs(scale[0] / scale[1] - 1) > MAX_STRETCH:
        raise UserError(
            f"{label_file}: labelled on a picture of {labelled_size[0]:g} x {labelled_size[1]:g} pixels, but the photo "
            f"has {size[0]} x {size[1]}, of other proportions"
        )
    return [(label, points * scale) for label, points in shapes if label != METER_LABEL]


def _quadrilateral(points: np.ndarray, label_file: Path, label: str) -> np.ndarray:
    """Returns four corners; labelme's rectangles are given by two opposite ones."""
    if len(points) == 2:
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    if len(points) != 4:
        raise UserError(f"{label_file}: the shape {label!r} has {len(points)} points; expected a quadrilateral")
    return points


def _read_window(photo: Path, label_file: Path) -> LabelledWindow:
    windows, wheels = [], []
    for label, points in _read_shapes(label_file, photo_size(photo)):
        corners = _quadrilateral(points, label_file, label)
        match = WHEEL_LABEL.fullmatch(label)
        if label == WINDOW_LABEL:
            windows.append(corners)
        elif match:
            wheels.append((match[2], bool(match[1]), corners))
        else:
            raise UserError(f"{label_file}: unknown label {label!r}; expected value, meter, 5, r5 or r6.5")
    if len(windows) != 1 or len(wheels) < 2:
        raise UserError(f"{label_file}: expected one window and its wheels, found {len(windows)} and {len(wheels)}")

    centres = np.array([corners.mean(axis=0) for _, _, corners in wheels])
    red = np.array([is_red for _, is_red, _ in wheels])
    # The fraction stands at the end of the reading.
    likely = centres[red].mean(axis=0) - centres[~red].mean(axis=0) if 0 < red.sum() < len(red) else np.array([1, 0])
    direction = row_direction(centres, likely)
    order = np.argsort(centres @ direction)
    if np.any(np.diff(red[order].astype(int)) < 0):
        raise UserError(f"{label_file}: a red wheel stands before a black one; expected the fraction at the end")
    window = order_corners(windows[0], direction)
    boxes = [LabelledBox(order_corners(wheels[index][2], direction), wheels[index][0]) for index in order]
    text = "".join(box.label for box in boxes)
    count = int(red.sum())
    if count:
        flat = perspective_matrix(window, rectangle_corners(1, 1))
        region = enclosing_region(np.array([box.corners for box in boxes[-count:]]), flat)
        boxes.append(LabelledBox(region, "floatp"))
        text = f"{text[:-count]},{text[-count:]}"
    return LabelledWindow(window, "analog", tuple(boxes), (text,))
