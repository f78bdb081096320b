"""Which numbers a training computes in, by what the graphics cards are good at; nothing of TensorFlow."""

import dataclasses
from collections.abc import Sequence

from deploy.recognition.errors import UserError

OPTION = "--mixed_precision"
AUTO, FLOAT32, FLOAT16, BFLOAT16 = CHOICES = ("auto", "float32", "float16", "bfloat16")
# NVIDIA's compute capabilities from which tensor cores multiply such numbers: Volta and Ampere
LEAST_CAPABILITY = {FLOAT16: (7, 0), BFLOAT16: (8, 0)}


@dataclasses.dataclass(frozen=True)
class Card:
    """A graphics card.

    Attributes:
        name: as its maker calls it.
        capability: NVIDIA's compute capability, (major, minor); None of others.
    """

    name: str
    capability: tuple[int, int] | None


def choose_precision(asked: str, cards: Sequence[Card]) -> str:
    """Returns `float32`, `float16` or `bfloat16`: what layers compute in on all of the cards, or on processors.

    `auto` is the widest of those that all cards multiply fast, and float32 on processors, which take several times as
    long for half of them.

    Raises:
        UserError: a card cannot do what is asked, or float16 is asked for without a card.
    """
    if asked == AUTO:
        able = [kind for kind in (BFLOAT16, FLOAT16) if cards and all(_can(card, kind) for card in cards)]
        return able[0] if able else FLOAT32
    if asked == FLOAT16 and not cards:
        raise UserError(f"{OPTION} {asked}: no graphics card is visible, and processors lack it; give {AUTO}")
    for card in cards if asked != FLOAT32 else ():
        if card.capability and not _can(card, asked):
            found, needed = (".".join(map(str, pair)) for pair in (card.capability, LEAST_CAPABILITY[asked]))
            raise UserError(
                f"{OPTION} {asked}: {card.name} lacks it: compute capability {found}, expected {needed} or more; give "
                f"{AUTO} or {FLOAT32}"
            )
    return asked


def _can(card: Card, kind: str) -> bool:
    return card.capability is not None and card.capability >= LEAST_CAPABILITY[kind]
