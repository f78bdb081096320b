"""Fits the confidence to what came out right, so that it is a probability."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deploy.recognition.confidence import FEATURES, ConfidenceModel, confidence
from deploy.recognition.errors import UserError
from retinanet.files import write_json

FOLDS = 10
# how strongly the weights are held near 0, in answers: the photos are of some hundred meters, not thousands
RIDGE = 40.0
MIN_WRONG = 10
_STEPS = 50


def fit(features: np.ndarray, right: np.ndarray, counts: np.ndarray | None = None) -> ConfidenceModel:
    """Returns the logistic regression of right (n,) on the features (n, 6), its weights drawn towards 0.

    The weights are drawn as those of features of spread 1 (ridge regression, by Newton's method).

    Args:
        features: (n, 6).
        right: (n,) whether each answer is right.
        counts: (n,) how much each answer counts; 1 each by default.

    Raises:
        UserError: fewer than MIN_WRONG answers are wrong or right.
    """
    right = np.asarray(right, np.float64)
    if few_of_one_kind(right):
        rarer = int(min(right.sum(), len(right) - right.sum()))
        raise UserError(
            f"only {rarer} of {len(right)} answers are of one kind, right or wrong: expected at least {MIN_WRONG} "
            "of each to calibrate on; give more photos or more turns"
        )
    counts = np.ones(len(right)) if counts is None else counts
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    columns = np.concatenate([np.ones((len(features), 1)), (features - mean) / spread], axis=1)
    pull = np.diag([0.0, *np.full(features.shape[1], RIDGE)])
    weights = np.zeros(columns.shape[1])
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(columns @ weights, -30, 30)))
        slope = columns.T @ (counts * (probability - right)) + pull @ weights
        curvature = (columns * (counts * probability * (1 - probability))[:, np.newaxis]).T @ columns + pull
        step = np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), slope)
        weights -= step
        if np.abs(step).max() < 1e-9:
            break
    slopes = weights[1:] / spread
    return ConfidenceModel(float(weights[0] - slopes @ mean), tuple(float(value) for value in slopes))


def few_of_one_kind(right: np.ndarray) -> bool:
    """Tells whether fewer than MIN_WRONG of the answers (n,) are right, or wrong."""
    return min(np.sum(right), len(right) - np.sum(right)) < MIN_WRONG


def equal_counts(sources: Sequence[str]) -> np.ndarray:
    """Returns how much each answer (n,) counts so that each source counts the same, 1 on average."""
    _, source, sizes = np.unique(np.asarray(sources), return_inverse=True, return_counts=True)
    return len(source) / (len(sizes) * sizes[source])


def cross_validated(
    features: np.ndarray, right: np.ndarray, groups: Sequence[str], counts: np.ndarray | None = None, folds: int = FOLDS
) -> np.ndarray:
    """Returns the confidence (n,) of each answer under a fit to the answers of other groups.

    Args:
        features: (n, 6).
        right: (n,) whether each answer is right.
        groups: (n,) answers of one meter, or of one source, share it; groups are spread over the folds at random,
            always the same way.
        counts: (n,) how much each answer counts; 1 each by default.
        folds: at most; each is left out once.

    Raises:
        UserError: see `fit`.
    """
    counts = np.ones(len(right)) if counts is None else counts
    names = sorted(set(groups))
    order = np.random.default_rng(0).permutation(len(names))
    fold_of = {names[index]: place % folds for place, index in enumerate(order)}
    fold = np.array([fold_of[group] for group in groups])
    result = np.zeros(len(right))
    for part in np.unique(fold):
        others = fold != part
        model = fit(features[others], right[others], counts[others])
        result[fold == part] = [confidence(row, model) for row in features[fold == part]]
    return result


def write_confidence(
    path: Path, text: ConfidenceModel, integer: ConfidenceModel | None, made_from: Mapping[str, str] | None = None
) -> None:
    """Writes the coefficients as `prepare_model.py` takes them.

    Args:
        path: of the JSON file.
        text: the coefficients of whole texts.
        integer: those of the digits before the comma, None where the former serve for them.
        made_from: by stage the SHA-256 of the weights that they were fitted to, where known: `prepare_model.py` warns
            when others come beside them.

    Raises:
        UserError: the file cannot be written.
    """
    fitted_to = {"fitted_to": dict(made_from)} if made_from else {}
    of_integer = {} if integer is None else {"integer": _as_dict(integer)}
    write_json(path, {**_as_dict(text), **of_integer, **fitted_to})


def _as_dict(model: ConfidenceModel) -> dict:
    weights = {name: round(weight, 5) for name, weight in zip(FEATURES, model.weights, strict=True)}
    return {"intercept": round(model.intercept, 5), "weights": weights}
