"""What recognition reaches on labelled photos, photo by photo."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deploy.recognition.errors import UserError
from deploy.recognition.geometry import polygon_iou, side_lengths
from deploy.recognition.photo_files import find_photos, read_photo
from deploy.recognition.pipeline import MeterReader, Recognition
from retinanet.datasets.importers import beregun_itelma, chongqing, mbarira, russian_flats
from retinanet.datasets.records import LabelledPhoto
from retinanet.evaluation.failure_pictures import write_failure
from retinanet.evaluation.text import TextScore, score_text

NO_METER = "no_meter"


@dataclasses.dataclass(frozen=True)
class Source:
    """A labelled set and how it is scored.

    Attributes:
        read: from the set's folder to its photos.
        least_iou: a window counts as found above this overlap.
        polygons: from the set's folder to the windows' true outlines by photo name, where corners do not tell the
            reading's order; None where they do.
        numeric: whether the label is a number, its outer zeros lost, instead of the text.
    """

    read: Callable[[Path], list[LabelledPhoto]]
    least_iou: float = 0.75
    polygons: Callable[[Path], dict[str, np.ndarray]] | None = None
    numeric: bool = False


SOURCES = {
    "mbarira": Source(mbarira.read),
    "chongqing": Source(chongqing.read),
    "beregun_itelma": Source(beregun_itelma.read),
    "russian_flats": Source(russian_flats.read, 0.6, russian_flats.read_polygons, numeric=True),
}


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of one photo.

    Attributes:
        source: one of SOURCES, or NO_METER.
        name: file name.
        group: photos of one meter share it.
        turns: quarter turns clockwise that the photo was given.
        right: the labelled readings; none on a photo without a meter.
        iou: overlap of the found window with the labelled one, 0 to 1.
        window_found: overlap above the set's limit, corners in the reading's order where that is known.
        corner_error: mean distance of the found corners from the labelled ones in per cent of the window's height;
            nan where there is no window or no order of corners is known.
        class_right: whether the window's class is the labelled one.
        score: how the text compares with the label.
        recognition: what was read.
        pictures: file names of the failure's pictures, if any were written.
    """

    source: str
    name: str
    group: str
    turns: int
    right: tuple[str, ...]
    iou: float
    window_found: bool
    corner_error: float
    class_right: bool
    score: TextScore
    recognition: Recognition
    pictures: tuple[str, ...] = ()

    @property
    def text_right(self) -> bool:
        """Whether the whole text is right; on a photo without a meter, whether nothing was read."""
        return self.score.text_right

    def to_dict(self) -> dict:
        """Returns plain values for JSON."""
        return {
            "source": self.source,
            "name": self.name,
            "turns": self.turns,
            "right": list(self.right),
            "iou": round(self.iou, 4),
            "window_found": self.window_found,
            "corner_error": None if np.isnan(self.corner_error) else round(self.corner_error, 2),
            "class_right": self.class_right,
            "text_right": self.text_right,
            "integer_right": self.score.integer_right,
            "digits_right": self.score.digits_right,
            "digits": self.score.digits,
            **self.recognition.to_dict(),
        }


def evaluate(
    reader: MeterReader,
    source_name: str,
    path: Path,
    split: str,
    turns: int = 0,
    failures: Path | None = None,
) -> list[Result]:
    """Reads the photos of one split of a set, turned by so many quarters clockwise, one by one.

    Args:
        reader: the models in use.
        source_name: one of SOURCES.
        path: the set's folder.
        split: `train`, `validation` or `test`.
        turns: 0 to 3.
        failures: folder for pictures of the photos whose text is wrong; none are written without.

    Raises:
        UserError: the set cannot be read, or has no photos in that split.
    """
    source = SOURCES[source_name]
    polygons = source.polygons(path) if source.polygons else {}
    photos = [photo for photo in source.read(path) if photo.split == split and photo.windows]
    if not photos:
        raise UserError(f"{path}: {source_name} has no labelled photos in the split {split}; give another --split")
    results = []
    for photo in tqdm(photos, desc=f"{source_name} {90 * turns} degrees", unit="photo", disable=None):
        pixels = photo.load()
        height, width = pixels.shape[:2]
        pixels = np.ascontiguousarray(np.rot90(pixels, -turns))
        window = photo.windows[0]
        corners = _turn(window.corners, width, height, turns)
        outline = _turn(polygons.get(photo.name, window.corners), width, height, turns)
        recognition = reader.read(pixels)
        found = recognition.corners
        iou = 0.0 if found is None else polygon_iou(found, outline)
        ordered = bool(source.polygons) or (found is not None and _same_order(found, corners))
        error = float("nan")
        if found is not None and not source.polygons:
            error = 100 * float(np.linalg.norm(found - corners, axis=1).mean()) / side_lengths(corners)[1]
        result = Result(
            source=source_name,
            name=photo.name,
            group=photo.group,
            turns=turns,
            right=window.readings,
            iou=iou,
            window_found=iou > source.least_iou and ordered,
            corner_error=error,
            class_right=recognition.counter_class == window.label,
            score=score_text(recognition.text, window.readings, source.numeric),
            recognition=recognition,
        )
        if failures and not result.text_right:
            stem = f"{source_name}_{90 * turns}_{Path(photo.name).stem}"
            pictures = write_failure(Path(failures), stem, pixels, recognition, outline, corners)
            result = dataclasses.replace(result, pictures=pictures)
        results.append(result)
    return results


def evaluate_without_meter(
    reader: MeterReader, folder: Path, turns: int = 0, failures: Path | None = None
) -> list[Result]:
    """Reads photos on which there is no meter: right is what gives no reading.

    Args:
        reader: the models in use.
        folder: photos, also in folders below it.
        turns: quarter turns clockwise, 0 to 3.
        failures: folder for pictures of the photos on which digits were read; none are written without.

    Raises:
        UserError: there are no photos, or one cannot be read.
    """
    results = []
    files = find_photos([folder])
    for file in tqdm(files, desc=f"no meter {90 * turns} degrees", unit="photo", disable=None):
        pixels = np.ascontiguousarray(np.rot90(read_photo(file.path), -turns))
        recognition = reader.read(pixels)
        pictures: tuple[str, ...] = ()
        if failures and recognition.success:
            stem = f"{NO_METER}_{90 * turns}_{file.annotated_name.stem}"
            pictures = write_failure(Path(failures), stem, pixels, recognition)
        score = TextScore(not recognition.success, not recognition.success, (), 0)
        name = file.annotated_name.as_posix()
        results.append(
            Result(NO_METER, name, name, turns, (), 0.0, False, float("nan"), False, score, recognition, pictures)
        )
    return results


def _turn(points: np.ndarray, width: int, height: int, turns: int) -> np.ndarray:
    """Returns points (n, 2) of a photo turned by so many quarters clockwise: (x, y) becomes (height - y, x)."""
    for _ in range(turns):
        points = np.stack([height - points[:, 1], points[:, 0]], axis=1)
        width, height = height, width
    return points


def _same_order(found: np.ndarray, right: np.ndarray) -> bool:
    """Tells whether the found corners start at the right one: no other start brings them closer."""
    distances = [np.linalg.norm(np.roll(found, start, axis=0) - right, axis=1).mean() for start in range(4)]
    return int(np.argmin(distances)) == 0
