"""Whether models of several formats read labelled photos alike.

    python -m retinanet.studies.same_readings mbarira MBARIRA chongqing CHONGQING \\
        --models deploy/models output/models/onnx_float32 output/models/openvino_int8

The first folder's readings are what the others are held against. Beside them stands what the first one reads on the
same photos after they were saved anew as JPEG: so much changes for nothing.
"""

import argparse
import dataclasses
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
        lost = sum(one.text_right and not other.text_right for one, other in pairs)
        won = sum(other.text_right and not one.text_right for one, other in pairs)
        milliseconds = 1000 * float(np.median(labelled_photos.seconds(found, "total")))
        same = f"{len(alike)}, {len(alike) / len(pairs):.1%}"
        off = f"{np.percentile(moved, 95):.3f}" if moved else "-"
        rows.append([name, *labelled_photos.texts_right(found), same, str(lost), str(won), off, f"{milliseconds:.1f}"])
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    labelled_photos.add_arguments(parser)
    parser.add_argument("--models", type=Path, nargs="+", required=True, metavar="DIR", help="the first is the measure")
    args = parser.parse_args(argv)
    photos = labelled_photos.chosen(parser, args)
    readers: dict[str, labelled_photos.Reader] = {
        str(folder): MeterReader(load_models(folder)) for folder in args.models
    }
    first = next(iter(readers))
    readers[f"{first}, photos saved anew as JPEG"] = SavedAnew(readers[first])
    print(markdown(table(labelled_photos.read_in_turn(readers, photos))))


if __name__ == "__main__":
    cli.run(main)
