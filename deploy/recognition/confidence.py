"""How sure a reading is: the probability that its whole text is right, and the texts it might be instead."""

import dataclasses
import math

import numpy as np

from .reading import Reading, join_text


@dataclasses.dataclass(frozen=True)
class ConfidenceModel:
    """Coefficients of the logistic function over the features of `confidence_features`.

    Attributes:
        intercept: added to the weighted features.
        weights: one a feature, in the order of FEATURES.
    """

    intercept: float = -2.0
    weights: tuple[float, ...] = (1.0, 2.0, 3.0, 1.5, -4.0)


FEATURES = ("log_product", "weakest", "margin", "window_score", "unevenness")


def confidence_features(reading: Reading, window_score: float) -> np.ndarray:
    """Returns the features (5,) of a reading with at least one digit, in the order of FEATURES.

    They are the logarithm of the product of the digits' scores, the weakest digit's score, the least distance
    between a digit's score and the next best's, the window's score, and how unevenly the wheels stand: the median
    deviation of their distances from the median distance, in median distances (a wider step between whole units and
    fraction does not move it).
    """
    scores = np.array([digit.score for digit in reading.digits])
    margins = [digit.score - digit.alternatives[0][1] for digit in reading.digits]
    centres = np.array([(digit.box[0] + digit.box[2]) / 2 for digit in reading.digits])
    steps = np.diff(centres)
    unevenness = 0.0
    if len(steps):
        pitch = max(float(np.median(steps)), 1e-6)
        unevenness = float(np.median(np.abs(steps - pitch))) / pitch
    log_product = float(np.log(np.maximum(scores, 1e-6)).sum())
    return np.array([log_product, scores.min(), min(margins), window_score, unevenness])


def confidence(features: np.ndarray, model: ConfidenceModel | None = None) -> float:
    """Returns the probability, 0 to 1, that the text of a reading with these features is right."""
    model = model or ConfidenceModel()
    logit = model.intercept + float(np.dot(model.weights, features))
    return 1 / (1 + math.exp(-min(max(logit, -30.0), 30.0)))


def alternative_texts(reading: Reading, probability: float, count: int = 4) -> tuple[tuple[str, float], ...]:
    """Returns the likeliest texts with their probabilities, the reading's own first.

    The digits' scores, made to sum to 1 on each wheel, are taken as independent; the reading's own text has the
    given probability and the others share the rest in proportion.
    """
    beam = [("", 1.0)]
    for digit in reading.digits:
        ranked = ((digit.label, digit.score), *digit.alternatives)
        total = max(sum(score for _, score in ranked), 1e-6)
        grown = [(text + label, share * score / total) for text, share in beam for label, score in ranked]
        beam = sorted(grown, key=lambda entry: -entry[1])[: count + 1]
    split = len(reading.integer)
    texts = [(join_text(text[:split], text[split:]), share) for text, share in beam]
    own = next((share for text, share in texts if text == reading.text), 0.0)
    rest = (1 - probability) / max(1 - own, 1e-6)
    others = [(text, min(share * rest, probability)) for text, share in texts if text != reading.text]
    possible = [(text, share) for text, share in others if share > 0]
    return ((reading.text, probability), *possible[: count - 1])
