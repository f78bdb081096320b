"""Measures recognition on labelled sets: windows, digits and texts right, the confidence, and the failures as pictures.

python evaluate.py mbarira MBARIRA chongqing CHONGQING --split validation --turns 0 1 2 3 --output output/evaluation
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from retinanet import cli
from retinanet.evaluation import command_line


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the arguments; `sets` as pairs of a source's name and its paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command_line.add_arguments(parser, split="test", turns=[0])
    parser.add_argument("--no_meter", type=cli.existing_path, metavar="DIR", help="photos without a meter")
    parser.add_argument("--output", type=Path, metavar="DIR", help="writes index.html, charts, failures, results.json")
    args = parser.parse_args(argv)
    args.sets = command_line.labelled_sets(parser, args.sets)
    if not (args.sets or args.no_meter):
        parser.error("expected a SOURCE and its PATH, or --no_meter DIR")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the tables."""
    args = parse_args(argv)
    from deploy.recognition.exported_models import load_models
    from deploy.recognition.meter_reader import MeterReader
    from retinanet.evaluation.failure_pictures import failures_into
    from retinanet.evaluation.outcomes import evaluate, evaluate_without_meter
    from retinanet.evaluation.page import FAILURES_FOLDER, write_report
    from retinanet.evaluation.tables import all_tables
    from retinanet.text_tables import aligned

    models = load_models(args.models)
    reader = MeterReader(models)
    draw = failures_into(args.output / FAILURES_FOLDER) if args.output else None
    results = []
    for turns in args.turns:
        for name, request in args.sets:
            results += evaluate(reader, name, request, args.split, turns, draw)
        if args.no_meter:
            results += evaluate_without_meter(reader, args.no_meter, turns, draw)
    for title, columns, rows in all_tables(results):
        print(f"{title}\n{aligned([columns, *rows])}\n")
    if args.output:
        print(f"report: {write_report(args.output, results)}")


if __name__ == "__main__":
    cli.run(main)
