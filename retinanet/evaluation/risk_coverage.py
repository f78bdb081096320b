"""How far a confidence can be trusted: risk and coverage, calibration error, reliability."""

import dataclasses

import numpy as np

BINS = 10


@dataclasses.dataclass(frozen=True)
class Bin:
    """The answers whose confidence lies between two limits.

    Attributes:
        count: how many there are.
        confidence: their mean confidence, 0 to 1.
        right: the share of them that is right.
    """

    count: int
    confidence: float
    right: float


def risk_coverage(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns coverage and accuracy (n,) when the n answers are accepted one by one, the most confident first.

    Answers of equal confidence are accepted together: each counts with their mean.

    Args:
        confidence: (n,) 0 to 1; 0 where there was no answer.
        right: (n,) whether each is right.
    """
    levels, group = np.unique(-np.asarray(confidence, np.float64), return_inverse=True)
    counts = np.bincount(group, minlength=len(levels))
    shares = np.bincount(group, np.asarray(right, np.float64), len(levels)) / np.maximum(counts, 1)
    total = np.arange(1, len(group) + 1)
    return total / max(len(group), 1), np.cumsum(np.repeat(shares, counts)) / total


def accuracy_at(coverage: float, confidence: np.ndarray, right: np.ndarray) -> float:
    """Returns the accuracy of the most confident share of all answers, at least one; nan without any."""
    covered, accuracy = risk_coverage(confidence, right)
    accepted = max(1, int(np.floor(coverage * len(covered) + 1e-9)))
    return float(accuracy[accepted - 1]) if len(accuracy) else float("nan")


def coverage_at(accuracy: float, confidence: np.ndarray, right: np.ndarray) -> float:
    """Returns the largest share of the answers that can be accepted at this accuracy or better; 0 without any."""
    covered, reached = risk_coverage(confidence, right)
    enough = np.flatnonzero(reached >= accuracy)
    return float(covered[enough[-1]]) if len(enough) else 0.0


def reliability(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> list[Bin]:
    """Returns the answers in bins of equal width from 0 to 1, empty bins left out."""
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        Bin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for inside in (places == place for place in range(bins))
        if inside.any()
    ]


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Returns the mean distance between confidence and accuracy over the bins, weighted by their answers.

    As in C. Guo and others, On calibration of modern neural networks, 2017; nan without answers.
    """
    parts = reliability(confidence, right, bins)
    count = sum(part.count for part in parts)
    return sum(part.count * abs(part.confidence - part.right) for part in parts) / count if count else float("nan")
