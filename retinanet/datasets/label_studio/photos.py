"""Importer of Label Studio projects: photos with window polygons, and with the boxes labelled on their crops."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np

from deploy.recognition.classes import FRACTION_CLASS, POINT_CLASS
from deploy.recognition.errors import UserError
from deploy.recognition.geometry import (
    bounding_box,
    expand_corners,
    perspective_matrix,
    polygon_iou,
    rectangle_corners,
    transform_points,
)
from deploy.recognition.photo_files import read_photo
from deploy.recognition.rectification import rectify_window
from deploy.recognition.settings import WINDOW_MARGIN
from retinanet.datasets.corner_order import order_corners
from retinanet.datasets.label_studio.crops import WHEEL_LABELS, CropsOfPhotos, direction_in_crop
from retinanet.datasets.label_studio.export import (
    Shape,
    Task,
    check_proportions,
    find_file,
    read_tasks,
)
from retinanet.datasets.label_studio.grouping import groups_and_splits
from retinanet.datasets.label_studio.names import PictureFolder
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow
from retinanet.datasets.row_text import row_text
from retinanet.datasets.source_photos import photo_loader, photo_size

# Crops are recognised in their photo by their grey values, seen this small.
MATCH_SIZE = (48, 96)
MIN_CORRELATION = 0.5

# A crop cut along predicted corners overlaps the corrected window by more than this.
MIN_CROP_OVERLAP = 0.1


def read_photos(
    photos: Path, export: Path, groups: Path | None = None, splits: Path | None = None
) -> list[LabelledPhoto]:
    """Returns the labelled photos of stage 1, in the export's order.

    Polygons start anywhere and run either way. Here, where nothing but the polygon is known, the reading's top-left
    is the left end of the upper long side (of an upright window, its upper end on the right).

    Args:
        photos: the folder of the photos.
        export: the JSON export of the project with the polygons.
        groups: a CSV file with the columns image and group, see `groups_and_splits`.
        splits: a CSV file with the columns image and split.

    Raises:
        UserError: a file is missing or a label does not follow the format.
    """
    pictures, records = PictureFolder(photos), []
    for task in read_tasks(export, stage=1):
        photo = find_file(task, pictures)
        size = photo_size(photo)
        check_proportions(task, photo, size)
        windows = tuple(LabelledWindow(_likely_order(shape.corners * size), shape.label) for shape in task.shapes)
        records.append(LabelledPhoto(pictures.name(photo), photo_loader(photo), "", "", windows))
    return _with_splits(records, groups, splits)


def _with_splits(
    records: list[LabelledPhoto], groups: Path | None, splits: Path | None, counting: Collection[int] | None = None
) -> list[LabelledPhoto]:
    belongs = groups_and_splits([record.name for record in records], groups, splits, counting)
    return [
        dataclasses.replace(record, group=group, split=split)
        for record, (group, split) in zip(records, belongs, strict=True)
    ]


def read_photos_with_boxes(
    photos: Path,
    photo_export: Path,
    crops: Path,
    crop_export: Path,
    groups: Path | None = None,
    splits: Path | None = None,
) -> list[LabelledPhoto]:
    """Returns the photos of stage 1 with what is labelled on their crops of stage 2.

    Each crop is found again in its photo, whichever corner its cutting started from; windows with a crop take their
    corners' order from the digits and the fraction.

    Args:
        photos: the folder of the photos.
        photo_export: the JSON export of the project with the polygons.
        crops: the folder of the crops, `cropped_<file name of the photo>`.
        crop_export: the JSON export of the project with the boxes.
        groups: as for `read_photos`.
        splits: the same. Without it no split is without a photo with a crop, from three such groups on.

    Raises:
        UserError: a file is missing, a label does not follow the format, or a crop does not show a window of its
            photo.
    """
    records, pictures = read_photos(photos, photo_export, groups, splits), PictureFolder(crops)
    of_crops = CropsOfPhotos([record.name for record in records])
    tasks: dict[int, list[Task]] = {}
    for task in read_tasks(crop_export, stage=2):
        number = of_crops.photo_of(task)
        if number is not None:
            tasks.setdefault(number, []).append(task)
    for number, of_photo in tasks.items():
        photo = records[number]
        windows = photo.windows
        for task in of_photo:
            windows = _with_boxes(windows, photo.load(), find_file(task, pictures), task)
        records[number] = dataclasses.replace(photo, windows=windows)
    return _with_splits(records, groups, splits, tasks)


def _likely_order(corners: np.ndarray) -> np.ndarray:
    """Returns the corners from the left end of the upper long side."""
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(sides, axis=1)
    along = sides[0] - sides[2] if lengths[0] + lengths[2] >= lengths[1] + lengths[3] else sides[1] - sides[3]
    backwards = along[0] < 0 or (along[0] == 0 and along[1] < 0)
    return order_corners(corners, -along if backwards else along)


def _with_boxes(windows: tuple[LabelledWindow, ...], photo: np.ndarray, crop_file: Path, task: Task):
    """Returns the windows, the one that the crop shows with its boxes, reading and corners in the reading's order."""
    crop = read_photo(crop_file)
    height, width = crop.shape[:2]
    index, extent = _place_of_crop(windows, photo, crop, task)
    if extent is None:
        raise UserError(f"{task.place}: {crop_file} does not look like a labelled window of its photo; cut it again")
    to_photo = perspective_matrix(rectangle_corners(1, 1), extent)
    direction = direction_in_crop(task, (width, height))
    in_crop = transform_points(windows[index].outline, np.linalg.inv(to_photo)) * (width, height)
    corners = transform_points(order_corners(in_crop, direction) / (width, height), to_photo)
    boxes = tuple(
        LabelledBox(transform_points(order_corners(shape.corners, direction), to_photo), shape.label)
        for shape in task.shapes
    )
    text = reading_text(task, (width, height))
    window = LabelledWindow(corners, windows[index].label, boxes, (text,) if text else ())
    return (*windows[:index], window, *windows[index + 1 :])


def _place_of_crop(
    windows: tuple[LabelledWindow, ...], photo: np.ndarray, crop: np.ndarray, task: Task
) -> tuple[int, np.ndarray | None]:
    """Returns which window a crop shows and the corners (4, 2) in the photo that it was cut along; None without one.

    Crops of pre-annotated tasks tell their corners; others are recognised by their grey values.
    """
    if task.crop_corners is not None:
        extent = task.crop_corners * (photo.shape[1], photo.shape[0])
        overlaps = [polygon_iou(window.outline, extent) for window in windows]
        index = int(np.argmax(overlaps))
        return index, extent if overlaps[index] >= MIN_CROP_OVERLAP else None
    seen = _small_grey(cv2.resize(crop, MATCH_SIZE[::-1], interpolation=cv2.INTER_AREA))
    best, best_index = MIN_CORRELATION, 0
    best_extent: np.ndarray | None = None
    for index, window in enumerate(windows):
        for start in range(4):
            corners = np.roll(window.outline, -start, axis=0)
            # Crops of other tools are cut without a margin.
            for extent in (expand_corners(corners, *WINDOW_MARGIN), corners):
                correlation = float((seen * _small_grey(rectify_window(photo, extent, MATCH_SIZE))).mean())
                if correlation > best:
                    best, best_index, best_extent = correlation, index, extent
    return best_index, best_extent


def _small_grey(picture: np.ndarray) -> np.ndarray:
    """Returns grey values (height, width) of mean 0 and deviation 1."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return (grey - grey.mean()) / max(grey.std(), 1e-6)


def reading_text(task: Task, size: tuple[int, int] | None = None) -> str:
    """Returns the text of the wheels labelled on a crop, a comma before the fraction; empty without wheels.

    Args:
        task: of stage 2. `_` is a wheel that nobody can tell, `?` in the text.
        size: (width, height) of the crop in pixels, by default as the export tells it.
    """
    size = size or task.shapes[0].picture_size or (1, 1)
    direction = direction_in_crop(task, size)
    regions = [bounding_box(shape.corners) for shape in task.shapes if shape.label == FRACTION_CLASS]
    signs = [shape for shape in task.shapes if shape.label in (*WHEEL_LABELS, POINT_CLASS)]
    places = [(float((shape.corners.mean(axis=0) * size) @ direction), shape) for shape in signs]
    fraction_from = min(
        (place for place, shape in places if shape.label == POINT_CLASS or _in_any(shape, regions)), default=np.inf
    )
    return row_text(((place, shape.label) for place, shape in places if shape.label != POINT_CLASS), fraction_from)


def _in_any(shape: Shape, boxes_xyxy: list[np.ndarray]) -> bool:
    x, y = shape.corners.mean(axis=0)
    return any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in boxes_xyxy)
