"""What recognition reaches on labelled photos: windows found, texts right, and the failures as pictures."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deploy.recognition.drawing import annotate
from deploy.recognition.geometry import polygon_iou
from deploy.recognition.photo_files import write_jpeg
from deploy.recognition.pipeline import MeterReader, Recognition
from retinanet.datasets import beregun_itelma, chongqing, mbarira, russian_flats
from retinanet.datasets.records import LabelledPhoto
from retinanet.validation import texts_match


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
        name: file name.
        turns: quarter turns clockwise that the photo was given.
        right: the labelled readings.
        iou: overlap of the found window with the labelled one, 0 to 1.
        window_found: overlap above the set's limit, corners in the reading's order where that is known.
        text_right: whether the whole text is one of the labelled ones.
        recognition: what was read.
    """

    name: str
    turns: int
    right: tuple[str, ...]
    iou: float
    window_found: bool
    text_right: bool
    recognition: Recognition


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
        failures: folder for annotated pictures of the photos whose text is wrong; none are written without.

    Raises:
        UserError: the set cannot be read.
    """
    source = SOURCES[source_name]
    polygons = source.polygons(path) if source.polygons else {}
    photos = [photo for photo in source.read(path) if photo.split == split and photo.windows]
    results = []
    for photo in tqdm(photos, desc=f"{source_name} {90 * turns} degrees", unit="photo", disable=None):
        pixels = photo.load()
        height, width = pixels.shape[:2]
        pixels = np.ascontiguousarray(np.rot90(pixels, -turns))
        recognition = reader.read(pixels)
        corners = photo.windows[0].corners
        outline = _turn(polygons.get(photo.name, corners), width, height, turns)
        ordered = None if source.polygons else _turn(corners, width, height, turns)
        iou = 0.0 if recognition.corners is None else polygon_iou(recognition.corners, outline)
        right = photo.windows[0].readings
        matches = number_matches if source.numeric else text_matches
        result = Result(
            name=photo.name,
            turns=turns,
            right=right,
            iou=iou,
            window_found=bool(iou > source.least_iou)
            and (ordered is None or _same_order(recognition.corners, ordered)),
            text_right=any(matches(recognition.text, reading) for reading in right),
            recognition=recognition,
        )
        results.append(result)
        if failures and not result.text_right:
            name = f"{source_name}_{90 * turns}_{Path(photo.name).stem}__{right[0].replace('?', 'u')}.jpg"
            write_jpeg(Path(failures) / name, annotate(pixels, recognition))
    return results


def text_matches(read: str, right: str) -> bool:
    """Tells whether a text is right; a labelled text without a comma says nothing about the fraction."""
    return texts_match(read if "," in right else read.replace(",", ""), right)


def number_matches(read: str, right: str) -> bool:
    """Tells whether a text, comma included, is the labelled number."""
    return bool(read) and math.isclose(float(read.replace(",", ".")), float(right), abs_tol=1e-9)


def table(rows: Sequence[tuple[str, Sequence[Result]]]) -> str:
    """Returns a text table: a line a set with the shares of windows found and of texts right."""
    lines = [f"{'set':<28}{'photos':>7}{'window':>9}{'text':>9}{'ms':>7}"]
    for name, results in rows:
        found = np.mean([result.window_found for result in results])
        right = np.mean([result.text_right for result in results])
        seconds = np.median([result.recognition.seconds["total"] for result in results])
        lines.append(f"{name:<28}{len(results):>7}{found:>8.1%} {right:>8.1%} {1000 * seconds:>6.0f}")
    return "\n".join(lines)


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
