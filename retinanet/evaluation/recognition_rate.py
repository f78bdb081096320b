"""The recognition rate on labelled photos: how many are read wholly right, of those that Label Studio exports tell."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

import numpy as np
from tqdm import tqdm

from deploy.recognition.classes import LEGIBLE_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.datasets.label_studio.crops import CROP_PREFIX, WINDOW_NUMBER, photo_name
from retinanet.datasets.label_studio.export import find_file, read_tasks, without_upload_prefix
from retinanet.datasets.label_studio.photos import reading_text
from retinanet.datasets.loading import load_split
from retinanet.datasets.records import ReadingKind
from retinanet.evaluation.intervals import wilson_interval
from retinanet.evaluation.outcomes import Outcome
from retinanet.evaluation.text import score_text

COUNTER_CLASS = "analog"
PERCENTILES = (50, 90, 99)


@dataclasses.dataclass(frozen=True)
class ReadablePhoto:
    """A photo of an analog counter whose reading is labelled.

    Attributes:
        path: its file.
        readings: one for each analog window on it; `?` stands for a wheel that nobody can tell.
    """

    path: Path
    readings: tuple[str, ...]


def as_dict(outcome: Outcome) -> dict:
    """Returns an outcome as plain values for JSON."""
    return {
        "file": outcome.name,
        "right": list(outcome.right),
        "text_right": outcome.score.text_right,
        "integer_right": outcome.score.integer_right,
        "digits_right": outcome.score.row_right,
        **outcome.recognition.to_dict(),
    }


def readable_photos(
    images: Path, stage1_export: Path, stage2_export: Path, dataset: Path | None = None
) -> list[ReadablePhoto]:
    """Returns the photos with a window of class analog that both exports label, in the order of stage 1's export.

    Args:
        images: the folder of the photos.
        stage1_export: the JSON export of the project with the polygons.
        stage2_export: the JSON export of the project with the boxes on the crops `cropped_<file name>`.
        dataset: a stage-2 dataset; only photos of its test split are taken.

    Raises:
        UserError: an export cannot be read or is of the other stage, a photo is missing, the dataset is of the wrong
            stage, or no photo is left.
    """
    texts: dict[str, list[tuple[int, str]]] = {}
    for task in read_tasks(stage2_export, stage=2):
        text = reading_text(task)
        if text:
            texts.setdefault(photo_name(task), []).append((_window_number(task.name), text))
    photos = []
    for task in read_tasks(stage1_export, stage=1):
        legible = [shape.label for shape in task.shapes if shape.label in LEGIBLE_CLASSES]
        readings = tuple(
            text
            for number, text in texts.get(without_upload_prefix(task.name), ())
            if number <= len(legible) and legible[number - 1] == COUNTER_CLASS
        )
        if readings:
            photos.append(ReadablePhoto(find_file(task, images), readings))
    if not photos:
        raise UserError(
            f"{stage1_export} and {stage2_export}: no photo of class {COUNTER_CLASS} is labelled in both; expected "
            f"crops called {CROP_PREFIX}<file name of the photo>"
        )
    if dataset is None:
        return photos
    names = _test_names(dataset)
    chosen = [photo for photo in photos if names & _names_in_dataset(photo)]
    if not chosen:
        raise UserError(f"{dataset}: none of the {len(photos)} labelled photos is in its test split; give its exports")
    return chosen


def measure(
    photos: Sequence[ReadablePhoto], read: Callable[[Sequence[Path]], list[Recognition]], batch_size: int
) -> list[Outcome]:
    """Returns an outcome for each photo, its name the path; of several windows any reading will do.

    Args:
        photos: what to read.
        read: from photo files to what is read on them.
        batch_size: so many files at a time.

    Raises:
        UserError: a photo cannot be read as a picture, or what `read` raises.
    """
    outcomes = []
    with tqdm(total=len(photos), desc="reading", unit="photo", disable=None) as progress:
        for start in range(0, len(photos), batch_size):
            batch = photos[start : start + batch_size]
            recognitions = read([photo.path for photo in batch])
            outcomes += [outcome_of(*pair) for pair in zip(batch, recognitions, strict=True)]
            progress.update(len(batch))
    return outcomes


def outcome_of(photo: ReadablePhoto, recognition: Recognition) -> Outcome:
    """Returns what came of a photo, named by its path; of several readings any will do."""
    score = score_text(recognition.text, photo.readings, ReadingKind.WHOLE)
    return Outcome(photo.readings, score, recognition, name=str(photo.path))


def summary(outcomes: Sequence[Outcome]) -> dict:
    """Returns the figures of at least one outcome, as plain values for JSON.

    Returns:
        `photos`: their number. `recognition_rate`, `integer_part`, `digits`: objects of `right`, how many, `share`
        and `interval`, its 95 % interval, 0 to 1. `seconds`: the percentiles p50, p90 and p99.
    """
    right = {
        "recognition_rate": [outcome.score.text_right for outcome in outcomes],
        "integer_part": [outcome.score.integer_right for outcome in outcomes],
        "digits": [outcome.score.row_right for outcome in outcomes],
    }
    seconds = [outcome.recognition.seconds["total"] for outcome in outcomes]
    return {
        "photos": len(outcomes),
        **{
            name: {
                "right": sum(values),
                "share": sum(values) / len(values),
                "interval": list(wilson_interval(sum(values), len(values))),
            }
            for name, values in right.items()
        },
        "seconds": {f"p{percent}": float(np.percentile(seconds, percent)) for percent in PERCENTILES},
    }


def as_text(figures: dict, times_of: str) -> str:
    """Returns what `summary` gives as lines for the terminal.

    Args:
        figures: of `summary`.
        times_of: what the times are the times of.
    """
    lines = [f"{figures['photos']} photos of class {COUNTER_CLASS}"]
    for name in ("recognition_rate", "integer_part", "digits"):
        part = figures[name]
        low, high = part["interval"]
        lines.append(
            f"{name.replace('_', ' '):<18}{part['share']:>7.1%}   {part['right']} right, "
            f"95 % interval {low:.1%} to {high:.1%}"
        )
    times = "   ".join(f"{name} {value:.3f}" for name, value in figures["seconds"].items())
    return "\n".join([*lines, f"{'seconds':<18}{times}   ({times_of})"])


def _window_number(crop_name: str) -> int:
    """Returns which of its photo's legible windows a crop shows, from 1."""
    found = WINDOW_NUMBER.search(crop_name)
    return int(found[0].removeprefix(".window")) if found else 1


def _test_names(dataset: Path) -> set[str]:
    """Returns the names of the photos whose windows are in the test split, without ending and prefixes."""
    examples, _ = load_split([dataset], 2, "test", decode_images=False)
    names = (PurePath(example["image/filename"].decode()).name for example in examples.as_numpy_iterator())
    plain = (without_upload_prefix(WINDOW_NUMBER.sub("", without_upload_prefix(name))) for name in names)
    return {PurePath(without_upload_prefix(name.removeprefix(CROP_PREFIX))).stem for name in plain}


def _names_in_dataset(photo: ReadablePhoto) -> set[str]:
    """Returns the names that the dataset may give the photo's windows: of several each has its number at the end."""
    stem = PurePath(without_upload_prefix(photo.path.name)).stem
    return {stem, *(f"{stem}_{index}" for index in range(len(photo.readings)) if len(photo.readings) > 1)}
