"""Which looks change a text: labelled photos read with one kind of look left out at a time.

    python -m retinanet.studies.looks_needed mbarira MBARIRA chongqing CHONGQING --models deploy/models

Counts the looks of each stage, the texts that change in each set, and the right ones lost and won.
"""

import argparse
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deploy.recognition.exported_models import Models, load_models
from deploy.recognition.manifest import STAGES
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.recognition import Recognition
from deploy.recognition.settings import Settings
from retinanet import cli
from retinanet.evaluation.outcomes import Outcome
from retinanet.studies import labelled_photos
from retinanet.text_tables import markdown

AS_IT_IS = "as it is"


class CountingReader:
    """Reads photos and counts what the networks look at.

    Args:
        models: both stages.
        settings: thresholds.

    Attributes:
        looks: pictures that went through stage 1 and stage 2 so far.
    """

    def __init__(self, models: Models, settings: Settings):
        self.looks = [0, 0]
        self._reader = MeterReader(models.watched(self._count), settings)

    def read(self, photo: np.ndarray) -> Recognition:
        """Returns what stands on a photo: uint8 RGB (height, width, 3)."""
        return self._reader.read(photo)

    def _count(self, stage: str, pictures: np.ndarray) -> None:
        self.looks[STAGES.index(stage)] += len(pictures)


def without_one_kind(settings: Settings) -> dict[str, Settings]:
    """Returns settings by what is left out; those given come first."""
    window, reading = settings.window, settings.reading

    def looking(**changes) -> Settings:
        return dataclasses.replace(settings, window=dataclasses.replace(window, **changes))

    def reading_with(**changes) -> Settings:
        return dataclasses.replace(settings, reading=dataclasses.replace(reading, **changes))

    return {
        AS_IT_IS: settings,
        "a third look where the second moved the corners": looking(third_look_shift=math.inf),
        "looks at a second and third candidate": looking(most_candidates=1),
        "tiles": looking(tile_shares=()),
        "upside down": looking(flip_below=0.0),
        "in a mirror": reading_with(mirror_below=0.0),
        "the end of a display": reading_with(room_for_a_decimal=math.inf),
        "parts of the row": reading_with(part_wheels=1000),
        "the row and its parts": reading_with(read_again_below=0.0),
    }


def table(readers: Mapping[str, CountingReader], sets: Mapping[str, int], outcomes: Mapping[str, Sequence[Outcome]]):
    """Returns the rows of the table, a heading first.

    Args:
        readers: by what they leave out, the one that leaves out nothing first.
        sets: how many photos each set has, in the order of the outcomes.
        outcomes: of each reader.
    """
    rows = [["without", "stage 1", "stage 2", *(f"changed in {name}" for name in sets), "lost", "won"]]
    reference = outcomes[AS_IT_IS]
    for name, found in outcomes.items():
        parts = (labelled_photos.of_each_set(part, sets.values()) for part in (reference, found))
        changed = [
            sum(one.recognition.text != other.recognition.text for one, other in zip(*part, strict=True))
            for part in zip(*parts, strict=True)
        ]
        numbers = (*readers[name].looks, *changed, *labelled_photos.lost_and_won(reference, found))
        rows.append([name, *map(str, numbers)])
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    labelled_photos.add_arguments(parser)
    parser.add_argument("--models", type=Path, required=True, metavar="DIR", help="as prepare_model.py writes them")
    args = parser.parse_args(argv)
    sets = labelled_photos.chosen_by_set(parser, args)
    models = load_models(args.models)
    readers = {name: CountingReader(models, one) for name, one in without_one_kind(models.settings).items()}
    photos = [photo for chosen in sets.values() for photo in chosen]
    outcomes = labelled_photos.read_in_turn(readers, photos)
    right = sum(outcome.text_right for outcome in outcomes[AS_IT_IS])
    print(f"{right} of {len(photos)} texts right\n\n{markdown(table(readers, _counts(sets), outcomes))}")


def _counts(sets: Mapping[str, Sequence]) -> dict[str, int]:
    """Returns the number of photos by set, named as its source or, of a table, as its folder."""
    return {Path(name.split()[-1]).name: len(chosen) for name, chosen in sets.items()}


if __name__ == "__main__":
    cli.run(main)
