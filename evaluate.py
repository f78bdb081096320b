"""Measures recognition on a labelled set: share of windows found, share of whole texts right, milliseconds.

python evaluate.py mbarira data/mbarira --split test --turns 0 1 2 3 --failures output/failures
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from retinanet import cli

FOLDER = Path(__file__).resolve().parent
SOURCE_NAMES = ("mbarira", "chongqing", "beregun_itelma", "russian_flats")


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=SOURCE_NAMES)
    parser.add_argument("path", type=cli.existing_path, help="the set's folder, as its source lays it out")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test")
    parser.add_argument(
        "--turns", type=int, nargs="+", choices=range(4), default=[0], help="quarter turns clockwise (default: 0)"
    )
    parser.add_argument("--models", type=Path, default=FOLDER / "deploy" / "models", help="default: deploy/models")
    parser.add_argument("--failures", type=Path, metavar="DIR", help="writes annotated pictures of the wrong ones")
    parser.add_argument("--json", type=Path, metavar="FILE", help="writes every photo's result")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table."""
    args = parse_args(argv)
    from deploy.recognition.pipeline import MeterReader
    from deploy.recognition.runtime import load_models
    from retinanet.evaluation import evaluate, table

    reader = MeterReader(load_models(args.models))
    rows = []
    for turns in args.turns:
        results = evaluate(reader, args.source, args.path, args.split, turns, args.failures)
        rows.append((f"{args.source} {args.split} {90 * turns} deg", results))
    if args.json:
        entries = [
            {
                "name": result.name,
                "turns": result.turns,
                "right": list(result.right),
                "iou": round(result.iou, 4),
                "window_found": result.window_found,
                "text_right": result.text_right,
                **result.recognition.to_dict(),
            }
            for _, results in rows
            for result in results
        ]
        args.json.write_text(json.dumps(entries, indent=1), encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    cli.run(main)
