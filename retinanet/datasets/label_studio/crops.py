"""Crops of windows for Label Studio: written for the labelling of stage 2, and read with their boxes."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

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
    read_tasks,
)
from retinanet.datasets.label_studio.grouping import groups_and_splits
from retinanet.datasets.label_studio.names import (
    CROP_PREFIX,
    NameIndex,
    PictureFolder,
    photo_name,
    without_upload_prefix,
)
from retinanet.datasets.records import LabelledPhoto, WindowCrop
from retinanet.datasets.source_photos import photo_loader, photo_size
from retinanet.files import write_then_move

MIN_CROP_HEIGHT = 100

WHEEL_LABELS = (*DIGIT_CLASSES, "_")


def write_crops(photos: list[LabelledPhoto], folder: Path, overwrite: bool = False) -> list[Path]:
    """Writes the legible windows as `cropped_<file name>`, for the labelling of stage 2; returns the files.

    Windows are cut as recognition cuts them, with its margin, in their own proportions and at least 100 pixels high.
    Of several windows in a photo the second is `cropped_NAME.window2.jpg` and so on. Those of photos in subfolders go
    into subfolders of the same names.

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
            # a backslash would be taken for a folder's end, as Windows writes it
            name = PurePosixPath(photo.name.replace("\\", ""))
            target = folder / name.with_name(
                f"{CROP_PREFIX}{name.stem}{f'.window{number}' if number > 1 else ''}{name.suffix}"
            )
            if target.exists() and not overwrite:
                raise UserError(f"{target}: exists already; give --overwrite to replace it or another folder")
            corners = expand_corners(window.outline, *WINDOW_MARGIN)
            height = max(MIN_CROP_HEIGHT, round(side_lengths(corners)[1]))
            picture = photo.load() if picture is None else picture
            crop = rectify_window(picture, corners, natural_size(corners, height))
            _write_picture(target, crop)
            written.append(target)
    return written


def _write_picture(target: Path, picture: np.ndarray) -> None:
    encoded, content = cv2.imencode(target.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not encoded:
        raise UserError(f"{target}: cannot be written as {target.suffix}; rename the photo")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with write_then_move(target) as unfinished:
            unfinished.write_bytes(content.tobytes())
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}") from error


def read_crops(crops: Path, export: Path, groups: Path | None = None, splits: Path | None = None) -> list[WindowCrop]:
    """Returns the labelled crops of stage 2, in the export's order, turned so that the reading runs to the right.

    Which way it runs is seen by the row of the digits and by the fraction, which stands at its end.

    Args:
        crops: the folder of the crops, `cropped_<file name of the photo>`.
        export: the JSON export of the project with the boxes.
        groups: as for photos (`label_studio.read_photos`), by the names of the photos.
        splits: the same.

    Raises:
        UserError: a file is missing or a label does not follow the format.
    """
    pictures, records = PictureFolder(crops), []
    tasks = read_tasks(export, stage=2)
    files = [find_file(task, pictures) for task in tasks]
    names = [pictures.name(file) for file in files]
    photos = [PurePosixPath(name).with_name(photo_name(PurePosixPath(name).name)).as_posix() for name in names]
    belongs = groups_and_splits(photos, groups, splits)
    for task, crop, name, (group, split) in zip(tasks, files, names, belongs, strict=True):
        size = photo_size(crop)
        check_proportions(task, crop, size)
        corners = order_corners(rectangle_corners(1, 1), direction_in_crop(task, size))
        to_upright = perspective_matrix(corners, rectangle_corners(1, 1))
        boxes = [bounding_box(transform_points(shape.corners, to_upright)) for shape in task.shapes]
        records.append(
            WindowCrop(
                name=name,
                load=_TurnedPicture(photo_loader(crop), corners),
                split=split,
                group=group,
                boxes_xyxy=np.clip(np.array(boxes, np.float32), 0, 1),
                labels=tuple(shape.label for shape in task.shapes),
            )
        )
    return records


class CropsOfPhotos:
    """Tells which photo a crop was cut from.

    Args:
        photos: their paths.
    """

    def __init__(self, photos: Sequence[str]):
        self._photos = photos
        self._index = NameIndex(photos, without_upload_prefix)

    def photo_of(self, task: Task) -> int | None:
        """Returns the number of the photo that a task of stage 2 belongs to; None if it is not among them.

        Raises:
            UserError: it may be several.
        """
        found = self._index.find([photo_name(task.name)], task.photo_folders)
        if len(found) > 1:
            several = " or ".join(self._photos[number] for number in found[:3])
            raise UserError(
                f"{task.place}: a crop of {several}: keep crops in subfolders called as those of the photos, or "
                "rename the photos apart"
            )
        return found[0] if found else None


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
        x, y = (int(value) for value in np.round(self.corners[0]))
        turns = {(0, 0): 0, (1, 0): 1, (1, 1): 2, (0, 1): 3}[(x, y)]
        return np.ascontiguousarray(np.rot90(self.load(), turns))
