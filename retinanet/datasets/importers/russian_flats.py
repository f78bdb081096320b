"""Reader of the Toloka WaterMeters photos. For measuring only: no dataset is ever written from them.

Layout: `images/` and `labels.csv` with the columns image, value (a number: zeros outside are lost) and window_polygon
(4, 6 or 8 points, shares of width and height, starting anywhere).
"""

import json
from pathlib import Path

import cv2
import numpy as np

from deploy.recognition.errors import UserError
from retinanet.datasets.corner_order import order_corners
from retinanet.datasets.records import LabelledPhoto, LabelledWindow
from retinanet.datasets.source_photos import photo_loader, photo_size
from retinanet.datasets.splits import read_table

COLUMNS = ("image", "value", "window_polygon")


def read(path: Path) -> list[LabelledPhoto]:
    """Returns the photos in the order of labels.csv, all in the split `test`.

    The window is the smallest rectangle around the polygon, its longer side taken for the top: where its reading
    starts is not known. The reading is the value as it is written, `302.18`.

    Raises:
        UserError: a file is missing or a label does not follow the format.
    """
    path = Path(path)
    records = []
    for row in _rows(path):
        corners = _window_around(_polygon(path, row))
        photo = path / "images" / row["image"]
        window = LabelledWindow(corners, "analog", readings=(row["value"],))
        records.append(LabelledPhoto(photo.name, photo_loader(photo), "test", photo.stem, (window,)))
    return records


def read_polygons(path: Path) -> dict[str, np.ndarray]:
    """Returns the labelled polygon of each photo by its name: points (n, 2), x, y in pixels.

    Raises:
        UserError: a file is missing or a label does not follow the format.
    """
    path = Path(path)
    return {row["image"]: _polygon(path, row) for row in _rows(path)}


def _rows(path: Path) -> list[dict[str, str]]:
    rows = read_table(path / "labels.csv", COLUMNS)
    for row in rows:
        try:
            float(row["value"])
        except ValueError:
            raise UserError(
                f"{path / 'labels.csv'}: {row['image']}: the value is no number: {row['value']!r}"
            ) from None
    return rows


def _polygon(path: Path, row: dict[str, str]) -> np.ndarray:
    try:
        points = np.array(json.loads(row["window_polygon"]), np.float32)
    except ValueError as error:
        raise UserError(f"{path / 'labels.csv'}: {row['image']}: window_polygon is no list of points") from error
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        raise UserError(f"{path / 'labels.csv'}: {row['image']}: window_polygon has no three points x, y")
    return points * np.array(photo_size(path / "images" / row["image"]), np.float32)


def _window_around(polygon: np.ndarray) -> np.ndarray:
    """Returns the corners (4, 2) of the smallest rectangle around the points, a long side on top."""
    corners = cv2.boxPoints(cv2.minAreaRect(polygon))
    first, second = corners[1] - corners[0], corners[2] - corners[1]
    along = first if np.linalg.norm(first) >= np.linalg.norm(second) else second
    return order_corners(corners, along if along[0] >= 0 else -along)
