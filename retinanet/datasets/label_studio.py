"""Importer of Label Studio projects: photos with window polygons (stage 1), crops with digit boxes (stage 2)."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from deploy.recognition.classes import DIGIT_CLASSES, FRACTION_CLASS, LEGIBLE_CLASSES, POINT_CLASS
from deploy.recognition.errors import UserError
from deploy.recognition.geometry import (
    WINDOW_MARGIN,
    bounding_box,
    expand_corners,
    natural_size,
    perspective_matrix,
    rectangle_corners,
    side_lengths,
    transform_points,
)
from deploy.recognition.photo_files import read_photo
from deploy.recognition.rectification import rectify_window
from retinanet.datasets.corner_order import order_corners
from retinanet.datasets.label_studio_export import Task, read_tasks
from retinanet.datasets.photo_files import photo_loader, photo_size
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow, WindowCrop
from retinanet.datasets.splits import read_table, split_by_hash

CROP_PREFIX = "cropped_"
LEAST_CROP_HEIGHT = 100

# Proportions of photo and export differ by a rounding only when both show the same picture the same way up.
MAX_STRETCH = 0.03

# Crops are recognised in their photo by their grey values, seen this small.
MATCH_SIZE = (96, 48)
LEAST_CORRELATION = 0.5

WHEEL_LABELS = (*DIGIT_CLASSES, "_")


def read_photos(photos: Path, export: Path, groups: Path | None = None) -> list[LabelledPhoto]:
    """Returns the labelled photos of stage 1, in the export's order.

    Polygons start anywhere and run either way. Here, where nothing but the polygon is known, the reading's top-left
    is the left end of the upper long side (of an upright window, its upper end on the right).

    Args:
        photos: the folder of the photos.
        export: the JSON export of the project with the polygons.
        groups: a CSV file with the columns image and group: photos of one meter go into one split. Without it every
            photo goes into a split by its name.

    Raises:
        UserError: a file is missing or a label does not follow the format.
    """
    group_of = _groups(groups)
    records = []
    for task in read_tasks(export, stage=1):
        photo = _find(task, photos)
        size = photo_size(photo)
        _check_proportions(task, photo, size)
        windows = tuple(LabelledWindow(_likely_order(shape.corners * size), shape.label) for shape in task.shapes)
        group = group_of(task.name)
        records.append(LabelledPhoto(photo.name, photo_loader(photo), split_by_hash(group), group, windows))
    return records


def read_crops(crops: Path, export: Path, groups: Path | None = None) -> list[WindowCrop]:
    """Returns the labelled crops of stage 2, in the export's order, turned so that the reading runs to the right.

    Which way it runs is seen by the row of the digits and by the fraction, which stands at its end.

    Args:
        crops: the folder of the crops, `cropped_<file name of the photo>`.
        export: the JSON export of the project with the boxes.
        groups: as for `read_photos`, by the names of the photos.

    Raises:
        UserError: a file is missing or a label does not follow the format.
    """
    group_of = _groups(groups)
    records = []
    for task in read_tasks(export, stage=2):
        crop = _find(task, crops)
        size = photo_size(crop)
        _check_proportions(task, crop, size)
        corners = order_corners(rectangle_corners(1, 1), _direction_in_crop(task, size))
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


def read_photos_with_boxes(
    photos: Path, photo_export: Path, crops: Path, crop_export: Path, groups: Path | None = None
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

    Raises:
        UserError: a file is missing, a label does not follow the format, or a crop does not show a window of its
            photo.
    """
    tasks: dict[str, list[Task]] = {}
    for task in read_tasks(crop_export, stage=2):
        tasks.setdefault(photo_name(task), []).append(task)
    records = []
    for photo in read_photos(photos, photo_export, groups):
        original = next((name for name in (photo.name, _without_upload(photo.name)) if name in tasks), None)
        windows = photo.windows
        for task in tasks.get(original, ()):
            windows = _with_boxes(windows, photo.load(), _find(task, crops), task)
        records.append(dataclasses.replace(photo, windows=windows))
    return records


def write_crops(photos: list[LabelledPhoto], folder: Path, overwrite: bool = False) -> list[Path]:
    """Writes the legible windows as `cropped_<file name>`, for the labelling of stage 2; returns the files.

    Windows are cut as recognition cuts them, with its margin, in their own proportions and at least 100 pixels high.
    Of several windows in a photo the second is `cropped_2_<file name>` and so on.

    Raises:
        UserError: a file of that name is there already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for photo in photos:
        picture = None
        legible = [window for window in photo.windows if window.label in LEGIBLE_CLASSES]
        for number, window in enumerate(legible, start=1):
            target = folder / f"{CROP_PREFIX}{f'{number}_' if number > 1 else ''}{photo.name}"
            if target.exists() and not overwrite:
                raise UserError(f"{target}: exists already; give --overwrite to replace it or another folder")
            corners = expand_corners(window.corners, *WINDOW_MARGIN)
            height = max(LEAST_CROP_HEIGHT, round(side_lengths(corners)[1]))
            picture = photo.load() if picture is None else picture
            crop = rectify_window(picture, corners, natural_size(corners, height))
            if not cv2.imwrite(str(target), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR)):
                raise UserError(f"{target}: cannot be written; is the folder writable and the disk not full?")
            written.append(target)
    return written


def photo_name(task: Task) -> str:
    """Returns the file name of the photo from which the task's crop was cut."""
    name = task.name.removeprefix(CROP_PREFIX)
    number, _, rest = name.partition("_")
    return _without_upload(rest if number.isdecimal() and len(number) == 1 and rest else name)


@dataclasses.dataclass(frozen=True)
class _TurnedPicture:
    """Loads a picture turned by quarter turns, so that corners (4, 2) in shares become its own."""

    load: Callable[[], np.ndarray]
    corners: np.ndarray

    def __call__(self) -> np.ndarray:
        # The first corner tells how often the picture is turned counter-clockwise.
        turns = {(0, 0): 0, (1, 0): 1, (1, 1): 2, (0, 1): 3}[tuple(int(value) for value in np.round(self.corners[0]))]
        return np.ascontiguousarray(np.rot90(self.load(), turns))


def _groups(file: Path | None) -> Callable[[str], str]:
    """Returns what gives a photo's group by its file name: the name itself without a file."""
    if file is None:
        return lambda name: name
    groups = {row["image"]: row["group"] for row in read_table(file, ("image", "group"))}

    def group_of(name: str) -> str:
        if name not in groups:
            raise UserError(f"{file}: has no line for {name}; every labelled photo needs its group")
        return groups[name]

    return group_of


def _without_upload(name: str) -> str:
    from retinanet.datasets.label_studio_export import UPLOAD_PREFIX

    return UPLOAD_PREFIX.sub("", name)


def _find(task: Task, folder: Path) -> Path:
    for name in task.file_names:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{task.place}: no file {' or '.join(task.file_names)} in {folder}")


def _check_proportions(task: Task, file: Path, size: tuple[int, int]) -> None:
    for shape in task.shapes:
        labelled = shape.picture_size
        if labelled and abs(labelled[0] * size[1] / max(labelled[1] * size[0], 1) - 1) > MAX_STRETCH:
            raise UserError(
                f"{task.place}: labelled on a picture of {labelled[0]} x {labelled[1]} pixels, but {file} has "
                f"{size[0]} x {size[1]}, of other proportions"
            )


def _likely_order(corners: np.ndarray) -> np.ndarray:
    """Returns the corners from the left end of the upper long side."""
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(sides, axis=1)
    along = sides[0] - sides[2] if lengths[0] + lengths[2] >= lengths[1] + lengths[3] else sides[1] - sides[3]
    backwards = along[0] < 0 or (along[0] == 0 and along[1] < 0)
    return order_corners(corners, -along if backwards else along)


def _direction_in_crop(task: Task, size: tuple[int, int]) -> np.ndarray:
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


def _with_boxes(windows: tuple[LabelledWindow, ...], photo: np.ndarray, crop_file: Path, task: Task):
    """Returns the windows, the one that the crop shows with its boxes, reading and corners in the reading's order."""
    crop = read_photo(crop_file)
    seen = _small_grey(cv2.resize(crop, MATCH_SIZE, interpolation=cv2.INTER_AREA))
    best, best_index, best_extent = -1.0, 0, None
    for index, window in enumerate(windows):
        for start in range(4):
            corners = np.roll(window.corners, -start, axis=0)
            # Crops of other tools are cut without a margin.
            for extent in (expand_corners(corners, *WINDOW_MARGIN), corners):
                correlation = float((seen * _small_grey(rectify_window(photo, extent, MATCH_SIZE))).mean())
                if correlation > best:
                    best, best_index, best_extent = correlation, index, extent
    if best < LEAST_CORRELATION:
        raise UserError(f"{task.place}: {crop_file} does not look like a labelled window of its photo; cut it again")

    height, width = crop.shape[:2]
    to_photo = perspective_matrix(rectangle_corners(1, 1), best_extent)
    direction = _direction_in_crop(task, (width, height))
    in_crop = transform_points(windows[best_index].corners, np.linalg.inv(to_photo)) * (width, height)
    corners = transform_points(order_corners(in_crop, direction) / (width, height), to_photo)
    boxes = tuple(
        LabelledBox(transform_points(order_corners(shape.corners, direction), to_photo), shape.label)
        for shape in task.shapes
    )
    text = _reading(task, (width, height), direction)
    window = LabelledWindow(corners, windows[best_index].label, boxes, (text,) if text else ())
    return (*windows[:best_index], window, *windows[best_index + 1 :])


def _small_grey(picture: np.ndarray) -> np.ndarray:
    """Returns grey values (height, width) of mean 0 and deviation 1."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return (grey - grey.mean()) / max(grey.std(), 1e-6)


def _reading(task: Task, size: tuple[int, int], direction: np.ndarray) -> str:
    """Returns the text of the labelled wheels, a comma before the fraction; empty without wheels."""
    regions = [bounding_box(shape.corners) for shape in task.shapes if shape.label == FRACTION_CLASS]
    signs = [shape for shape in task.shapes if shape.label in (*WHEEL_LABELS, POINT_CLASS)]
    signs.sort(key=lambda shape: float((shape.corners.mean(axis=0) * size) @ direction))
    text = ""
    for shape in signs:
        x, y = shape.corners.mean(axis=0)
        in_fraction = any(left <= x <= right and top <= y <= bottom for left, top, right, bottom in regions)
        if (in_fraction or shape.label == POINT_CLASS) and text and "," not in text:
            text += ","
        if shape.label != POINT_CLASS:
            text += shape.label.replace("_", "?")
    return text.rstrip(",")
