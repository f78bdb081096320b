"""What recognition reaches on labelled photos, photo by photo."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deploy.recognition.errors import UserError
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.photo_files import find_photos, read_photo
from deploy.recognition.recognition import Recognition
from retinanet.datasets.records import LabelledPhoto
from retinanet.datasets.sources import MEASURED, Request, check_paths
from retinanet.evaluation.text import TextScore, nothing_to_read, score_text
from retinanet.evaluation.windows import NO_WINDOW, NOT_LABELLED, WindowScore, score_window

WITHOUT_METER = "no_meter"
# Sources that name a layout, not a collection.
OWN_PHOTOS = ("photos", "label_studio")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of one labelled photo.

    Attributes:
        right: the labelled readings; none on a photo without a meter, nor where nobody can read it.
        score: how the text compares with the label.
        recognition: what was read.
        source: a name in `datasets.sources.MEASURED`, with the folder's where one name stands for many; or
            WITHOUT_METER.
        name: file name.
        group: photos of one meter share it.
        turns: quarter turns clockwise that the photo was given.
        window: how the found window compares with the labelled one.
        class_right: whether the window's class is the labelled one.
        pictures: file names of the failure's pictures, if any were written.
    """

    right: tuple[str, ...]
    score: TextScore
    recognition: Recognition
    source: str = ""
    name: str = ""
    group: str = ""
    turns: int = 0
    window: WindowScore = NOT_LABELLED
    class_right: bool = False
    pictures: tuple[str, ...] = ()

    @property
    def text_right(self) -> bool:
        """Whether the whole text is right; without a labelled reading, whether nothing was read."""
        return self.score.text_right

    def to_dict(self) -> dict:
        """Returns plain values for JSON."""
        return {
            "source": self.source,
            "name": self.name,
            "turns": self.turns,
            "right": list(self.right),
            "iou": None if np.isnan(self.window.iou) else round(self.window.iou, 4),
            "window_found": self.window.found,
            "corner_error": None if np.isnan(self.window.corner_error) else round(self.window.corner_error, 2),
            "class_right": self.class_right,
            "text_right": self.text_right,
            "integer_right": self.score.integer_right,
            "within_one_unit": self.score.within_one_unit,
            "digits_right": self.score.digits_right,
            "digits": self.score.digits,
            **self.recognition.to_dict(),
        }


# Draws an outcome, and returns the names of the pictures' files. Given are the photo as it was read, the outline (n, 2)
# and the corners (4, 2) of the labelled window in it, where they are known.
Draw = Callable[[Outcome, np.ndarray, np.ndarray | None, np.ndarray | None], tuple[str, ...]]


def evaluate(
    reader: MeterReader,
    source_name: str,
    request: Request,
    split: str,
    turns: int = 0,
    draw: Draw | None = None,
) -> list[Outcome]:
    """Reads the photos of one split of a set, turned by so many quarters clockwise, one by one.

    Args:
        reader: the models in use.
        source_name: one of MEASURED.
        request: the set's paths.
        split: `train`, `validation` or `test`.
        turns: 0 to 3.
        draw: draws the photos whose text is wrong; none are drawn without.

    Raises:
        UserError: the set cannot be read, or has no photos in that split.
    """
    photos = photos_of(source_name, request, split)
    measure, title = MEASURED[source_name], set_name(source_name, request)
    polygons = measure.polygons(request) if measure.polygons else {}
    outcomes = []
    for photo in tqdm(photos, desc=f"{title} {90 * turns} degrees", unit="photo", disable=None):
        pixels = photo.load()
        height, width = pixels.shape[:2]
        pixels = np.ascontiguousarray(np.rot90(pixels, -turns))
        window = photo.windows[0]
        recognition = reader.read(pixels)
        corners = outline = None
        window_score = NOT_LABELLED
        if window.corners is not None:
            corners = _turn(window.corners, width, height, turns)
            if measure.polygons:
                outline = _turn(polygons.get(photo.name, window.corners), width, height, turns)
            window_score = score_window(recognition.corners, corners, measure.min_iou, outline)
        outcome = Outcome(
            source=title,
            name=photo.name,
            group=photo.group,
            turns=turns,
            right=window.readings,
            window=window_score,
            class_right=recognition.counter_class == window.label,
            score=score_text(recognition.text, window.readings, measure.readings),
            recognition=recognition,
        )
        outcomes.append(_drawn(outcome, draw, pixels, corners if outline is None else outline, corners))
    return outcomes


def photos_of(source_name: str, request: Request, split: str) -> list[LabelledPhoto]:
    """Returns the photos of one split of a set on which there is a meter.

    Raises:
        UserError: the set cannot be read, or has no photos in that split.
    """
    check_paths(source_name, request)
    photos = [photo for photo in MEASURED[source_name].read(request) if photo.split == split and photo.windows]
    if not photos:
        shown = " ".join(map(str, request.paths))
        raise UserError(f"{shown}: {source_name} has no labelled photos in the split {split}; give another --split")
    return photos


def set_name(source_name: str, request: Request) -> str:
    """Returns what a set is called in tables: its folder's name where any folder has this source's layout."""
    return request.paths[0].resolve().name if source_name in OWN_PHOTOS else source_name


def evaluate_without_meter(
    reader: MeterReader, folder: Path, turns: int = 0, draw: Draw | None = None
) -> list[Outcome]:
    """Reads photos on which there is no meter: right is what gives no reading.

    Args:
        reader: the models in use.
        folder: photos, also in folders below it.
        turns: quarter turns clockwise, 0 to 3.
        draw: draws the photos on which digits were read; none are drawn without.

    Raises:
        UserError: there are no photos, or one cannot be read.
    """
    outcomes = []
    files = find_photos([folder])
    for file in tqdm(files, desc=f"no meter {90 * turns} degrees", unit="photo", disable=None):
        pixels = np.ascontiguousarray(np.rot90(read_photo(file.path), -turns))
        recognition = reader.read(pixels)
        name = file.annotated_name.as_posix()
        outcome = Outcome(
            right=(),
            score=nothing_to_read(recognition.text),
            recognition=recognition,
            source=WITHOUT_METER,
            name=name,
            group=name,
            turns=turns,
            window=NO_WINDOW,
        )
        outcomes.append(_drawn(outcome, draw, pixels))
    return outcomes


def _drawn(
    outcome: Outcome,
    draw: Draw | None,
    pixels: np.ndarray,
    outline: np.ndarray | None = None,
    corners: np.ndarray | None = None,
) -> Outcome:
    """Returns the outcome with the names of its pictures, if it is wrong and they are drawn."""
    if draw is None or outcome.text_right:
        return outcome
    return dataclasses.replace(outcome, pictures=draw(outcome, pixels, outline, corners))


def _turn(points: np.ndarray, width: int, height: int, turns: int) -> np.ndarray:
    """Returns points (n, 2) of a photo turned by so many quarters clockwise: (x, y) becomes (height - y, x)."""
    for _ in range(turns):
        points = np.stack([height - points[:, 1], points[:, 0]], axis=1)
        width, height = height, width
    return points
