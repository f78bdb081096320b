"""The recognition rate on labelled photos: how many are read wholly right, of those that Label Studio exports tell."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath

import numpy as np
from tqdm import tqdm

from deploy.recognition.classes import LEGIBLE_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.pipeline import Recognition
from retinanet.datasets.label_studio.crops import CROP_PREFIX, WINDOW_NUMBER, photo_name
from retinanet.datasets.label_studio.export import find_file, read_tasks, without_upload_prefix
from retinanet.datasets.label_studio.photos import reading_text
from retinanet.datasets.loading import load_split
from retinanet.evaluation.intervals import wilson_interval
from retinanet.training.epoch_metrics import texts_match

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


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was read on a photo, and whether it is right; of several windows any will do."""

    photo: ReadablePhoto
    recognition: Recognition

    @property
    def text_right(self) -> bool:
        """Returns whether the whole text is right, comma included."""
        return self._any(lambda text: text)

    @property
    def integer_right(self) -> bool:
        """Returns whether all is right that stands before the comma."""
        return self._any(lambda text: text.partition(",")[0])

    @property
    def digits_right(self) -> bool:
        """Returns whether all digits are right, wherever the comma stands."""
        return self._any(lambda text: text.replace(",", ""))

    def to_dict(self) -> dict:
        """Returns plain values for JSON."""
        return {
            "file": str(self.photo.path),
            "right": list(self.photo.readings),
            "text_right": self.text_right,
            "integer_right": self.integer_right,
            "digits_right": self.digits_right,
            **self.recognition.to_dict(),
        }

    def _any(self, part: Callable[[str], str]) -> bool:
        read = self.recognition.text
        return bool(read) and any(texts_match(part(read), part(right)) for right in self.photo.readings)


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


def measure(photos: Sequence[ReadablePhoto], read: Callable[[Sequence[Path]], list[Recognition]], batch_size: int):
    """Returns an outcome for each photo.

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
            outcomes += [Outcome(*pair) for pair in zip(batch, recognitions, strict=True)]
            progress.update(len(batch))
    return outcomes


def summary(outcomes: Sequence[Outcome]) -> dict:
    """Returns the figures of at least one outcome, as plain values for JSON.

    Returns:
        `photos`: their number. `recognition_rate`, `integer_part`, `digits`: objects of `right`, how many, `share`
        and `interval`, its 95 % interval, 0 to 1. `seconds`: the percentiles p50, p90 and p99.
    """
    right = {
        "recognition_rate": [outcome.text_right for outcome in outcomes],
        "integer_part": [outcome.integer_right for outcome in outcomes],
        "digits": [outcome.digits_right for outcome in outcomes],
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
