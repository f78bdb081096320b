import pytest

from deploy.recognition.errors import UserError
from retinanet.training.cards import Card, choose_precision

PASCAL, TURING, AMPERE = Card("GTX 1080", (6, 1)), Card("T4", (7, 5)), Card("A100", (8, 0))
OTHER = Card("another maker's", None)


@pytest.mark.parametrize(
    ("asked", "cards", "chosen"),
    [
        ("auto", [], "float32"),
        ("auto", [AMPERE, AMPERE], "bfloat16"),
        ("auto", [AMPERE, TURING], "float16"),
        ("auto", [AMPERE, PASCAL], "float32"),
        ("auto", [OTHER], "float32"),
        ("float32", [PASCAL], "float32"),
        ("bfloat16", [], "bfloat16"),
        ("float16", [TURING], "float16"),
        ("bfloat16", [OTHER], "bfloat16"),
    ],
)
def test_precision_by_the_weakest_card(asked, cards, chosen):
    assert choose_precision(asked, cards) == chosen


@pytest.mark.parametrize(
    ("asked", "cards", "message"),
    [
        ("float16", [], "--mixed_precision float16: no graphics card is visible, and processors lack it; give auto"),
        (
            "bfloat16",
            [AMPERE, TURING],
            "T4 lacks it: compute capability 7.5, expected 8.0 or more; give auto or",
        ),
        ("float16", [PASCAL], "GTX 1080 lacks it: compute capability 6.1, expected 7.0 or more"),
    ],
)
def test_what_a_card_lacks_is_told(asked, cards, message):
    with pytest.raises(UserError, match=message):
        choose_precision(asked, cards)
