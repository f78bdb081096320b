"""Importer of the Mbarira water meters: photos with YOLO-OBB labels.

Layout: `images/NAME.jpg`, `labels/NAME.txt` with lines `class x1 y1 .. x4 y4` (shares of width and height), and an
optional `splits.csv` with the columns image, split, meter_group, digits_in_reading_order.
"""

from pathlib import Path

import cv2
import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.geometry import perspective_matrix, rectangle_corners
from deploy.recognition.photo_files import read_photo
from retinanet.datasets.corner_order import enclosing_region, order_corners, row_direction
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow
from retinanet.datasets.source_photos import list_photos, photo_loader, photo_size
from retinanet.datasets.splits import read_splits, split_by_hash

WINDOW_CLASS = 1
FIRST_DIGIT_CLASS = 2
DIGIT_NAMES = "0123456789u"

# The least step in redness from black wheels to red ones, in shares of the brightness. On the photos of the source
# it is 0.003 at most without red wheels and 0.021 at least with them.
RED_STEP = 0.01
# Glare and shadow make the ground drift along the row: red wheels are compared with as many neighbours.
RED_NEIGHBOURS = 3


def read(path: Path) -> list[LabelledPhoto]:
    """Returns the labelled photos of the folder, in the order of their names.

    The wheels of the fraction are not labelled: on meters of 8 wheels they are the last 3, on others the wheels at
    the end whose ground is redder than that of those before them, so the photos of those are read.

    Raises:
        UserError: a folder or file is missing or a label does not follow the format.
    """
    path = Path(path)
    photos = list_photos(path / "images")
    rows = read_splits(path / "splits.csv", photos)
    records = []
    for photo in photos:
        row = rows.get(photo.name, {})
        window = _read_window(photo, path / "labels" / f"{photo.stem}.txt", row.get("digits_in_reading_order"))
        records.append(
            LabelledPhoto(
                name=photo.name,
                load=photo_loader(photo),
                split=row["split"] if row else split_by_hash(photo.stem),
                group=row.get("meter_group") or photo.stem,
                windows=(window,) if window else (),
            )
        )
    return records


def _read_shapes(label_file: Path, size: tuple[int, int]) -> list[tuple[int, np.ndarray]]:
    """Returns (class, points (4, 2) in pixels) of every line."""
    if not label_file.exists():
        raise UserError(f"{label_file}: no such label file; an empty one stands for a photo without a meter")
    shapes = []
    for number, line in enumerate(label_file.read_text(errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = np.array(line.split(), np.float64)
        except ValueError:
            raise UserError(f"{label_file}: line {number} holds something that is no number: {line!r}") from None
        if len(values) != 9 or values[0] not in range(FIRST_DIGIT_CLASS + len(DIGIT_NAMES)):
            raise UserError(f"{label_file}: line {number}: expected a class 0..12 and four points, got {line!r}")
        # Oriented boxes of meters at the photo's edge reach a little outside.
        if not np.all((values[1:] > -0.5) & (values[1:] < 1.5)):
            raise UserError(f"{label_file}: line {number} has points outside the photo; expected shares from 0 to 1")
        shapes.append((int(values[0]), values[1:].reshape(4, 2) * size))
    return shapes


def _read_window(photo: Path, label_file: Path, digits: str | None) -> LabelledWindow | None:
    """Returns the counter window of one photo, None where nothing is labelled."""
    shapes = _read_shapes(label_file, photo_size(photo))
    windows = [points for label, points in shapes if label == WINDOW_CLASS]
    wheels = [
        (DIGIT_NAMES[label - FIRST_DIGIT_CLASS], points) for label, points in shapes if label >= FIRST_DIGIT_CLASS
    ]
    if not windows and not wheels:
        return None
    if len(windows) != 1:
        raise UserError(f"{label_file}: expected one counter window (class 1), found {len(windows)}")
    if len(wheels) < 2:
        raise UserError(f"{label_file}: expected the digits of the window (classes 2..12), found {len(wheels)}")

    centres = np.array([points.mean(axis=0) for _, points in wheels])
    # The photos of this source stand within 90 degrees of upright.
    direction = row_direction(centres, likely=np.array([1.0, 0.0]))
    order = np.argsort(centres @ direction)
    text = "".join(wheels[index][0] for index in order)
    if digits and text != digits and text[::-1] == digits:
        direction, order, text = -direction, order[::-1], text[::-1]
    corners = order_corners(windows[0], direction)
    boxes = [
        LabelledBox(order_corners(wheels[index][1], direction), wheels[index][0].replace("u", "_")) for index in order
    ]
    red = 3 if len(boxes) == 8 else red_wheels_at_end(read_photo(photo), [box.corners for box in boxes])
    if red:
        flat = perspective_matrix(corners, rectangle_corners(1, 1))
        boxes.append(LabelledBox(enclosing_region(np.array([box.corners for box in boxes[-red:]]), flat), "floatp"))
    return LabelledWindow(corners, "analog", tuple(boxes), (text.replace("u", "?"),))


def red_wheels_at_end(photo: np.ndarray, wheels: list[np.ndarray]) -> int:
    """Returns how many wheels at the end of the row, 0 to 3, have a redder ground than the wheels before them.

    Args:
        photo: uint8 RGB (height, width, 3).
        wheels: corners (4, 2) in pixels, in reading order.
    """
    redness = np.array([_redness(photo, corners) for corners in wheels])
    steps = [
        redness[-count:].min() - redness[:-count][-RED_NEIGHBOURS:].max() for count in range(1, min(4, len(wheels)))
    ]
    return int(np.argmax(steps)) + 1 if steps and max(steps) > RED_STEP else 0


def _redness(photo: np.ndarray, corners: np.ndarray) -> float:
    """Returns by how much red leads green in most of a wheel, in shares of its brightness.

    Blue is left out: under lilac glare, red wheels turn purple.
    """
    mask = np.zeros(photo.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
    red, green, blue = photo[mask > 0].astype(np.float64).T
    if not red.size:
        return 0.0
    return float(np.median((red - green) / (red + green + blue + 30)))
