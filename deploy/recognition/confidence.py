"""How sure a reading is: the probability that its text is right, or the digits before the comma, and other texts."""

import dataclasses
import math
from statistics import median

import numpy as np

from .reading import Reading, join_text

FEATURES = ("log_share", "weakest", "last", "window", "unevenness", "odd_step")
# coefficients fitted before it was there have no weight for it: it counts nothing then
LATER_FEATURES = ("odd_step",)
# a step so far off tells as much as any further one
_MOST_ODD = 1.5


@dataclasses.dataclass(frozen=True)
class ConfidenceModel:
    """Coefficients of the logistic function over the features of `confidence_features`.

    Attributes:
        intercept: added to the weighted features.
        weights: one a feature, in the order of FEATURES.
    """

    intercept: float = -0.1
    weights: tuple[float, ...] = (0.35, 0.25, 0.13, 0.75, -15.0, -1.0)


def confidence_features(reading: Reading, window_score: float, wheels: int | None = None) -> np.ndarray:
    """Returns the features (6,) of a reading with at least one digit, in the order of FEATURES.

    The first three rest on the digits' shares, the scores made to sum to 1 on each wheel: the logarithm of their
    product; the weakest digit's share and the last digit's as log odds, since the last wheel is the one that is often
    between two digits. Beside them stand the window's score, as log odds too, and how the wheels of the whole row
    stand: the median deviation of their distances from the median distance, in median distances (a wider step between
    whole units and fraction does not move it), and the largest one, at most 1.5 (a wheel that was overlooked or made
    up).

    Args:
        reading: as read.
        window_score: 0 to 1.
        wheels: the digits' shares are those of the first so many; of all by default.
    """
    digits = reading.digits[:wheels]
    totals = [digit.score + sum(score for _, score in digit.alternatives) for digit in digits]
    shares = np.array([digit.score / max(total, 1e-6) for digit, total in zip(digits, totals, strict=True)])
    odds = _log_odds(shares)
    centres = np.array([(digit.box[0] + digit.box[2]) / 2 for digit in reading.digits])
    steps = np.diff(centres)
    unevenness = odd_step = 0.0
    if len(steps):
        pitch = max(float(median(steps)), 1e-6)
        off = np.abs(steps - pitch) / pitch
        unevenness, odd_step = float(median(off)), min(float(off.max()), _MOST_ODD)
    log_share = np.log(np.maximum(shares, 1e-4)).sum()
    return np.array([log_share, odds.min(), odds[-1], _log_odds(window_score), unevenness, odd_step])


def _log_odds(shares: np.ndarray | float) -> np.ndarray:
    # shares of 0 and 1 have no odds
    shares = np.clip(shares, 1e-3, 1 - 1e-3)
    odds: np.ndarray = np.log(shares / (1 - shares))
    return odds


def confidence(features: np.ndarray, model: ConfidenceModel | None = None) -> float:
    """Returns the probability, 0 to 1, that the digits with these features are right; where the comma stands, aside."""
    model = model or ConfidenceModel()
    logit = model.intercept + float(np.dot(model.weights, features))
    return 1 / (1 + math.exp(-min(max(logit, -30.0), 30.0)))


def alternative_texts(reading: Reading, probability: float, count: int = 4) -> tuple[tuple[str, float], ...]:
    """Returns the likeliest texts with their probabilities, the reading's own first.

    The digits' scores, made to sum to 1 on each wheel, and the comma are taken as independent; the reading's own text
    has the given probability and the others share the rest in proportion.
    """
    beam = [("", 1.0)]
    for digit in reading.digits:
        ranked = ((digit.label, digit.score), *digit.alternatives)
        total = max(sum(score for _, score in ranked), 1e-6)
        # as many labels of one wheel as texts are kept: what ranks lower cannot be in any of these
        likely = ranked[: count + 1]
        grown = [(text + label, share * score / total) for text, share in beam for label, score in likely]
        beam = sorted(grown, key=lambda entry: -entry[1])[: count + 1]
    comma = reading.comma
    places = {comma.other: 1 - comma.probability, comma.start: comma.probability}
    with_commas = [
        (join_text(text[:place], text[place:]), share * likely)
        for text, share in beam
        for place, likely in places.items()
    ]
    texts = sorted(with_commas, key=lambda entry: -entry[1])
    own = next((share for text, share in texts if text == reading.text), 0.0)
    rest = (1 - probability) / max(1 - own, 1e-6)
    others = [(text, min(share * rest, probability)) for text, share in texts if text != reading.text]
    possible = [(text, share) for text, share in others if share > 0]
    return ((reading.text, probability), *possible[: count - 1])
