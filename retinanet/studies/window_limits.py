"""How sure a reading must be that began in a tile, or beside another counter.

    python -m retinanet.studies.window_limits mbarira MBARIRA chongqing CHONGQING photos INDIA photos GAS \\
        --no_meter output/no_meter --models deploy/models

Labelled photos of one counter are read as they are, shrunk to a third on photos without a meter (a counter so small is
mostly missed in the whole photo) and two by two side by side. The tables show for each limit what it would let
through: `min_confidence_tiled` and `min_confidence_beside` of `deploy/recognition/settings.py` are chosen there.
"""

import argparse
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from deploy.recognition.confidence import confidence
from deploy.recognition.exported_models import Models, load_models
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.photo_files import find_photos, read_photo
from deploy.recognition.recognition import NO_METER, Recognition
from deploy.recognition.settings import Settings
from retinanet import cli
from retinanet.datasets.records import LabelledPhoto, ReadingKind
from retinanet.datasets.sources import MODELS_FOLDER
from retinanet.evaluation.text import score_text
from retinanet.studies import labelled_photos
from retinanet.text_tables import markdown

LIMITS = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85)
SHRUNK = 3
Labelled = tuple[LabelledPhoto, ReadingKind]


@dataclasses.dataclass(frozen=True)
class Answer:
    """A reading that a limit decides on.

    Attributes:
        sure: probability, 0 to 1, that its digits are right: what the limits are for.
        right: whether its text is.
    """

    sure: float
    right: bool


class Study:
    """Reads photos without those limits.

    Args:
        models: both stages.
    """

    def __init__(self, models: Models):
        settings = models.settings
        reading = dataclasses.replace(settings.reading, min_confidence_tiled=0.0, min_confidence_beside=0.0)
        window = dataclasses.replace(settings.window, tile_shares=())
        self._models = models
        self._without_tiles = MeterReader(models, Settings(window, reading))
        self._reader = MeterReader(models, Settings(settings.window, reading))

    def tiled(self, photo: np.ndarray, is_right: Callable[[str], bool]) -> list[Answer]:
        """Returns the answer that tiles give to a photo that has none without them; empty where there is none."""
        if self._without_tiles.read(photo).reason != NO_METER:
            return []
        found = self._reader.read(photo)
        return [self._answer(found, is_right)] if found.success else []

    def beside(self, photo: np.ndarray, is_right: Callable[[str], bool]) -> list[Answer]:
        """Returns the readings of further counters on a photo."""
        return [self._answer(other, is_right) for other in self._without_tiles.read(photo).others]

    def is_answered(self, photo: np.ndarray) -> bool:
        """Tells whether a photo has a reading without tiles."""
        return self._without_tiles.read(photo).success

    def _answer(self, found: Recognition, is_right: Callable[[str], bool]) -> Answer:
        return Answer(confidence(np.array(found.features), self._models.confidence), is_right(found.text))


def shrunk_onto(photo: np.ndarray, background: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Returns a photo, uint8 RGB (height, width, 3), shrunk to a third, somewhere on a background of its first size."""
    height, width = photo.shape[:2]
    picture = cv2.resize(background, (width, height), interpolation=cv2.INTER_AREA)
    small = cv2.resize(photo, (width // SHRUNK, height // SHRUNK), interpolation=cv2.INTER_AREA)
    top, left = random.integers(height - height // SHRUNK), random.integers(width - width // SHRUNK)
    picture[top : top + small.shape[0], left : left + small.shape[1]] = small
    return picture


def side_by_side(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Returns two photos, uint8 RGB, beside each other, as high as the lower one."""
    height = min(len(left), len(right))
    sizes = [(round(photo.shape[1] * height / len(photo)), height) for photo in (left, right)]
    scaled = [cv2.resize(*pair, interpolation=cv2.INTER_AREA) for pair in zip((left, right), sizes, strict=True)]
    return np.concatenate(scaled, axis=1)


def counts(columns: Mapping[str, Iterable[Answer]], names: tuple[str, str] = ("right", "wrong")) -> list[list[str]]:
    """Returns for each limit how many right and wrong answers it lets through in each column; a heading first."""
    answers = {name: list(values) for name, values in columns.items()}
    rows = [["limit", *(f"{column}, {name}" for column in answers for name in names)]]
    for limit in LIMITS:
        passed = [[answer.right for answer in values if answer.sure >= limit] for values in answers.values()]
        rows.append([f"{limit:g}", *(str(part) for right in passed for part in (sum(right), len(right) - sum(right)))])
    return rows


def _is_right(*labelled: Labelled) -> Callable[[str], bool]:
    return lambda text: any(score_text(text, photo.windows[0].readings, kind).text_right for photo, kind in labelled)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    labelled_photos.add_arguments(parser)
    parser.add_argument("--no_meter", type=cli.existing_path, required=True, metavar="DIR", help="no meters on them")
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER, help="default: deploy/models")
    args = parser.parse_args(argv)
    photos = labelled_photos.chosen(parser, args)
    grounds = [read_photo(file.path) for file in find_photos([args.no_meter])]
    study, random = Study(load_models(args.models)), np.random.default_rng(0)
    tiled: dict[str, list[Answer]] = {"as they are": [], "shrunk": [], "no meter": []}
    beside: dict[str, list[Answer]] = {"one counter": [], "side by side": []}
    for number, (photo, kind) in enumerate(tqdm(photos, unit="photo", disable=None)):
        pixels, is_right = photo.load(), _is_right((photo, kind))
        tiled["as they are"] += study.tiled(pixels, is_right)
        tiled["shrunk"] += study.tiled(shrunk_onto(pixels, grounds[number % len(grounds)], random), is_right)
        # a second reading is wrong here whatever it says
        beside["one counter"] += study.beside(pixels, lambda text: False)
        if number % 2:
            pair = _is_right(photos[number - 1], (photo, kind))
            beside["side by side"] += study.beside(side_by_side(photos[number - 1][0].load(), pixels), pair)
    for ground in tqdm(grounds, unit="photo", disable=None):
        tiled["no meter"] += study.tiled(ground, lambda text: False)
    answered = sum(study.is_answered(ground) for ground in grounds)
    print(f"Tiles, {len(photos)} photos; of {len(grounds)} without a meter {answered} answered without tiles\n")
    print(markdown(counts(tiled)))
    print(f"\nFurther counters, {len(photos)} photos, {len(photos) // 2} pairs\n")
    print(markdown(counts(beside)))


if __name__ == "__main__":
    cli.run(main)
