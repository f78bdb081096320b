import pytest

from retinanet.datasets.records import ReadingKind
from retinanet.evaluation.text import align, numbers_match, score_text, texts_match


@pytest.mark.parametrize(
    ("right", "read", "pairs"),
    [
        ("", "", []),
        ("12", "", [("1", ""), ("2", "")]),
        ("123", "123", [("1", "1"), ("2", "2"), ("3", "3")]),
        ("123", "153", [("1", "1"), ("2", "5"), ("3", "3")]),
        ("1234", "124", [("1", "1"), ("2", "2"), ("3", ""), ("4", "4")]),
        ("124", "1234", [("1", "1"), ("2", "2"), ("", "3"), ("4", "4")]),
        ("1?3", "183", [("1", "1"), ("?", "8"), ("3", "3")]),
    ],
)
def test_align(right, read, pairs):
    assert align(right, read) == pairs


def test_text_right_with_comma():
    score = score_text("00595,825", ("00595,825",))
    assert score.text_right and score.integer_right
    assert (score.digits_right, score.digits, score.wheels) == (8, 8, 8)


def test_comma_in_the_wrong_place_leaves_the_digits_right():
    score = score_text("0059582,5", ("00595,825",))
    assert (score.text_right, score.integer_right, score.digits_right) == (False, False, 8)


def test_integer_part_right_alone():
    score = score_text("00595,826", ("00595,825",))
    assert (score.text_right, score.integer_right, score.digits_right) == (False, True, 7)


def test_a_digit_left_out_counts_once():
    score = score_text("0059825", ("00595825",))
    assert (score.digits_right, score.digits) == (7, 8)
    assert ("5", "") in score.pairs


def test_made_up_digits_are_no_digits_of_the_label():
    score = score_text("112", ("12",))
    assert (score.digits_right, score.digits) == (2, 2)


def test_unknown_wheels_are_not_scored():
    score = score_text("00797", ("0079?",))
    assert score.text_right
    assert (score.digits_right, score.digits, score.wheels) == (4, 4, 5)


def test_the_nearest_of_several_readings_counts():
    score = score_text("00479", ("00470", "00479"))
    assert score.text_right and score.digits_right == 5
    assert score_text("00489", ("00470", "00479")).digits_right == 4


def test_numbers():
    right = score_text("00302,180", ("302.18",), ReadingKind.NUMBER)
    assert right.text_right and right.integer_right
    assert (right.digits_right, right.digits, right.wheels) == (5, 5, 0)
    comma = score_text("00302180", ("302.18",), ReadingKind.NUMBER)
    assert (comma.text_right, comma.integer_right, comma.digits_right) == (False, False, 5)
    fraction = score_text("00302,190", ("302.18",), ReadingKind.NUMBER)
    assert (fraction.text_right, fraction.integer_right, fraction.digits_right) == (False, True, 4)


def test_nothing_read():
    for kind, label in ((ReadingKind.DIGITS, "0012"), (ReadingKind.NUMBER, "12.5")):
        score = score_text("", (label,), kind)
        assert (score.text_right, score.integer_right, score.digits_right) == (False, False, 0)


@pytest.mark.parametrize(
    ("read", "right", "expected"),
    [("012", "012", True), ("012", "01?", True), ("01", "012", False), ("01,2", "01?2", False), ("", "?", False)],
)
def test_unclear_wheels_let_any_digit_pass(read, right, expected):
    assert texts_match(read, right) is expected


@pytest.mark.parametrize(
    ("read", "right", "expected"),
    [("00302,180", "302.18", True), ("00302180", "302.18", False), ("00567", "567.0", True), ("", "0.0", False)],
)
def test_numbers_match_whatever_their_outer_zeros(read, right, expected):
    assert numbers_match(read, right) is expected


def test_label_without_comma_says_nothing_about_the_fraction():
    assert score_text("0012,3", ("00123",)).text_right
    assert not score_text("00123", ("0012,3",)).text_right
    assert not score_text("0012,3", ("00123",), ReadingKind.WHOLE).text_right


@pytest.mark.parametrize(
    ("read", "right", "kind", "within"),
    [
        ("00595,825", "00595,824", ReadingKind.WHOLE, True),
        ("00595,825", "00595,826", ReadingKind.WHOLE, True),
        ("00595,825", "00595,823", ReadingKind.WHOLE, False),
        ("00595,825", "0059,5826", ReadingKind.WHOLE, False),
        # several wheels turn at once, all of them too
        ("00599", "00600", ReadingKind.DIGITS, True),
        ("00609", "00600", ReadingKind.DIGITS, False),
        ("99999", "00000", ReadingKind.DIGITS, True),
        ("0059,5", "0059?", ReadingKind.DIGITS, True),
        ("00599", "0060?", ReadingKind.DIGITS, True),
        ("00302,179", "302.18", ReadingKind.NUMBER, True),
        ("00302,178", "302.18", ReadingKind.NUMBER, False),
        ("0030", "00302", ReadingKind.DIGITS, False),
        ("", "00302", ReadingKind.DIGITS, False),
    ],
)
def test_within_one_unit_of_the_last_wheel(read, right, kind, within):
    assert score_text(read, (right,), kind).within_one_unit == within
