"""Fits both confidences, of the text and of the digits before the comma, to labelled photos nothing was trained on.

python calibrate.py mbarira MBARIRA chongqing CHONGQING --chart resources/reliability.png
Then run deploy/prepare_model.py, which takes the result over into deploy/models.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from retinanet import cli
from retinanet.config import WEIGHTS_FOLDER
from retinanet.evaluation import command_line

WHOLE, INTEGER = "whole texts", "digits before the comma"
OUTPUT = WEIGHTS_FOLDER / "confidence.json"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the arguments; `sets` as pairs of a source's name and its paths."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command_line.add_arguments(parser, split="validation", turns=[0, 1, 2, 3])
    parser.add_argument("--output", type=Path, default=OUTPUT, help="default: deploy/retinanet/confidence.json")
    parser.add_argument("--chart", type=Path, metavar="FILE.png", help="writes the reliability, before and after")
    args = parser.parse_args(argv)
    args.sets = command_line.labelled_sets(parser, args.sets)
    if not args.sets:
        parser.error("expected a SOURCE and its PATH")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the coefficients and prints how well they are calibrated on meters that they were not fitted to."""
    args = parse_args(argv)
    import dataclasses

    import numpy as np

    from deploy.recognition.confidence import ConfidenceModel
    from deploy.recognition.exported_models import load_models
    from deploy.recognition.meter_reader import MeterReader
    from retinanet.evaluation.calibration import (
        cross_validated,
        equal_counts,
        few_of_one_kind,
        fit,
        write_confidence,
    )
    from retinanet.evaluation.charts import draw_reliability
    from retinanet.evaluation.outcomes import evaluate
    from retinanet.evaluation.risk_coverage import accuracy_at, expected_calibration_error
    from retinanet.evaluation.tables import confidences, integer_confidences

    models = load_models(args.models)
    settings = models.settings
    # readings that would be refused for their confidence are there to learn from
    reading = dataclasses.replace(
        settings.reading, min_confidence=0.0, min_confidence_unsure=0.0, min_confidence_tiled=0.0
    )
    reader = MeterReader(models, dataclasses.replace(settings, reading=reading))
    results = [
        result
        for name, request in args.sets
        for turns in args.turns
        for result in evaluate(reader, name, request, args.split, turns)
        if result.recognition.success and result.right
    ]
    groups = [f"{result.source} {result.group}" for result in results]
    sources = [result.source for result in results]
    counts = equal_counts(sources)
    fitted: dict[str, ConfidenceModel] = {}
    series: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    print(f"{len(results)} answers on photos of {len(set(groups))} meters")
    for what, answers, features in (
        (WHOLE, confidences, [result.recognition.features for result in results]),
        (INTEGER, integer_confidences, [result.recognition.features_integer for result in results]),
    ):
        before, right = answers(results)
        columns = np.array(features)
        print(f"{what}: {np.mean(right):.1%} right")
        if fitted and few_of_one_kind(right):
            print("  too few are wrong, or right, to calibrate on: the coefficients of whole texts will serve")
            break
        after = cross_validated(columns, right, groups, counts)
        fitted[what] = fit(columns, right, counts)
        series |= {f"{what}, before": (before, right), f"{what}, after": (after, right)}
        for name, values in (("before", before), ("after", after)):
            error, best = expected_calibration_error(values, right), accuracy_at(0.85, values, right)
            print(f"  {name:<7} calibration error {error:.3f}, most confident 85 % right {best:.1%}")
        names = dict.fromkeys(sources)
        if len(names) > 1:
            unseen = cross_validated(columns, right, sources, counts, folds=len(names))
            for name in names:
                own = np.array(sources) == name
                error = expected_calibration_error(unseen[own], right[own])
                print(f"  {name}: {own.sum()} answers, {np.mean(right[own]):.1%} right, calibration error {error:.3f}")
            print("  each set under a fit to the other sets")
    write_confidence(args.output, fitted[WHOLE], fitted.get(INTEGER), models.made_from)
    print(
        f"after: each meter under a fit to the others; {args.output} holds the fit to all, each set counting the same"
    )
    if args.chart:
        draw_reliability(args.chart, series)
        print(f"reliability: {args.chart}")


if __name__ == "__main__":
    cli.run(main)
