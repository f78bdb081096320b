"""Tables of what recognition reaches, each figure with its 95 % interval."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from retinanet.evaluation.intervals import wilson_interval
from retinanet.evaluation.outcomes import WITHOUT_METER, Outcome
from retinanet.evaluation.risk_coverage import accuracy_at, coverage_at, expected_calibration_error

CONFIDENT_SHARE, AIM_ACCURACY = 0.85, 0.99
COLUMNS = ("set", "photos", "window", "corner error", "class", "digits", "integer", "text", "within one unit", "ms")
CONFIDENCE_COLUMNS = ("set", "photos", "answered", "best 85 % right", "accepted at 99 %", "calibration error")
WITHIN_COLUMN = "best 85 % within one unit"


@dataclasses.dataclass(frozen=True)
class Figure:
    """A figure and the ends of its 95 % interval, in per cent."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Returns `97.0 (91.5-99.0)`, or `-` for nothing."""
        if np.isnan(self.value):
            return "-"
        return f"{self.value:.1f} ({self.low:.1f}-{self.high:.1f})"


def share(right: float, count: int, independent: int | None = None) -> Figure:
    """Returns a share with Wilson's interval.

    Args:
        right: how many of the count are right.
        count: of views or digits; nothing is known of none.
        independent: how many of them are counted for the interval, where one photo gives several.
    """
    if not count:
        return Figure(float("nan"), 0.0, 100.0)
    independent = count if independent is None else independent
    low, high = wilson_interval(round(right / count * independent), independent)
    return Figure(100 * right / count, 100 * low, 100 * high)


def median(values: Sequence[float]) -> Figure:
    """Returns the median of the values that are numbers, with the interval that their order statistics give."""
    ordered = np.sort([value for value in values if not np.isnan(value)])
    if not len(ordered):
        return Figure(float("nan"), float("nan"), float("nan"))
    half = 0.98 * np.sqrt(len(ordered))
    low, high = max(0, int(len(ordered) / 2 - half)), min(len(ordered) - 1, int(np.ceil(len(ordered) / 2 + half)))
    return Figure(float(np.median(ordered)), float(ordered[low]), float(ordered[high]))


def rows_by_rotation(outcomes: Iterable[Outcome]) -> list[tuple[str, ...]]:
    """Returns the cells of COLUMNS for each set at each rotation; photos without a meter have no row."""
    return _rows(outcomes, lambda outcome: f"{outcome.source} {90 * outcome.turns} deg")


def rows_by_wheels(outcomes: Iterable[Outcome]) -> list[tuple[str, ...]]:
    """Returns the cells of COLUMNS for each number of labelled wheels, over all sets and rotations."""
    wheels = {0: "wheels not labelled"}
    ordered = sorted(outcomes, key=lambda outcome: outcome.score.wheels or 99)
    return _rows(ordered, lambda outcome: wheels.get(outcome.score.wheels, f"{outcome.score.wheels} wheels"))


def rows_of_confidence(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Returns the cells of CONFIDENCE_COLUMNS and WITHIN_COLUMN for each set, over all rotations, and for all together.

    Of the photos whose reading is known. Those without an answer are never accepted and count as wrong; the calibration
    error is over the answers alone.
    """

    def within(part: Sequence[Outcome], confidence: np.ndarray, accepted: int) -> str:
        near = np.array([outcome.score.within_one_unit for outcome in part])
        return str(share(accuracy_at(CONFIDENT_SHARE, confidence, near) * accepted, accepted))

    return _rows_of_confidence(outcomes, confidences, within)


def rows_of_integer_confidence(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """Returns the cells of CONFIDENCE_COLUMNS, as `rows_of_confidence`, of the digits before the comma."""
    return _rows_of_confidence(outcomes, integer_confidences)


def _rows_of_confidence(
    outcomes: Sequence[Outcome],
    answers: Callable[[Sequence[Outcome]], tuple[np.ndarray, np.ndarray]],
    further: Callable[[Sequence[Outcome], np.ndarray, int], str] | None = None,
) -> list[tuple[str, ...]]:
    groups = _groups(outcomes, lambda outcome: outcome.source)
    if len(groups) > 1:
        groups["all sets"] = [outcome for part in groups.values() for outcome in part]
    rows: list[tuple[str, ...]] = []
    for name, everything in groups.items():
        part = [outcome for outcome in everything if outcome.right]
        if not part:
            continue
        confidence, right = answers(part)
        answered = np.array([outcome.recognition.success for outcome in part])
        photos = _photos(part)
        accepted = max(1, int(CONFIDENT_SHARE * photos))
        best = accuracy_at(CONFIDENT_SHARE, confidence, right)
        rows.append(
            (
                name,
                str(photos),
                str(share(answered.sum(), len(part), photos)),
                str(share(best * accepted, accepted)),
                f"{100 * coverage_at(AIM_ACCURACY, confidence, right):.1f}",
                f"{expected_calibration_error(confidence[answered], right[answered]):.3f}",
                *([further(part, confidence, accepted)] if further else []),
            )
        )
    return rows


def rows_without_meter(outcomes: Iterable[Outcome]) -> list[tuple[str, ...]]:
    """Returns (rotation, photos, share answered with digits) of the photos without a meter."""
    rows: list[tuple[str, ...]] = []
    parts: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.source == WITHOUT_METER:
            parts.setdefault(outcome.turns, []).append(outcome)
    for turns, part in parts.items():
        answered = sum(outcome.recognition.success for outcome in part)
        rows.append((f"no meter {90 * turns} deg", str(len(part)), str(share(answered, len(part)))))
    return rows


def confidences(outcomes: Sequence[Outcome]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the confidence (n,) and whether the whole text is right (n,)."""
    return (
        np.array([outcome.recognition.confidence for outcome in outcomes]),
        np.array([outcome.text_right for outcome in outcomes]),
    )


def integer_confidences(outcomes: Sequence[Outcome]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the confidence of the digits before the comma (n,) and whether they are right (n,)."""
    return (
        np.array([outcome.recognition.confidence_integer for outcome in outcomes]),
        np.array([outcome.score.integer_right for outcome in outcomes]),
    )


def confusion(outcomes: Iterable[Outcome]) -> Counter[tuple[str, str]]:
    """Returns how often each right digit was read as which; an empty one was left out or made up."""
    return Counter(pair for outcome in outcomes for pair in outcome.score.pairs)


def all_tables(outcomes: Sequence[Outcome]) -> list[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    """Returns title, columns and rows of each table that the outcomes fill."""
    without = ("photos without a meter", "photos", "answered with digits")
    tables = [
        ("In per cent, with 95 % intervals; corner error: median, in per cent of the window's height", COLUMNS),
        ("By number of wheels", COLUMNS),
        ("Confidence", (*CONFIDENCE_COLUMNS, WITHIN_COLUMN)),
        ("Confidence of the digits before the comma", CONFIDENCE_COLUMNS),
        ("Photos without a meter", without),
    ]
    makers = (rows_by_rotation, rows_by_wheels, rows_of_confidence, rows_of_integer_confidence, rows_without_meter)
    filled = [(*table, make(outcomes)) for table, make in zip(tables, makers, strict=True)]
    return [table for table in filled if table[2]]


def _rows(outcomes: Iterable[Outcome], name_of: Callable[[Outcome], str]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name, part in _groups(outcomes, name_of).items():
        readable = [outcome for outcome in part if outcome.right]
        photos = _photos(part)
        digits = sum(outcome.score.digits for outcome in part)
        digits_right = sum(outcome.score.digits_right for outcome in part)
        flags = {
            "window": [outcome.window.found for outcome in part if not np.isnan(outcome.window.iou)],
            "class": [outcome.class_right for outcome in part],
            "integer": [outcome.score.integer_right for outcome in readable],
            "text": [outcome.text_right for outcome in readable],
            "within": [outcome.score.within_one_unit for outcome in readable],
        }
        views = len(part) / max(photos, 1)
        shares = {
            column: str(share(sum(values), len(values), round(len(values) / views))) for column, values in flags.items()
        }
        seconds = np.median([outcome.recognition.seconds["total"] for outcome in part])
        rows.append(
            (
                name,
                str(photos),
                shares["window"],
                str(median([outcome.window.corner_error for outcome in part])),
                shares["class"],
                str(share(digits_right, digits, round(digits * photos / len(part)))),
                shares["integer"],
                shares["text"],
                shares["within"],
                f"{1000 * seconds:.0f}",
            )
        )
    return rows


def _groups(outcomes: Iterable[Outcome], name_of: Callable[[Outcome], str]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.source != WITHOUT_METER:
            groups.setdefault(name_of(outcome), []).append(outcome)
    return groups


def _photos(outcomes: Iterable[Outcome]) -> int:
    """Returns how many photos the outcomes are of: a photo that was turned is no further one."""
    return len({(outcome.source, outcome.name) for outcome in outcomes})
