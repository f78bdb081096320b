"""The text that labelled wheels spell."""

from collections.abc import Iterable

from deploy.recognition.classes import DIGIT_CLASSES
from deploy.recognition.reading import join_text


def row_text(wheels: Iterable[tuple[float, str]], fraction_from: float = float("inf")) -> str:
    """Returns the text of a row of wheels, a comma before the fraction; empty without wheels.

    Args:
        wheels: of each its place along the reading, in any unit, and its label; one that is no digit gives `?`.
        fraction_from: the place from which on wheels belong to the fraction.
    """
    ordered = sorted(wheels)
    signs = [(place, label if label in DIGIT_CLASSES else "?") for place, label in ordered]
    integer = "".join(sign for place, sign in signs if place < fraction_from)
    fraction = "".join(sign for place, sign in signs if place >= fraction_from)
    return join_text(integer, fraction) if integer else fraction
