import pytest

from deploy.recognition.last_wheel import LastWheel, last_wheel, stepped
from deploy.recognition.settings import ReadingSettings
from tests.recognition.test_reading import decode, entry, row


def of(reading):
    return last_wheel(reading, ReadingSettings())


@pytest.mark.parametrize(
    ("text", "units", "expected"),
    [
        ("00595,825", 1, "00595,826"),
        ("00599", 1, "00600"),
        ("0060,0", -1, "0059,9"),
        ("99999", 1, "00000"),
        ("0", -1, "9"),
    ],
)
def test_steps_of_a_counter(text, units, expected):
    assert stepped(text, units) == expected


def test_a_wheel_that_leaves_its_digit():
    found = of(decode([*row("059"), entry("9", 0.6, 0.4, d0=0.2, d8=0.1)]))
    assert found == LastWheel("9", "0", pytest.approx(0.25), "0599", "0600")


def test_a_wheel_that_has_come_further_than_half():
    found = of(decode([*row("060"), entry("0", 0.6, 0.4, d9=0.3)]))
    assert found == LastWheel("9", "0", pytest.approx(2 / 3), "0599", "0600")


def test_a_wheel_that_stands_on_a_digit():
    # a 3 is no neighbour of 8, and what is hardly seen is none either
    found = of(decode([*row("123"), entry("8", 0.9, 0.4, d9=0.05, d3=0.8)]))
    assert found == LastWheel("8", "8", 0.0, "1238", "1238")


def test_the_comma_stays():
    found = of(decode([*row("12"), entry("9", 0.6, 0.3, d0=0.4), entry("floatp", 0.9, 0.3, 0.1)]))
    assert (found.value_low, found.value_high) == ("12,9", "13,0")
