"""Writes the training datasets of both stages from a source of labelled photos.

Example: python make_dataset.py mbarira ~/Mbarira-Watermeter-model --stage both --variants 6 --output datasets/mbarira
"""

import argparse
import importlib
from pathlib import Path

from retinanet import cli

IMPORTERS = {"mbarira": "photos with YOLO-OBB labels", "chongqing": "photos with window corners and readings"}


def main(argv=None):
    """Parses, reads the source and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", choices=IMPORTERS)
    parser.add_argument("paths", nargs="*", type=cli.existing_path)
    parser.add_argument("--stage", choices=("1", "2", "both"), default="both")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--variants", type=cli.positive_int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=cli.positive_int)
    parser.add_argument("--overwrite", action="store_true")
    args = parser.parse_args(argv)
    from retinanet.datasets import builders

    records = importlib.import_module(f"retinanet.datasets.{args.source}").read(args.paths[0])
    for stage in (1, 2) if args.stage == "both" else (int(args.stage),):
        print(builders.build(records, stage, args.output, variants=args.variants, seed=args.seed,
                             workers=args.workers, overwrite=args.overwrite))


if __name__ == "__main__":
    cli.run(main)
