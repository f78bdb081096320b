"""Whether a text is right, and which of its digits are."""

import dataclasses
import math

from deploy.recognition.last_wheel import stepped
from retinanet.datasets.records import ReadingKind

MISSING = ""


@dataclasses.dataclass(frozen=True)
class TextScore:
    """How a read text compares with the labelled one that is nearest to it.

    Attributes:
        text_right: the whole text, comma included where the label tells it.
        integer_right: what stands before the comma; where the label has none, as many of its digits as were read before
            the comma, if as many were read in all.
        within_one_unit: the text is right, or is so one unit of its last wheel more or less: a wheel between two digits
            is read as either.
        row_right: all digits, wherever the comma stands.
        pairs: (right, read) digits side by side; MISSING stands for a digit left out or made up. `?` in the label
            gives no pair.
        wheels: digits of the label; 0 where the label is a number.
    """

    text_right: bool
    integer_right: bool
    row_right: bool
    within_one_unit: bool
    pairs: tuple[tuple[str, str], ...]
    wheels: int

    @property
    def digits_right(self) -> int:
        """How many digits are right."""
        return sum(right == read for right, read in self.pairs)

    @property
    def digits(self) -> int:
        """How many digits the label has, those that nobody can tell left out."""
        return sum(right != MISSING for right, _ in self.pairs)


def score_text(read: str, readings: tuple[str, ...], kind: ReadingKind = ReadingKind.DIGITS) -> TextScore:
    """Returns how a read text compares with the labelled readings, any of which is right.

    Without a labelled reading, on a window that nobody can read, no text is right.

    Args:
        read: `00595,825`, empty where nothing was read.
        readings: `?` lets any digit pass.
        kind: what they tell.
    """
    if not readings:
        return nothing_to_read(read)
    numeric = kind is ReadingKind.NUMBER
    whole_matches, integer_matches = {
        ReadingKind.WHOLE: (texts_match, _integers_match),
        ReadingKind.DIGITS: (_labelled_part_matches, _labelled_integers_match),
        ReadingKind.NUMBER: (numbers_match, _whole_numbers_match),
    }[kind]
    alignments = [align(_digits(reading, numeric), _digits(read, numeric)) for reading in readings]
    pairs = max(alignments, key=lambda pairs: sum(right in ("?", got) for right, got in pairs))
    return TextScore(
        text_right=any(whole_matches(read, reading) for reading in readings),
        integer_right=any(integer_matches(read, reading) for reading in readings),
        within_one_unit=any(whole_matches(near, reading) for near in _within_one_unit(read) for reading in readings),
        row_right=any(texts_match(_digits(read, numeric), _digits(reading, numeric)) for reading in readings),
        pairs=tuple(pair for pair in pairs if pair[0] != "?"),
        wheels=0 if numeric else len(_digits(readings[0], False)),
    )


def nothing_to_read(read: str) -> TextScore:
    """Returns the score where there is no reading, on a photo without a meter for one: only no text is right."""
    return TextScore(not read, not read, not read, not read, (), 0)


def texts_match(read: str, right: str) -> bool:
    """Tells whether a text is the right one; `?` in the right one lets any digit pass."""
    return len(read) == len(right) and all(
        a == b or (b == "?" and a.isdecimal()) for a, b in zip(read, right, strict=True)
    )


def numbers_match(read: str, right: str) -> bool:
    """Tells whether a text, comma included, is the labelled number."""
    return bool(read) and math.isclose(float(read.replace(",", ".")), float(right), abs_tol=1e-9)


def align(right: str, read: str) -> list[tuple[str, str]]:
    """Returns the digits of two texts side by side, with the fewest differences (Levenshtein's alignment)."""
    costs = [[column if row == 0 else row for column in range(len(read) + 1)] for row in range(len(right) + 1)]
    for row, digit in enumerate(right, start=1):
        for column, other in enumerate(read, start=1):
            replaced = costs[row - 1][column - 1] + (digit not in ("?", other))
            costs[row][column] = min(replaced, costs[row - 1][column] + 1, costs[row][column - 1] + 1)
    pairs = []
    row, column = len(right), len(read)
    while row or column:
        cost = costs[row][column]
        same = row and column and cost == costs[row - 1][column - 1] + (right[row - 1] not in ("?", read[column - 1]))
        if same:
            row, column = row - 1, column - 1
            pairs.append((right[row], read[column]))
        elif row and cost == costs[row - 1][column] + 1:
            row -= 1
            pairs.append((right[row], MISSING))
        else:
            column -= 1
            pairs.append((MISSING, read[column]))
    return pairs[::-1]


def _within_one_unit(read: str) -> tuple[str, ...]:
    """Returns the text, and what the counter shows one unit of its last wheel earlier and later."""
    return (read, stepped(read, -1), stepped(read, 1)) if read else ("",)


def _labelled_part_matches(read: str, right: str) -> bool:
    return texts_match(read if "," in right else read.replace(",", ""), right)


def _integers_match(read: str, right: str) -> bool:
    return texts_match(read.partition(",")[0], right.partition(",")[0])


def _labelled_integers_match(read: str, right: str) -> bool:
    if "," in right:
        return _integers_match(read, right)
    whole, _, fraction = read.partition(",")
    return len(whole + fraction) == len(right) and texts_match(whole, right[: len(whole)])


def _whole_numbers_match(read: str, right: str) -> bool:
    return bool(read) and int(read.partition(",")[0]) == int(float(right))


def _digits(text: str, numeric: bool) -> str:
    """Returns the text without its comma; of a number without its outer zeros, which say nothing."""
    digits = text.replace(",", "").replace(".", "")
    return digits.strip("0") if numeric else digits
