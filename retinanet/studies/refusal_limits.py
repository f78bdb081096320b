"""Which limits of the window's score and of the confidence refuse what is no meter and cost the fewest right readings.

    python -m retinanet.studies.refusal_limits mbarira MBARIRA photos DISPLAYS --no_meter DIR --turns 0 1

Photos are read with nothing refused for its confidence; then every combination of limits is tried on what was read. Of
those that answer at most `--most_answered` of the photos without a meter, the one with the most right readings wins,
each set counting the same. The limits stand in `deploy/recognition/settings.py`: choose them on validation photos,
after `calibrate.py`.
"""

import argparse
import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from deploy.recognition.confidence import ConfidenceModel, confidence
from deploy.recognition.exported_models import load_models
from deploy.recognition.meter_reader import MeterReader
from retinanet import cli
from retinanet.evaluation import command_line
from retinanet.evaluation.outcomes import Outcome, evaluate, evaluate_without_meter
from retinanet.text_tables import aligned

FINAL_SCORES = tuple(np.arange(0.4, 0.66, 0.05).round(2))
SURE_SCORES = tuple(np.arange(0.5, 0.86, 0.05).round(2))
CONFIDENCES = tuple(np.arange(0.2, 0.61, 0.05).round(2))
UNSURE_CONFIDENCES = tuple(np.arange(0.3, 0.91, 0.04).round(2))


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of `WindowSettings` and `ReadingSettings`, in their names."""

    min_final_score: float
    sure_score: float
    min_confidence: float
    min_confidence_unsure: float

    def answers(self, window_scores: np.ndarray, confidences: np.ndarray) -> np.ndarray:
        """Returns which readings (n,) are answered, by their windows' scores (n,) and their digits' confidence (n,)."""
        least = np.where(window_scores >= self.sure_score, self.min_confidence, self.min_confidence_unsure)
        answered: np.ndarray = (window_scores >= self.min_final_score) & (confidences >= least)
        return answered


@dataclasses.dataclass(frozen=True)
class Readings:
    """What was read on the photos of one set, of n photos.

    Attributes:
        window_scores: (n,) 0 without a reading.
        confidences: (n,) that the digits are right, the comma aside.
        right: (n,) whether the text is.
    """

    window_scores: np.ndarray
    confidences: np.ndarray
    right: np.ndarray


def readings_of(outcomes: Sequence[Outcome], model: ConfidenceModel) -> Readings:
    """Returns what the limits decide on."""
    read = [outcome.recognition for outcome in outcomes]
    return Readings(
        np.array([one.counter_score if one.success else 0.0 for one in read]),
        np.array([confidence(np.array(one.features), model) if one.success else 0.0 for one in read]),
        np.array([outcome.text_right and outcome.recognition.success for outcome in outcomes]),
    )


def best_limits(sets: Sequence[Readings], without_meter: Readings, most_answered: float) -> Limits | None:
    """Returns the limits with the most right readings among those that answer few photos without a meter.

    Of equal ones, those that answer the fewest wrong. None where all answer too many.
    """
    best, limits = (-1.0, -1.0), None
    for values in itertools.product(FINAL_SCORES, SURE_SCORES, CONFIDENCES, UNSURE_CONFIDENCES):
        tried = Limits(*map(float, values))
        if tried.sure_score < tried.min_final_score or tried.min_confidence > tried.min_confidence_unsure:
            continue
        if np.mean(tried.answers(without_meter.window_scores, without_meter.confidences)) > most_answered:
            continue
        answered = [tried.answers(own.window_scores, own.confidences) for own in sets]
        right = float(np.mean([np.mean(found & own.right) for found, own in zip(answered, sets, strict=True)]))
        wrong = float(np.mean([np.mean(found & ~own.right) for found, own in zip(answered, sets, strict=True)]))
        if (right, -wrong) > best:
            best, limits = (right, -wrong), tried
    return limits


def main(argv: Sequence[str] | None = None) -> None:
    """Prints what the present limits and the best ones give."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    command_line.add_arguments(parser, split="validation", turns=[0, 1])
    parser.add_argument(
        "--no_meter", type=cli.existing_path, metavar="DIR", required=True, help="photos without a meter"
    )
    parser.add_argument("--most_answered", type=float, default=0.01, help="share of them (default: 0.01)")
    args = parser.parse_args(argv)
    sets = command_line.labelled_sets(parser, args.sets)
    models = load_models(args.models)
    settings = models.settings
    open_limits = dataclasses.replace(
        settings,
        window=dataclasses.replace(settings.window, min_final_score=FINAL_SCORES[0]),
        reading=dataclasses.replace(settings.reading, min_confidence=0.0, min_confidence_unsure=0.0),
    )
    reader = MeterReader(models, open_limits)
    outcomes: dict[str, list[Outcome]] = {}
    for turns in args.turns:
        for name, request in sets:
            for outcome in evaluate(reader, name, request, args.split, turns):
                if outcome.right:
                    outcomes.setdefault(outcome.source, []).append(outcome)
        outcomes.setdefault("no meter", []).extend(evaluate_without_meter(reader, args.no_meter, turns))
    readings = {name: readings_of(found, models.confidence) for name, found in outcomes.items()}
    without_meter = readings.pop("no meter")
    present = Limits(
        settings.window.min_final_score,
        settings.window.sure_score,
        settings.reading.min_confidence,
        settings.reading.min_confidence_unsure,
    )
    best = best_limits(list(readings.values()), without_meter, args.most_answered)
    rows = [["", *readings, "no meter answered"]]
    for title, limits in (("nothing refused", Limits(0.0, 0.0, 0.0, 0.0)), ("present", present), ("best", best)):
        if limits:
            rows.append([title, *_row(limits, readings), _answered(limits, without_meter)])
    print(aligned(rows))
    print(f"present: {present}\nbest: {best or 'none of them answers so few'}")


def _row(limits: Limits, readings: dict[str, Readings]) -> list[str]:
    cells = []
    for own in readings.values():
        answered = limits.answers(own.window_scores, own.confidences)
        cells.append(f"{np.sum(answered & own.right)} right, {np.sum(answered & ~own.right)} wrong of {len(answered)}")
    return cells


def _answered(limits: Limits, without_meter: Readings) -> str:
    answered = limits.answers(without_meter.window_scores, without_meter.confidences) & (without_meter.confidences > 0)
    return f"{np.sum(answered)} of {len(answered)}"


if __name__ == "__main__":
    cli.run(main)
