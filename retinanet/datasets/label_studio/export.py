"""Reads the JSON that Label Studio exports: the tasks, and the shapes drawn in each.

Label Studio gives coordinates in percent of the picture's width and height; here they are shares, 0 to 1.
"""

import dataclasses
import functools
import json
import sys
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.geometry import is_convex
from retinanet.datasets.corner_order import clockwise
from retinanet.datasets.label_studio.names import PictureFolder, without_upload_prefix
from retinanet.datasets.schema import SCHEMAS
from retinanet.foreign_text import printable

# Shapes drawn along the picture's edge may overshoot by a rounding.
OVERSHOOT = 0.01

# Proportions of photo and export differ by a rounding only when both show the same picture the same way up.
MAX_STRETCH = 0.03

# The field of a task's data that tells where in the photo a crop was cut.
CROP_CORNERS = "crop_corners"
# The field that tells, as data.image does, from which photo.
CROP_PHOTO = "photo"

MOST_PIXELS_A_SIDE = 1_000_000
# Two annotations are compared to so many decimals of a percent of the picture.
SAME_PLACES = 2

STAGE_OF_TYPE = {"polygonlabels": 1, "rectanglelabels": 2}


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
        folders: that the picture lay in, the nearest last.
        photo_folders: those of the photo that a crop was cut from; those of the crop where the export does not tell.
        crop_corners: (4, 2) x, y in shares of the photo's width and height, along which a crop was cut; None where
            the export does not tell. Pre-annotated tasks carry them as `data.crop_corners`.
    """

    place: str
    file_names: tuple[str, ...]
    shapes: tuple[Shape, ...]
    crop_corners: np.ndarray | None = None
    folders: tuple[str, ...] = ()
    photo_folders: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Returns the picture's file name as it was before an upload."""
        return PurePosixPath(self.file_names[-1]).name


def read_tasks(export: Path, stage: int) -> list[Task]:
    """Returns the tasks with labels; those without, skipped or cancelled by the annotator, are left out.

    Of several annotations of a task the first counts that is neither cancelled nor empty, of those that are marked as
    ground truth if there are any. Where others differ from it, a line on stderr says so.

    Raises:
        UserError: the file is no export of this stage, or a shape is no quadrilateral inside the picture with a label
            of the stage's classes.
    """
    tasks = []
    for number, entry in enumerate(_entries(export), start=1):
        place = f"{export}: task {entry.get('id', number) if isinstance(entry, dict) else number}"
        if isinstance(entry, dict) and "annotations" not in entry and "data" not in entry and "image" in entry:
            raise UserError(
                f"{place}: this is an export as JSON-MIN; expected data.image and annotations: export the project as "
                "JSON"
            )
        try:
            results = _chosen_results(entry, place)
            if not results:
                continue
            data = entry["data"]
            names, path, corners = file_names(data["image"]), _path(data["image"]), _crop_corners(data)
            photo = _path(data[CROP_PHOTO]) if data.get(CROP_PHOTO) else path
            found = [result for result in results if result.get("type") in STAGE_OF_TYPE]
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise UserError(
                f"{place}: {_short(error)}; expected data.image and annotations, as the JSON export has"
            ) from error
        shapes = tuple(_shape(result, stage, place) for result in found)
        if shapes:
            tasks.append(Task(place, names, shapes, corners, path.parent.parts, photo.parent.parts))
    if not tasks:
        raise UserError(f"{export}: holds no labelled task; expected {_type_of(stage)} of stage {stage}")
    return tasks


def _entries(export: Path) -> list:
    try:
        content = json.loads(Path(export).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(f"{export}: cannot be read: {error.strerror}; expected an export of Label Studio") from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{export}: not JSON ({_short(error)}); export the project from Label Studio as JSON"
        ) from error
    if not isinstance(content, list):
        raise UserError(f"{export}: expected a list of tasks; export the project from Label Studio as JSON")
    return content


def _short(error: Exception) -> str:
    """Returns an error on one line that is not long, whatever the file holds."""
    text = printable(str(error) if type(error) in (ValueError, json.JSONDecodeError) else repr(error))
    return text if len(text) <= 200 else f"{text[:200]}..."


def file_names(url: str) -> tuple[str, ...]:
    """Returns the names of the picture behind data.image: as in the URL, and without what an upload put before it."""
    name = _path(url).name
    if not name:
        raise KeyError(f"data.image names no file: {url!r}")
    original = without_upload_prefix(name)
    return (name,) if original == name else (name, original)


def _path(url: str) -> PurePosixPath:
    parts = urlsplit(url, allow_fragments=False)
    # bytes that are no UTF-8 come back as Python's paths hold them
    query = parse_qs(parts.query, errors="surrogateescape")
    path = query.get("d", [unquote(parts.path, errors="surrogateescape")])[0]
    return PurePosixPath(path.replace("\\", "/"))


def find_file(task: Task, pictures: PictureFolder) -> Path:
    """Returns the task's picture in the folder or below it.

    Raises:
        UserError: it is not there, or several are that nothing tells apart.
    """
    return pictures.find(task.file_names, task.folders, task.place)


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


def _chosen_results(entry: dict, place: str) -> list[dict]:
    """Returns the shapes of the annotation that counts."""
    annotations = [
        annotation
        for annotation in entry["annotations"]
        if not annotation.get("was_cancelled") and annotation["result"]
    ]
    true = [annotation for annotation in annotations if annotation.get("ground_truth") is True]
    chosen = true or annotations
    if len({_as_compared(annotation["result"]) for annotation in chosen}) > 1:
        _warn(
            f"{place}: its annotations differ; the first one is taken. Mark the right one as ground truth in Label "
            "Studio, or delete the others"
        )
    return chosen[0]["result"] if chosen else []


def _as_compared(results: list[dict]) -> str:
    """Returns what is the same for two annotations that say the same."""

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return round(float(value), SAME_PLACES) if isinstance(value, int | float) else value

    shapes = [result for result in results if result.get("type") in STAGE_OF_TYPE]
    return json.dumps(sorted(json.dumps(plain(shape.get("value")), sort_keys=True) for shape in shapes))


@functools.cache
def _warn(text: str) -> None:
    """Says it once, though both stages may read an export."""
    print(f"warning: {printable(text)}", file=sys.stderr)


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
        size = _picture_size(result) if "original_width" in result else None
        points = _polygon(value) if stage == 1 else _rectangle(value, size)
        if not np.isfinite(points).all():
            raise ValueError("coordinates that are no numbers")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UserError(f"{place}: a shape cannot be understood ({_short(error)}); export the project again") from error
    classes = SCHEMAS[stage].class_names
    if len(labels) != 1 or labels[0] not in classes:
        given = printable(", ".join(labels))[:80] or "missing"
        raise UserError(f"{place}: label {given}; expected one of {', '.join(classes)}")
    if len(points) != 4 or not is_convex(clockwise(points)):
        raise UserError(
            f"{place}: the shape {labels[0]} has {len(points)} points and is no convex quadrilateral; draw four corners"
        )
    if points.min() < -OVERSHOOT or points.max() > 1 + OVERSHOOT:
        raise UserError(f"{place}: the shape {labels[0]} lies outside the picture; expected 0 to 100 percent")
    return Shape(labels[0], np.clip(clockwise(points), 0, 1).astype(np.float32), size)


def _picture_size(result: dict) -> tuple[int, int]:
    width, height = int(result["original_width"]), int(result["original_height"])
    if not (0 < width <= MOST_PIXELS_A_SIDE and 0 < height <= MOST_PIXELS_A_SIDE):
        raise ValueError("a picture of impossible size")
    return width, height


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
