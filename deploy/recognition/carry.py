"""Wheels that turn together: where 00599 becomes 00600, the text is one of the two, never a mixture such as 00609."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from .reading import Digit
from .settings import ReadingSettings


def settle_carry(digits: Sequence[Digit], settings: ReadingSettings) -> tuple[Digit, ...]:
    """Returns the digits, those of wheels that turn together decided together.

    Such wheels are the last ones: one that is between two digits, and one or more behind it that are all between 9 and
    0. They show the lower digit and nines, or the upper one and zeros, whichever their scores speak for. Wheels that
    are not all in doubt stay as they are.

    Args:
        digits: left to right.
        settings: when a wheel is between two digits.
    """
    wheels = list(digits)
    first = len(wheels)
    while first and _is_between(wheels[first - 1].scores, 9, settings):
        first -= 1
    # the wheel before those between 9 and 0 is carried along; all of them: the first is
    behind = wheels[first:]
    if not behind or not first:
        return tuple(wheels)
    carried = wheels[first - 1].scores
    lower = max(range(10), key=lambda digit: carried[digit] + carried[(digit + 1) % 10])
    if not _is_between(carried, lower, settings):
        return tuple(wheels)
    low = _log(carried[lower]) + sum(_log(wheel.scores[9]) for wheel in behind)
    high = _log(carried[(lower + 1) % 10]) + sum(_log(wheel.scores[0]) for wheel in behind)
    labels = [lower, *[9] * len(behind)] if low >= high else [(lower + 1) % 10, *[0] * len(behind)]
    wheels[first - 1 :] = [_shown(wheel, label) for wheel, label in zip(wheels[first - 1 :], labels, strict=True)]
    return tuple(wheels)


def _is_between(scores: np.ndarray, lower: int, settings: ReadingSettings) -> bool:
    """Tells whether a wheel with these scores (10,) is between a digit and the next one, in doubt which."""
    pair = scores[[lower, (lower + 1) % 10]]
    return bool(
        pair.max() == scores.max()
        and pair.min() >= settings.between_share * pair.sum()
        and pair.min() >= settings.between_second * np.partition(scores, -2)[-2]
    )


def _log(score: float) -> float:
    return float(np.log(max(score, 1e-4)))


def _shown(wheel: Digit, label: int) -> Digit:
    """Returns the wheel as showing a digit."""
    if wheel.label == str(label):
        return wheel
    ranked = ((wheel.label, wheel.score), *wheel.alternatives)
    score = dict(ranked)[str(label)]
    others = tuple(entry for entry in ranked if entry[0] != str(label))
    return dataclasses.replace(wheel, label=str(label), score=score, alternatives=others)
