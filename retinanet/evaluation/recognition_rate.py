"""The recognition rate on labelled photos: how many are read wholly right, of those that Label Studio exports tell."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath

import numpy as np
from tqdm import tqdm

from deploy.recognition.classes import LEGIBLE_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.datasets.label_studio.crops import CropsOfPhotos
from retinanet.datasets.label_studio.export import Task, find_file, read_tasks
from retinanet.datasets.label_studio.names import (
    CROP_PREFIX,
    WINDOW_NUMBER,
    PictureFolder,
    photo_name,
    plainest,
    without_upload_prefix,
)
from retinanet.datasets.label_studio.photos import reading_text
from retinanet.datasets.loading import load_split
from retinanet.datasets.records import ReadingKind
from retinanet.evaluation.intervals import wilson_interval
from retinanet.evaluation.outcomes import Outcome
from retinanet.evaluation.text import score_text
from retinanet.foreign_text import file_text

COUNTER_CLASS = "analog"
PERCENTILES = (50, 90, 99)
# names told of those left out for one reason
MOST_NAMES = 5


@dataclasses.dataclass(frozen=True)
class ReadablePhoto:
    """A photo of an analog counter whose reading is labelled.

    Attributes:
        path: its file.
        readings: one for each analog window on it; `?` stands for a wheel that nobody can tell.
        name: its path within the folder of the photos.
    """

    path: Path
    readings: tuple[str, ...]
    name: str = ""


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A photo, or a crop, that is labelled and not taken.

    Attributes:
        name: of the file.
        reason: why, in words.
    """

    name: str
    reason: str


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
) -> tuple[list[ReadablePhoto], list[LeftOut]]:
    """Returns the photos with a window of class analog that both exports label, in the order of stage 1's export.

    Args:
        images: the folder of the photos.
        stage1_export: the JSON export of the project with the polygons.
        stage2_export: the JSON export of the project with the boxes on the crops `cropped_<file name>`.
        dataset: a stage-2 dataset; only photos of its test split are taken.

    Returns:
        The photos, and what is labelled but left out.

    Raises:
        UserError: an export cannot be read or is of the other stage, a photo is missing, the dataset is of the wrong
            stage, or no photo is left.
    """
    tasks, pictures = read_tasks(stage1_export, stage=1), PictureFolder(images)
    names = [(PurePosixPath(*task.folders) / task.name).as_posix() for task in tasks]
    texts, left_out = _texts(read_tasks(stage2_export, stage=2), CropsOfPhotos(names), stage1_export)
    photos = []
    for number, task in enumerate(tasks):
        legible = [shape.label for shape in task.shapes if shape.label in LEGIBLE_CLASSES]
        readings = tuple(
            text
            for window, text in texts.get(number, ())
            if window <= len(legible) and legible[window - 1] == COUNTER_CLASS
        )
        if readings:
            file = find_file(task, pictures)
            photos.append(ReadablePhoto(file, readings, pictures.name(file)))
            continue
        classes = ", ".join(sorted({shape.label for shape in task.shapes}))
        reason = f"no digits are labelled on a crop of it in {stage2_export.name}"
        if COUNTER_CLASS not in legible:
            reason = f"its windows are {classes}, not {COUNTER_CLASS}"
        left_out.append(LeftOut(task.name, reason))
    if not photos:
        raise UserError(
            f"{stage1_export} and {stage2_export}: no photo of class {COUNTER_CLASS} is labelled in both; expected "
            f"crops called {CROP_PREFIX}<file name of the photo>"
        )
    if dataset is None:
        return photos, left_out
    in_test = _test_names(dataset)
    chosen = [photo for photo in photos if _is_among(photo, in_test)]
    if not chosen:
        raise UserError(f"{dataset}: none of the {len(photos)} labelled photos is in its test split; give its exports")
    others = [photo for photo in photos if photo not in chosen]
    return chosen, [*left_out, *(LeftOut(photo.name, f"not in the test split of {dataset}") for photo in others)]


def _texts(
    tasks: Sequence[Task], of_crops: CropsOfPhotos, stage1_export: Path
) -> tuple[dict[int, list[tuple[int, str]]], list[LeftOut]]:
    """Returns the texts on the crops of each photo with their windows' numbers, and crops of no photo."""
    texts: dict[int, list[tuple[int, str]]] = defaultdict(list)
    left_out = []
    for task in tasks:
        number = of_crops.photo_of(task)
        text = reading_text(task)
        if number is None:
            left_out.append(LeftOut(task.name, f"its photo {photo_name(task.name)} is not in {stage1_export.name}"))
        elif text:
            texts[number].append((_window_number(task.name), text))
    return texts, left_out


def left_out_text(left_out: Sequence[LeftOut]) -> str:
    """Returns a line for each reason, with how many photos and some of their names."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for entry in left_out:
        # what differs from photo to photo would make a line of each
        reason = "its photo is not in stage 1's export" if entry.reason.startswith("its photo ") else entry.reason
        by_reason[reason].append(file_text(entry.name))
    lines = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        lines.append(f"left out, {reason}: {len(names)} ({', '.join(names[:MOST_NAMES])}{more})")
    return "\n".join(lines)


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
    names = (example["image/filename"].decode(errors="surrogateescape") for example in examples.as_numpy_iterator())
    return {_plain_stem(name) for name in names}


def _plain_stem(name: str) -> str:
    """Returns a photo's or a crop's path as it is however both were uploaded, without ending."""
    path = PurePath(name)
    return "/".join(map(plainest, (*path.parent.parts, PurePath(photo_name(path.name)).stem)))


def _is_among(photo: ReadablePhoto, names: Iterable[str]) -> bool:
    """Tells whether a dataset has the photo's windows: of several each has its number at the end of its name."""
    whole = _plain_stem(photo.name or photo.path.name)
    # the datasets of others, and older ones of ours, do not know of subfolders
    stems = {whole, plainest(PurePath(without_upload_prefix(photo.path.name)).stem)}
    if len(photo.readings) > 1:
        stems |= {f"{stem}_{index}" for stem in stems for index in range(len(photo.readings))}
    return not stems.isdisjoint(names)
