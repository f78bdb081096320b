import pytest

from deploy.recognition.carry import settle_carry
from deploy.recognition.reading import reading_of
from deploy.recognition.settings import ReadingSettings
from tests.recognition.test_reading import decode, entry, row


def settled(entries):
    reading = decode(entries)
    return reading.text, reading_of(settle_carry(reading.digits, ReadingSettings()), reading.comma)


def turning(*pairs):
    """Wheels from 0.3 on, each between a digit and the next one with these scores; perhaps a third digit and its."""
    return [
        entry(
            str(digit),
            low,
            0.1 * place,
            **{f"d{(digit + 1) % 10}": high},
            **({f"d{third[0]}": third[1]} if third else {}),
        )
        for place, (digit, low, high, *third) in enumerate(pairs, start=3)
    ]


@pytest.mark.parametrize(
    ("pairs", "mixture", "text"),
    [
        # 00609: what speaks for 599 outweighs what speaks for 600
        (((5, 0.4, 0.5), (9, 0.4, 0.5), (9, 0.7, 0.2)), "00609", "00599"),
        (((5, 0.5, 0.4), (9, 0.3, 0.6), (9, 0.4, 0.5)), "00500", "00600"),
        (((5, 0.5, 0.4), (9, 0.5, 0.4), (9, 0.5, 0.4)), "00599", "00599"),
    ],
)
def test_wheels_that_turn_together_are_decided_together(pairs, mixture, text):
    before, after = settled([*row("00"), *turning(*pairs)])
    assert (before, after.text) == (mixture, text)
    for digit in after.digits:
        assert digit.score == dict(zip("0123456789", digit.scores, strict=True))[digit.label]


@pytest.mark.parametrize(
    "pairs",
    [
        # the middle wheel is in no doubt
        ((5, 0.4, 0.5), (9, 0.9, 0.02), (9, 0.3, 0.6)),
        # a third digit is more likely than the next one
        ((5, 0.4, 0.2, 2, 0.35), (9, 0.3, 0.6)),
        # the last wheel is between others
        ((5, 0.4, 0.5), (9, 0.3, 0.6), (4, 0.5, 0.4)),
        # the first one is in no doubt: it lags behind, as wheels with play do
        ((5, 0.9, 0.05), (9, 0.3, 0.6)),
    ],
)
def test_wheels_that_are_not_all_in_doubt_stay(pairs):
    before, after = settled([*row("00"), *turning(*pairs)])
    assert after.text == before


def test_no_wheel_is_before_the_first():
    before, after = settled(turning((9, 0.4, 0.5), (9, 0.5, 0.4), (9, 0.5, 0.4)))
    assert after.text == before == "099"
    assert settle_carry((), ReadingSettings()) == ()
