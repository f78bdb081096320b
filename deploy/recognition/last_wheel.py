"""The last wheel, which on most counters never rests: the two digits that it may be between.

A wheel between two digits counts as the one that fills more of the opening, near half a turn as either.
"""

import dataclasses

from .reading import Reading
from .settings import ReadingSettings


@dataclasses.dataclass(frozen=True)
class LastWheel:
    """Between which digits the last wheel of a reading is.

    Attributes:
        lower: the digit that it leaves; the one that it shows where it is between none.
        upper: the one that comes next, 0 after 9; the same as `lower` where it is between none.
        upper_share: 0 to 1, how likely people are to write down the upper one: its part of both scores.
        value_low: the reading with the lower digit, in the form of its text; where that takes the wheel from 0 back to
            9, the wheels before it go back too.
        value_high: the reading with the upper digit.
    """

    lower: str
    upper: str
    upper_share: float
    value_low: str
    value_high: str


def last_wheel(reading: Reading, settings: ReadingSettings) -> LastWheel:
    """Returns between which digits the last wheel of a reading with at least one digit is."""
    digit = reading.digits[-1]
    scores = digit.scores
    label = int(digit.label)
    before, after = (label - 1) % 10, (label + 1) % 10
    step = 1 if scores[after] >= scores[before] else -1
    other = after if step > 0 else before
    share = float(scores[other] / max(digit.score + scores[other], 1e-6))
    if share < settings.last_wheel_share:
        return LastWheel(digit.label, digit.label, 0.0, reading.text, reading.text)
    moved = stepped(reading.text, step)
    if step > 0:
        return LastWheel(digit.label, str(other), share, reading.text, moved)
    return LastWheel(str(other), digit.label, 1 - share, moved, reading.text)


def stepped(text: str, units: int) -> str:
    """Returns what a counter that shows a text, not an empty one, shows so many units of its last wheel later."""
    digits = text.replace(",", "")
    moved = str((int(digits) + units) % 10 ** len(digits)).zfill(len(digits))
    comma = text.find(",")
    return moved if comma < 0 else f"{moved[:comma]},{moved[comma:]}"
