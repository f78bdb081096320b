"""Whether a reading can follow the last one."""

import re
from decimal import Decimal
from typing import Any

from .problems import UNUSABLE, RequestProblem

# A counter that shows less than before may have passed its last number. Without a limit from the caller it counts as
# passed when the increase is at most this share of all that the counter can show.
ROLLOVER_SHARE = Decimal("0.1")
REASONS = ("increased", "unchanged", "rolled_over", "decreased", "increase_too_large", "too_few_digits", "no_reading")

MOST_DIGITS, MOST_DECIMALS = 12, 6
NUMBER_PATTERN = rf"[0-9]{{1,{MOST_DIGITS}}}([.,][0-9]{{1,{MOST_DECIMALS}}})?"
_NUMBER = re.compile(NUMBER_PATTERN, re.ASCII)


def read_number(name: str, value: object) -> Decimal:
    """Returns a reading or an increase from a field: text such as `00595,825`, or a JSON number.

    Raises:
        RequestProblem: 422, it is neither, or out of range.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = format(Decimal(str(value)), "f")
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise RequestProblem(
            UNUSABLE,
            f"{name}: expected a number from 0 with at most {MOST_DIGITS} digits and "
            f"{MOST_DECIMALS} decimals, such as 595,825",
        )
    return Decimal(value.replace(",", "."))


def judge(
    integer: str,
    fraction: str,
    previous: Decimal,
    max_increase: Decimal | None = None,
    max_decrease: Decimal | None = None,
) -> dict[str, Any]:
    """Returns `plausible`, `why` (one of REASONS) and `increase` (text, or None where there is none).

    A counter of n whole digits starts again at 0 after n nines. A last wheel that stands between two digits is read as
    either, so one that stands still may seem to go back a little: that counts as unchanged.

    Args:
        integer: the reading's whole digits; empty without a reading.
        fraction: its digits after the comma.
        previous: the last reading.
        max_increase: the most that can have come since, or None.
        max_decrease: so much less than the last reading is as good as the same; None: one unit of the last wheel.
    """
    if not integer:
        return {"plausible": False, "why": "no_reading", "increase": None}
    reading = Decimal(f"{integer}.{fraction or 0}")
    capacity = Decimal(10) ** len(integer)
    if previous >= capacity:
        return {"plausible": False, "why": "too_few_digits", "increase": None}
    if not fraction:
        # the last reading may have had decimals that this one does not show
        previous = Decimal(int(previous))
    increase, why = reading - previous, "increased"
    if max_decrease is None:
        max_decrease = Decimal(1).scaleb(-len(fraction))
    # from 00000 back to 99999 the wheels go back by one too
    decrease = -increase if increase < 0 else capacity - increase
    if increase == 0 or decrease <= max_decrease:
        increase, why = Decimal(0), "unchanged"
    elif increase < 0:
        increase, why = increase + capacity, "rolled_over"
        if increase > (ROLLOVER_SHARE * capacity if max_increase is None else max_increase):
            return {"plausible": False, "why": "decreased", "increase": None}
    if max_increase is not None and increase > max_increase:
        why = "increase_too_large"
    text = format(increase.normalize(), "f").replace(".", ",")
    return {"plausible": why != "increase_too_large", "why": why, "increase": text}
