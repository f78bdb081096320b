"""Label Studio tasks with predictions as pre-annotations, to be corrected there instead of labelled from nothing."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

import numpy as np

from deploy.recognition.classes import FRACTION_CLASS, LEGIBLE_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.geometry import (
    bounding_box,
    expand_corners,
    perspective_matrix,
    rectangle_corners,
    transform_points,
)
from deploy.recognition.recognition import Recognition
from deploy.recognition.settings import WINDOW_MARGIN
from retinanet.datasets.label_studio.crops import write_crops
from retinanet.datasets.label_studio.export import CROP_CORNERS, CROP_PHOTO
from retinanet.datasets.records import LabelledPhoto, LabelledWindow
from retinanet.datasets.source_photos import photo_loader, photo_size
from retinanet.files import write_json

# The names of the tags in resources/label_studio/*.xml, which are those of Label Studio's own templates.
FROM_NAME, TO_NAME = "label", "image"
MODEL_VERSION = "meter reader"
# How Label Studio names a file on its own machine; it wants the folder as a Local Files storage of the project.
LOCAL_FILES = "/data/local-files/?d="


def write_tasks(file: Path, photos: Sequence[tuple[Path, Recognition]]) -> tuple[Path, Path, Path]:
    """Writes pre-annotated tasks of both stages, those of the least certain photos first.

    Photos without a window become tasks of stage 1 without a prediction. Stage 2 gets a task for each legible window,
    of several counters each one's, on a crop that is written too and says in its task where it was cut.

    Args:
        file: of stage 1's tasks, ending in `.json`. Those of stage 2 go to `<name>_stage2.json` and their crops into
            the folder `<name>_crops` beside it, in subfolders as the photos are.
        photos: photo files with what was read on them.

    Returns:
        The files of stage 1's and stage 2's tasks, and the folder of the crops.

    Raises:
        UserError: a photo is given twice, or a file cannot be read or written.
    """
    names = names_below([path for path, _ in photos])
    crops = file.with_name(f"{file.stem}_crops")
    stage1, stage2 = [], []
    order = sorted(range(len(photos)), key=lambda number: _least_confidence(photos[number][1]))
    for number in order:
        path, recognition = photos[number]
        size = np.array(photo_size(path))
        counters = [counter for counter in (recognition, *recognition.others) if counter.corners is not None]
        shapes = [_window_shape(counter, size) for counter in counters]
        stage1.append(_task(path, shapes, _least_confidence(recognition), size))
        legible = [counter for counter in counters if counter.counter_class in LEGIBLE_CLASSES]
        for counter, crop, corners in _write_crops(path, names[number], legible, crops):
            shapes = _digit_shapes(counter, corners)
            task = _task(crop, shapes, counter.confidence, np.array(photo_size(crop)))
            task["data"][CROP_PHOTO] = _url(path)
            task["data"][CROP_CORNERS] = np.round(corners / size, 5).tolist()
            stage2.append(task)
    stage2_file = file.with_name(f"{file.stem}_stage2.json")
    write_json(file, stage1)
    write_json(stage2_file, stage2)
    return file, stage2_file, crops


def _task(picture: Path, shapes: list[dict], score: float, size: np.ndarray) -> dict:
    """Returns a task with its prediction; without shapes there is none."""
    task: dict[str, Any] = {"data": {"image": _url(picture)}}
    place = {
        "from_name": FROM_NAME,
        "to_name": TO_NAME,
        "original_width": int(size[0]),
        "original_height": int(size[1]),
        "image_rotation": 0,
    }
    if shapes:
        results = [{"id": f"shape{number}", **place, **shape} for number, shape in enumerate(shapes, start=1)]
        task["predictions"] = [{"model_version": MODEL_VERSION, "score": round(score, 4), "result": results}]
    return task


def _url(picture: Path) -> str:
    return LOCAL_FILES + quote(os.fsencode(picture.resolve()).lstrip(b"/"))


def names_below(paths: Sequence[Path]) -> list[PurePosixPath]:
    """Returns the paths from the lowest folder on that holds all of them.

    Raises:
        UserError: one is given twice.
    """
    whole = [path.resolve() for path in paths]
    for path, times in Counter(whole).items():
        if times > 1:
            raise UserError(f"{path}: given {times} times; give each photo once")
    root = os.path.commonpath([path.parent for path in whole]) if whole else ""
    return [PurePosixPath(path.relative_to(root)) for path in whole]


def _least_confidence(recognition: Recognition) -> float:
    return min(counter.confidence for counter in (recognition, *recognition.others))


def _window_shape(counter: Recognition, size: np.ndarray) -> dict:
    points = np.clip(counter.corners / size * 100, 0, 100)
    value = {"points": np.round(points, 3).tolist(), "polygonlabels": [counter.counter_class], "closed": True}
    return {"type": "polygonlabels", "value": value, "score": round(counter.counter_score, 4)}


def _digit_shapes(recognition: Recognition, corners: np.ndarray) -> list[dict]:
    """Returns the digits, and the region of the fraction, as rectangles on the crop along these corners."""
    to_crop = perspective_matrix(corners, rectangle_corners(100, 100))
    boxes = [bounding_box(transform_points(digit.corners, to_crop)) for digit in recognition.digits]
    labels = [digit.label for digit in recognition.digits]
    scores = [digit.score for digit in recognition.digits]
    if recognition.fraction:
        points = np.concatenate(boxes[-len(recognition.fraction) :]).reshape(-1, 2)
        boxes, labels, scores = [*boxes, bounding_box(points)], [*labels, FRACTION_CLASS], [*scores, min(scores)]
    shapes = []
    for box, label, score in zip(boxes, labels, scores, strict=True):
        left, top, right, bottom = np.round(np.clip(box, 0, 100).astype(float), 3).tolist()
        size = {"width": round(right - left, 3), "height": round(bottom - top, 3)}
        value = {"x": left, "y": top, **size, "rotation": 0}
        # As the labelling configuration writes them; when read, case plays no part.
        value["rectanglelabels"] = [label.upper()]
        shapes.append({"type": "rectanglelabels", "value": value, "score": round(score, 4)})
    return shapes


def _write_crops(
    path: Path, name: PurePosixPath, counters: Sequence[Recognition], folder: Path
) -> list[tuple[Recognition, Path, np.ndarray]]:
    """Writes the crop of each counter's window; returns them with their files and the corners (4, 2) of the cuts."""
    if not counters:
        return []
    windows = tuple(LabelledWindow(counter.corners, counter.counter_class) for counter in counters)
    photo = LabelledPhoto(str(name), photo_loader(path), split="", group="", windows=windows)
    files = write_crops([photo], folder, overwrite=True)
    cuts = [expand_corners(window.outline, *WINDOW_MARGIN).astype(float) for window in windows]
    return list(zip(counters, files, cuts, strict=True))
