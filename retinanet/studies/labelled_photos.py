"""Labelled photos, and how several readers fare on them, each photo read by all of them in turn."""

import argparse
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from tqdm import tqdm

from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.datasets.records import LabelledPhoto, ReadingKind
from retinanet.datasets.sources import MEASURED
from retinanet.evaluation import command_line
from retinanet.evaluation.intervals import wilson_interval
from retinanet.evaluation.outcomes import Outcome, photos_of
from retinanet.evaluation.text import score_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `sets` and `--split`."""
    command_line.add_sets(parser, split="validation")


def chosen(parser: argparse.ArgumentParser, args: argparse.Namespace) -> list[tuple[LabelledPhoto, ReadingKind]]:
    """Returns the photos with a known reading that the arguments name, each with what its source's readings tell.

    Raises:
        UserError: there are none.
    """
    return list(itertools.chain.from_iterable(chosen_by_set(parser, args).values()))


def chosen_by_set(
    parser: argparse.ArgumentParser, args: argparse.Namespace
) -> dict[str, list[tuple[LabelledPhoto, ReadingKind]]]:
    """Returns what `chosen` does, by set: its source's name and its paths, as they were given.

    Raises:
        UserError: no set has any; those without are left out.
    """
    sets: dict[str, list[tuple[LabelledPhoto, ReadingKind]]] = {}
    for name, request in command_line.labelled_sets(parser, args.sets):
        photos = [(photo, MEASURED[name].readings) for photo in photos_of(name, request, args.split)]
        known = [(photo, kind) for photo, kind in photos if photo.windows[0].readings]
        if known:
            sets[" ".join((name, *map(str, request.paths)))] = known
    if not sets:
        raise UserError(f"{' '.join(args.sets)}: no readings in the split {args.split}; expected some")
    return sets


class Reader(Protocol):
    """What reads photos: a MeterReader, or one that does something to them first."""

    def read(self, photo: np.ndarray) -> Recognition:
        """Returns what stands on a photo: uint8 RGB (height, width, 3)."""


def read_in_turn(
    readers: Mapping[str, Reader], photos: Sequence[tuple[LabelledPhoto, ReadingKind]]
) -> dict[str, list[Outcome]]:
    """Returns each reader's outcomes, in the photos' order; the first window's label counts.

    Whatever else the machine does falls on all readers alike.
    """
    outcomes: dict[str, list[Outcome]] = {name: [] for name in readers}
    for photo, kind in tqdm(photos, unit="photo", disable=None):
        pixels, readings = photo.load(), photo.windows[0].readings
        for name, reader in readers.items():
            found = reader.read(pixels)
            score = score_text(found.text, readings, kind)
            outcomes[name].append(Outcome(readings, score, found))
    return outcomes


def of_each_set(outcomes: Sequence[Outcome], counts: Iterable[int]) -> list[list[Outcome]]:
    """Returns the outcomes of each set, which has so many of them, one set after the other."""
    rest = iter(outcomes)
    return [list(itertools.islice(rest, count)) for count in counts]


def lost_and_won(reference: Sequence[Outcome], found: Sequence[Outcome]) -> tuple[int, int]:
    """Returns how many texts the reference alone has right, and how many the other alone, of the same photos."""
    right = [(one.text_right, other.text_right) for one, other in zip(reference, found, strict=True)]
    return right.count((True, False)), right.count((False, True))


def texts_right(outcomes: Sequence[Outcome]) -> tuple[str, str]:
    """Returns two cells of a table: how many texts are right, and the 95 % interval of their share."""
    hits, count = sum(outcome.text_right for outcome in outcomes), len(outcomes)
    low, high = wilson_interval(hits, count)
    return f"{hits} of {count}, {hits / count:.1%}", f"{100 * low:.1f}-{100 * high:.1f}"


def seconds(outcomes: Sequence[Outcome], *stages: str) -> np.ndarray:
    """Returns the seconds (photos,) that these stages took together."""
    return np.array([sum(outcome.recognition.seconds[stage] for stage in stages) for outcome in outcomes])
