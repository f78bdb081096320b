"""How the wheels of a mechanical counter stand, and what is read from them.

A phase is a wheel's turn in digits: 3.6 is six tenths of the way from 3 to 4. The last wheel turns evenly; every other
one stands still except while the wheel to its right goes from 9 to 0, when both turn together.
"""

import numpy as np

# A carried wheel's turn differs from the last one's by up to this much.
LARGEST_PLAY = 0.2
# Between two digits the lower one counts, until the upper one fills the larger part of the opening: people who read
# meters write it down from somewhere between these turns on.
LOWER_UNTIL_RANGE = (0.4, 0.6)


def random_lower_until(random: np.random.Generator) -> float:
    """Returns the turn from which on one reader writes the upper digit down: what is labelled so is left in doubt."""
    return float(random.uniform(*LOWER_UNTIL_RANGE))


def digit_at(phase: float, lower_until: float) -> int:
    """Returns the digit that a wheel at this phase counts as: until 0.5, at 3.5 still 3, and 9 halfway from 9 to 0."""
    return int(np.floor(phase + 1 - lower_until - 1e-9)) % 10


def digits_of(phases: tuple[float, ...], lower_until: float) -> list[int]:
    """Returns the digit that each wheel counts as; wheels that turn together change together."""
    return [digit_at(phase, lower_until) for phase in phases]


def with_play(random: np.random.Generator, phases: tuple[float, ...]) -> tuple[float, ...]:
    """Returns the phases as worn gears show them: wheels that are carried along run ahead or behind a little."""
    *carried, last = phases
    turning = [0.05 < phase % 1 < 0.95 for phase in carried]
    lags = np.clip(random.normal(0, LARGEST_PLAY / 2, len(carried)), -LARGEST_PLAY, LARGEST_PLAY)
    return (*(phase + float(lag) * turns for phase, lag, turns in zip(carried, lags, turning, strict=True)), last)


def carried_phases(digits: list[int], turn: float) -> tuple[float, ...]:
    """Returns the phases of wheels at these digits while the last one is `turn`, 0 to 1, beyond its own."""
    phases = []
    for digit in reversed(digits):
        phases.append(digit + turn)
        if digit != 9:
            turn = 0.0
    return tuple(reversed(phases))


def random_phases(random: np.random.Generator, wheels: int) -> tuple[float, ...]:
    """Returns random phases: leading zeros are common, turns that carry are commoner than in life."""
    digits = random.integers(0, 10, wheels)
    if random.random() < 0.6:
        digits[: int(random.integers(0, max(1, wheels // 2 + 1)))] = 0
    if random.random() < 0.25:
        digits[wheels - int(random.integers(1, min(4, wheels))) :] = 9
    turn = random.uniform(0, 1) if random.random() < 0.6 else abs(random.normal(0, 0.03))
    return carried_phases([int(digit) for digit in digits], float(turn))
