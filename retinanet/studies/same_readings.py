"""Whether models of several formats read labelled photos alike.

    python -m retinanet.studies.same_readings mbarira MBARIRA chongqing CHONGQING \\
        --models deploy/models output/models/onnx_float32 output/models/openvino_int8

The first folder's readings are what the others are held against, over all sets together and in each. Beside them stands
what the first one reads on the same photos after they were saved anew as JPEG: so much changes for nothing.

Exit status: 0 when the others read enough alike over all sets together, 1 when one of them does not.
"""

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deploy.recognition.exported_models import load_models
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.recognition import Recognition
from retinanet import cli
from retinanet.datasets.synthetic.degradation import compress
from retinanet.evaluation.outcomes import Outcome
from retinanet.studies import labelled_photos
from retinanet.text_tables import markdown

_QUALITY = 95


@dataclasses.dataclass(frozen=True)
class SavedAnew:
    """Reads photos as they are after they were saved as JPEG of quality 95."""

    reader: labelled_photos.Reader

    def read(self, photo: np.ndarray) -> Recognition:
        """Returns what stands on a photo: uint8 RGB (height, width, 3)."""
        return self.reader.read(compress(photo, _QUALITY))


def table(outcomes: dict[str, list[Outcome]]) -> list[list[str]]:
    """Returns texts right, texts as the first reader's, and how far the confidence of these moved; a heading first."""
    reference = next(iter(outcomes.values()))
    rows = [["", "texts right", "95 % interval", "same text", "lost", "won", "confidence off, 95 %", "photo, ms"]]
    for name, found in outcomes.items():
        pairs = list(zip(reference, found, strict=True))
        alike = [(one, other) for one, other in pairs if one.recognition.text == other.recognition.text]
        moved = [abs(one.recognition.confidence - other.recognition.confidence) for one, other in alike]
        lost, won = labelled_photos.lost_and_won(reference, found)
        milliseconds = 1000 * float(np.median(labelled_photos.seconds(found, "total")))
        same = f"{len(alike)}, {len(alike) / len(pairs):.1%}"
        off = f"{np.percentile(moved, 95):.3f}" if moved else "-"
        rows.append([name, *labelled_photos.texts_right(found), same, str(lost), str(won), off, f"{milliseconds:.1f}"])
    return rows


def shortfalls(outcomes: dict[str, list[Outcome]], min_same: float, max_lost: float) -> list[str]:
    """Returns a line for each reader, the first one aside, that reads too differently.

    Args:
        outcomes: by reader, in the photos' order.
        min_same: the least share of equal texts, in percent.
        max_lost: the most texts that it may have right less often than the first one, in percent of the photos.
    """
    reference, *others = outcomes.items()
    lines = []
    for name, found in others:
        pairs = list(zip(reference[1], found, strict=True))
        alike = sum(one.recognition.text == other.recognition.text for one, other in pairs)
        lost, won = labelled_photos.lost_and_won(reference[1], found)
        fewer = 100 * (lost - won) / len(pairs)
        reasons = []
        if 100 * alike < min_same * len(pairs):
            reasons.append(f"reads {100 * alike / len(pairs):.1f} % the same, expected at least {min_same:g} %")
        if 100 * (lost - won) > max_lost * len(pairs):
            reasons.append(f"loses {fewer:.1f} points of right texts, expected at most {max_lost:g}")
        if reasons:
            lines.append(f"{name}: {'; '.join(reasons)} (of {len(pairs)} photos, against {reference[0]})")
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Prints the tables in Markdown, and what falls short; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    labelled_photos.add_arguments(parser)
    parser.add_argument("--models", type=Path, nargs="+", required=True, metavar="DIR", help="the first is the measure")
    parser.add_argument(
        "--min_same", type=_percent, default=99, metavar="PERCENT", help="of equal texts; below it, exit status 1"
    )
    parser.add_argument(
        "--max_lost", type=_percent, default=0.5, metavar="POINTS", help="of right texts; above it, exit status 1"
    )
    args = parser.parse_args(argv)
    sets = labelled_photos.chosen_by_set(parser, args)
    readers: dict[str, labelled_photos.Reader] = {
        str(folder): MeterReader(load_models(folder)) for folder in args.models
    }
    first = next(iter(readers))
    readers[f"{first}, photos saved anew as JPEG"] = SavedAnew(readers[first])
    photos = [photo for chosen in sets.values() for photo in chosen]
    outcomes = labelled_photos.read_in_turn(readers, photos)
    if len(sets) > 1:
        print(f"all sets together, {len(photos)} photos\n\n{markdown(table(outcomes))}")
    counts = [len(chosen) for chosen in sets.values()]
    parts = {reader: labelled_photos.of_each_set(found, counts) for reader, found in outcomes.items()}
    for index, (name, count) in enumerate(zip(sets, counts, strict=True)):
        print(f"{name}, {count} photos\n\n{markdown(table({reader: part[index] for reader, part in parts.items()}))}")
    candidates = {str(folder): outcomes[str(folder)] for folder in args.models}
    lines = shortfalls(candidates, args.min_same, args.max_lost)
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


def _percent(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 100, got {text!r}")
    return value


if __name__ == "__main__":
    cli.run(main)
