"""Crops of windows for Label Studio: written for the labelling of stage 2, and read with their boxes."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from deploy.recognition.classes import DIGIT_CLASSES, FRACTION_CLASS, LEGIBLE_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.geometry import (
    bounding_box,
    expand_corners,
    natural_size,
    perspective_matrix,
    rectangle_corners,
    side_lengths,
    transform_points,
)
from deploy.recognition.rectification import rectify_window
from deploy.recognition.settings import WINDOW_MARGIN
from retinanet.datasets.corner_order import order_corners
from retinanet.datasets.label_studio.export import (
    Task,
    check_proportions,
    find_file,
    group_lookup,
    read_tasks,
    without_upload_prefix,
)
from retinanet.datasets.records import LabelledPhoto, WindowCrop
from retinanet.datasets.source_photos import photo_loader, photo_size
from retinanet.datasets.splits import split_by_hash

CROP_PREFIX = "cropped_"
MIN_CROP_HEIGHT = 100

# What stands before the ending in the names of the second and further crops of one photo.
WINDOW_NUMBER = re.compile(r"\.window[0-9]+(?=\.[^.]+$)")

WHEEL_LABELS = (*DIGIT_CLASSES, "_")


def write_crops(photos: list[LabelledPhoto], folder: Path, overwrite: bool = False) -> list[Path]:
    """Writes the legible windows as `cropped_<file name>`, for the labelling of stage 2; returns the files.

    Windows are cut as recognition cuts them, with its margin, in their own proportions and at least 100 pixels high.
    Of several windows in a photo the second is `cropped_NAME.window2.jpg` and so on.

    Raises:
        UserError: a file of that name is there already or cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({error.strerror}); give another folder") from error
    written = []
    for photo in photos:
        picture = None
        legible = [window for window in photo.windows if window.label in LEGIBLE_CLASSES]
        for number, window in enumerate(legible, start=1):
            name = Path(photo.name)
            target = folder / f"{CROP_PREFIX}{name.stem}{f'.window{number}' if number > 1 else ''}{name.suffix}"
            if target.exists() and not overwrite:
                raise UserError(f"{target}: exists already; give --overwrite to replace it or another folder")
            corners = expand_corners(window.corners, *WINDOW_MARGIN)
            height = max(MIN_CROP_HEIGHT, round(side_lengths(corners)[1]))
            picture = photo.load() if picture is None else picture
            crop = rectify_window(picture, corners, natural_size(corners, height))
            if not cv2.imwrite(str(target), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)):
                raise UserError(f"{target}: cannot be written; is the folder writable and the disk not full?")
            written.append(target)
    return written


def read_crops(crops: Path, export: Path, groups: Path | None = None) -> list[WindowCrop]:
    """Returns the labelled crops of stage 2, in the export's order, turned so that the reading runs to the right.

    Which way it runs is seen by the row of the digits and by the fraction, which stands at its end.

    Args:
        crops: the folder of the crops, `cropped_<file name of the photo>`.
        export: the JSON export of the project with the boxes.
        groups: as for photos (`label_studio.read_photos`), by the names of the photos.

    Raises:
        UserError: a file is missing or a label does not follow the format.
    """
    group_of = group_lookup(groups)
    records = []
    for task in read_tasks(export, stage=2):
        crop = find_file(task, crops)
        size = photo_size(crop)
        check_proportions(task, crop, size)
        corners = order_corners(rectangle_corners(1, 1), direction_in_crop(task, size))
        to_upright = perspective_matrix(corners, rectangle_corners(1, 1))
        boxes = [bounding_box(transform_points(shape.corners, to_upright)) for shape in task.shapes]
        group = group_of(photo_name(task))
        records.append(
            WindowCrop(
                name=crop.name,
                load=_TurnedPicture(photo_loader(crop), corners),
                split=split_by_hash(group),
                group=group,
                boxes_xyxy=np.clip(np.array(boxes, np.float32), 0, 1),
                labels=tuple(shape.label for shape in task.shapes),
            )
        )
    return records


def photo_name(task: Task) -> str:
    """Returns the file name of the photo from which the task's crop was cut."""
    return without_upload_prefix(WINDOW_NUMBER.sub("", task.name.removeprefix(CROP_PREFIX)))


def direction_in_crop(task: Task, size: tuple[int, int]) -> np.ndarray:
    """Returns the way the reading runs on the crop: right, left, down or up, as (x, y)."""
    centres = np.array([shape.corners.mean(axis=0) * size for shape in task.shapes if shape.label in WHEEL_LABELS])
    regions = [shape.corners * size for shape in task.shapes if shape.label == FRACTION_CLASS]
    if not len(centres):
        return np.array([1.0, 0.0])
    spread = np.ptp(centres, axis=0)
    along = np.array([0.0, 1.0]) if spread[1] > spread[0] else np.array([1.0, 0.0])
    # The fraction stands at the end; without one the crop is taken to be the right way up.
    if regions and (np.mean([region.mean(axis=0) for region in regions], axis=0) - centres.mean(axis=0)) @ along < 0:
        along = -along
    return along


@dataclasses.dataclass(frozen=True)
class _TurnedPicture:
    """Loads a picture turned by quarter turns, so that corners (4, 2) in shares become its own."""

    load: Callable[[], np.ndarray]
    corners: np.ndarray

    def __call__(self) -> np.ndarray:
        # The first corner tells how often the picture is turned counter-clockwise.
        turns = {(0, 0): 0, (1, 0): 1, (1, 1): 2, (0, 1): 3}[tuple(int(value) for value in np.round(self.corners[0]))]
        return np.ascontiguousarray(np.rot90(self.load(), turns))
