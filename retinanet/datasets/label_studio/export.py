"""Reads the JSON that Label Studio exports: the tasks, and the shapes drawn in each.

Label Studio gives coordinates in percent of the picture's width and height; here they are shares, 0 to 1.
"""

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from deploy.recognition.classes import STAGE1_CLASSES, STAGE2_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.geometry import is_convex
from retinanet.datasets.corner_order import clockwise
from retinanet.datasets.splits import read_table

# What an upload through the browser puts before the file's name.
UPLOAD_PREFIX = re.compile(r"^[0-9a-f]{8}-")

# Shapes drawn along the picture's edge may overshoot by a rounding.
OVERSHOOT = 0.01

# Proportions of photo and export differ by a rounding only when both show the same picture the same way up.
MAX_STRETCH = 0.03

# The field of a task's data that tells where in the photo a crop was cut.
CROP_CORNERS = "crop_corners"

STAGE_OF_TYPE = {"polygonlabels": 1, "rectanglelabels": 2}
CLASSES = {1: STAGE1_CLASSES, 2: STAGE2_CLASSES}


@dataclasses.dataclass(frozen=True)
class Shape:
    """A labelled shape.

    Attributes:
        label: one of the stage's classes.
        corners: (4, 2) float32, clockwise, x, y in shares of width and height, inside the picture.
        picture_size: (width, height) in pixels of the picture that was labelled, None if the export does not tell.
    """

    label: str
    corners: np.ndarray
    picture_size: tuple[int, int] | None


@dataclasses.dataclass(frozen=True)
class Task:
    """A labelled picture.

    Attributes:
        place: the export and the task, for messages.
        file_names: names under which the picture's file may be found, the likeliest first.
        shapes: at least one.
        crop_corners: (4, 2) x, y in shares of the photo's width and height, along which a crop was cut; None where
            the export does not tell. Pre-annotated tasks carry them as `data.crop_corners`.
    """

    place: str
    file_names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    crop_corners: np.ndarray | None = None

    @property
    def name(self) -> str:
        """Returns the picture's file name as it was before an upload."""
        return PurePosixPath(self.file_names[-1]).name


def read_tasks(export: Path, stage: int) -> list[Task]:
    """Returns the tasks with labels; those without, skipped or cancelled by the annotator, are left out.

    Of several annotations of a task the first counts that is neither cancelled nor empty.

    Raises:
        UserError: the file is no export of this stage, or a shape is no quadrilateral inside the picture with a label
            of the stage's classes.
    """
    try:
        content = json.loads(Path(export).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{export}: cannot be read: {error.strerror}; expected an export of Label Studio") from error
    except ValueError as error:
        raise UserError(f"{export}: not JSON ({error}); export the project from Label Studio as JSON") from error
    if not isinstance(content, list):
        raise UserError(f"{export}: expected a list of tasks; export the project from Label Studio as JSON")
    tasks = []
    for number, entry in enumerate(content, start=1):
        place = f"{export}: task {entry.get('id', number) if isinstance(entry, dict) else number}"
        try:
            results = _first_results(entry)
            names = file_names(entry["data"]["image"]) if results else ()
            corners = _crop_corners(entry["data"]) if results else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(
                f"{place}: {error!r}; expected data.image and annotations, as the JSON export has"
            ) from error
        shapes = tuple(_shape(result, stage, place) for result in results if result.get("type") in STAGE_OF_TYPE)
        if shapes:
            tasks.append(Task(place, names, shapes, corners))
    if not tasks:
        raise UserError(f"{export}: holds no labelled task; expected {_type_of(stage)} of stage {stage}")
    return tasks


def file_names(url: str) -> tuple[str, ...]:
    """Returns the names of the picture behind data.image: as in the URL, and without what an upload put before it."""
    parts = urlsplit(url)
    path = parse_qs(parts.query).get("d", [unquote(parts.path)])[0]
    name = PurePosixPath(path).name
    if not name:
        raise KeyError(f"data.image names no file: {url!r}")
    original = without_upload_prefix(name)
    return (name,) if original == name else (name, original)


def without_upload_prefix(name: str) -> str:
    """Returns the file name without the eight digits that an upload puts before it."""
    return UPLOAD_PREFIX.sub("", name)


def find_file(task: Task, folder: Path) -> Path:
    """Returns the task's picture in the folder.

    Raises:
        UserError: it is not there.
    """
    for name in task.file_names:
        if (folder / name).is_file():
            return folder / name
    raise UserError(f"{task.place}: no file {' or '.join(task.file_names)} in {folder}")


def check_proportions(task: Task, file: Path, size: tuple[int, int]) -> None:
    """Makes sure that the file of this size (width, height) shows what was labelled, the same way up.

    Raises:
        UserError: it does not.
    """
    for shape in task.shapes:
        labelled = shape.picture_size
        if labelled and abs(labelled[0] * size[1] / max(labelled[1] * size[0], 1) - 1) > MAX_STRETCH:
            raise UserError(
                f"{task.place}: labelled on a picture of {labelled[0]} x {labelled[1]} pixels, but {file} has "
                f"{size[0]} x {size[1]}, of other proportions"
            )


def group_lookup(file: Path | None) -> Callable[[str], str]:
    """Returns what gives a photo's group by its file name: the name itself without a file."""
    if file is None:
        return lambda name: name
    groups = {row["image"]: row["group"] for row in read_table(file, ("image", "group"))}

    def group_of(name: str) -> str:
        if name not in groups:
            raise UserError(f"{file}: has no line for {name}; every labelled photo needs its group")
        return groups[name]

    return group_of


def _first_results(entry: dict) -> list[dict]:
    for annotation in entry["annotations"]:
        if not annotation.get("was_cancelled") and annotation["result"]:
            return annotation["result"]
    return []


def _crop_corners(data: dict) -> np.ndarray | None:
    corners = data.get(CROP_CORNERS)
    return None if corners is None else np.array(corners, np.float64).reshape(4, 2)


def _type_of(stage: int) -> str:
    return next(name for name, of_stage in STAGE_OF_TYPE.items() if of_stage == stage)


def _shape(result: dict, stage: int, place: str) -> Shape:
    kind = result["type"]
    if STAGE_OF_TYPE[kind] != stage:
        raise UserError(
            f"{place}: holds {kind}, as an export of stage {STAGE_OF_TYPE[kind]} does; stage {stage} needs "
            f"{_type_of(stage)}"
        )
    try:
        value = result["value"]
        labels = [str(label).strip().lower() for label in value[kind]]
        size = (int(result["original_width"]), int(result["original_height"])) if "original_width" in result else None
        points = _polygon(value) if stage == 1 else _rectangle(value, size)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{place}: a shape cannot be understood ({error!r}); export the project again") from error
    if len(labels) != 1 or labels[0] not in CLASSES[stage]:
        raise UserError(f"{place}: label {', '.join(labels) or 'missing'}; expected one of {', '.join(CLASSES[stage])}")
    if len(points) != 4 or not is_convex(clockwise(points)):
        raise UserError(
            f"{place}: the shape {labels[0]} has {len(points)} points and is no convex quadrilateral; draw four corners"
        )
    if points.min() < -OVERSHOOT or points.max() > 1 + OVERSHOOT:
        raise UserError(f"{place}: the shape {labels[0]} lies outside the picture; expected 0 to 100 percent")
    return Shape(labels[0], np.clip(clockwise(points), 0, 1).astype(np.float32), size)


def _polygon(value: dict) -> np.ndarray:
    points = np.array(value["points"], np.float64).reshape(-1, 2) / 100
    # Some versions repeat the first point at the end.
    return points[:-1] if len(points) == 5 and np.allclose(points[0], points[-1]) else points


def _rectangle(value: dict, size: tuple[int, int] | None) -> np.ndarray:
    """Returns the corners; a turned rectangle gives the upright one around it."""
    left, top, width, height = (float(value[name]) / 100 for name in ("x", "y", "width", "height"))
    points = np.array([[left, top], [left + width, top], [left + width, top + height], [left, top + height]])
    rotation = np.deg2rad(float(value.get("rotation", 0)))
    if rotation:
        # Clockwise about the top-left, in pixels.
        scale = np.array(size or (1, 1), np.float64)
        turn = np.array([[np.cos(rotation), -np.sin(rotation)], [np.sin(rotation), np.cos(rotation)]])
        points = ((points - points[0]) * scale @ turn.T) / scale + points[0]
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return points
