import numpy as np
import pytest

from deploy.recognition.classes import STAGE2_CLASSES
from deploy.recognition.closer_looks import (
    end_regions,
    merge_ends,
    merge_parts,
    merge_rows,
    part_regions,
    row_regions,
)
from deploy.recognition.reading import Comma, decode_reading, join_text
from deploy.recognition.settings import ReadingSettings


def entry(label, score, centre, width=0.08, y=0.5, height=0.6, **others):
    """One box and its class scores; others are scores of further classes, digits as d3=0.2."""
    scores = np.zeros(15)
    scores[STAGE2_CLASSES.index(label)] = score
    for name, value in others.items():
        scores[STAGE2_CLASSES.index(name.removeprefix("d"))] = value
    return [centre - width / 2, y - height / 2, centre + width / 2, y + height / 2], scores


def row(text, score=0.9):
    """Wheels at 0.1, 0.2, ..."""
    return [entry(digit, score, 0.1 * (place + 1)) for place, digit in enumerate(text)]


def decode(entries):
    boxes, scores = zip(*entries, strict=True)
    return decode_reading(np.array(boxes), np.array(scores))


def test_nothing_found():
    reading = decode_reading(np.zeros((32, 4)), np.zeros((32, 15)))
    assert (reading.text, reading.digits, reading.score) == ("", (), 0.0)
    assert decode_reading(np.zeros((0, 4)), np.zeros((0, 15))).text == ""


def test_digits_are_read_left_to_right():
    entries = row("00595825")
    reading = decode([entries[index] for index in (3, 1, 0, 7, 2, 6, 5, 4)])
    assert reading.text == "00595825"
    assert reading.fraction == ""
    assert reading.score == pytest.approx(0.9)
    np.testing.assert_allclose(reading.digits[0].box, [0.06, 0.2, 0.14, 0.8], atol=1e-6)


def test_fraction_region_puts_the_comma():
    reading = decode([*row("00595825"), entry("floatp", 0.8, 0.7, width=0.3)])
    assert (reading.text, reading.integer, reading.fraction) == ("00595,825", "00595", "825")


def test_decimals_half_as_high_on_the_rows_foot_are_read_and_a_second_row_is_not():
    tall = row("00595")
    small = [
        entry("8", 0.9, 0.58, width=0.05, y=0.66, height=0.28),
        entry("2", 0.9, 0.65, width=0.05, y=0.67, height=0.26),
    ]
    region = entry("floatp", 0.9, 0.62, width=0.14, y=0.66, height=0.3)
    assert decode([*tall, *small]).text == "00595,82"  # their size alone tells
    second_row = [entry("7", 0.9, 0.74, width=0.05, y=0.93, height=0.26)]
    raised = [entry("3", 0.9, 0.74, width=0.05, y=0.3, height=0.28)]
    before = [entry("1", 0.9, 0.03, width=0.04, y=0.66, height=0.28)]
    assert decode([*tall, *small, region, *second_row]).text == "00595,82"
    assert decode([*tall, *small, region, *raised]).text == "00595,82"
    assert decode([*before, *tall, *small, region]).text == "00595,82"


@pytest.mark.parametrize(
    ("centre", "width", "score", "text"),
    [
        (0.7, 0.3, 0.2, "00595825"),  # too weak
        (0.45, 0.88, 0.9, "00595825"),  # covers all
        (0.6, 0.1, 0.9, "00595,825"),  # ends too early
        (0.1, 0.1, 0.9, "00595825"),  # at the wrong end
        (0.95, 0.1, 0.9, "00595825"),  # behind the last digit
    ],
)
def test_odd_fraction_regions(centre, width, score, text):
    assert decode([*row("00595825"), entry("floatp", score, centre, width=width)]).text == text


def test_the_best_fraction_region_counts():
    regions = [entry("floatp", 0.5, 0.6, width=0.5), entry("floatp", 0.8, 0.75, width=0.2)]
    assert decode([*row("00595825"), *regions]).text == "005958,25"


@pytest.mark.parametrize(
    ("score", "comma"),
    [
        (0.85, Comma(5, pytest.approx(0.9820, abs=1e-4), 8)),
        (0.53, Comma(5, pytest.approx(0.5), 8)),
        (0.37, Comma(8, pytest.approx(0.8808, abs=1e-4), 5)),
    ],
)
def test_a_region_of_middling_score_leaves_the_comma_in_doubt(score, comma):
    assert decode([*row("00595825"), entry("floatp", score, 0.7, width=0.3)]).comma == comma


def test_without_a_region_the_comma_is_no_doubt():
    assert decode(row("123")).comma == Comma(3, 1.0, 3)
    # a region before the first wheel says nothing
    assert decode([*row("123"), entry("floatp", 0.4, 0.2, width=0.4)]).comma == Comma(3, 1.0, 3)
    point = entry("point", 0.7, 0.25, width=0.02, y=0.8, height=0.1)
    assert decode([*row("123"), point]).comma == Comma(2, 1.0, 3)


def test_decimal_point_of_a_display():
    point = entry("point", 0.7, 0.35, width=0.02, y=0.8, height=0.1)
    assert decode([*row("12345"), point]).text == "123,45"


def test_weak_wheels_are_dropped_and_the_best_digit_counts():
    entries = [*row("123"), entry("4", 0.2, 0.4)]
    assert decode(entries).text == "123"
    # the wheel is sure, its digit is not
    reading = decode([*row("123"), entry("_", 0.8, 0.4, d7=0.3, d8=0.2)])
    assert reading.text == "1237"
    assert reading.digits[3].score == pytest.approx(0.3)
    assert reading.digits[3].alternatives[0] == ("8", pytest.approx(0.2))


def test_of_two_boxes_in_a_column_the_better_counts():
    beside = [*row("123"), entry("8", 0.6, 0.21)]
    assert decode(beside).text == "123"
    above = [*row("123"), entry("5", 0.95, 0.2, y=0.3, height=0.4)]
    assert decode(above).text == "153"


def test_boxes_off_the_row_are_dropped():
    assert decode([*row("12345"), entry("8", 0.8, 0.7, y=0.95)]).text == "12345"
    assert decode([*row("12345"), entry("8", 0.8, 0.7, height=0.2)]).text == "12345"


def test_a_sloping_row_is_kept():
    entries = [entry(digit, 0.9, 0.1 * (place + 1), y=0.3 + 0.05 * place) for place, digit in enumerate("12345678")]
    assert decode(entries).text == "12345678"


def test_a_gap_is_filled_by_a_weak_wheel():
    entries = row("12345")
    entries[2] = entry("3", 0.15, 0.3)
    assert decode(entries).text == "12345"
    assert decode([*row("12"), *row("12345")[3:]]).text == "1245"  # nothing there to fill it
    assert decode([*row("12345"), entry("7", 0.15, 0.6)]).text == "12345"  # no gap at the end


def test_join_text():
    assert join_text("012", "") == "012"
    assert join_text("012", "3") == "012,3"


def test_the_region_of_a_row_leaves_room_at_its_ends_and_for_one_more_wheel():
    digits = decode([entry("1", 0.9, 0.4 + 0.1 * place, height=0.5) for place in range(6)]).digits
    np.testing.assert_allclose(row_regions(digits, ReadingSettings())[0], [0.325, 0.15, 0.975, 0.85], atol=1e-6)
    digits = decode([entry("1", 0.9, 0.2 + 0.1 * place, height=0.5) for place in range(6)]).digits
    np.testing.assert_allclose(row_regions(digits, ReadingSettings())[0], [0.125, 0.15, 0.875, 0.85], atol=1e-6)


def test_two_looks_share_the_scores_of_the_wheels_that_both_saw():
    first = decode([*row("123", 0.6)[:2], entry("3", 0.5, 0.3, d8=0.4), entry("floatp", 0.8, 0.3, width=0.1)])
    region = np.array([0.1, 0.0, 0.5, 1.0])
    # in the region, a wheel at x of the window stands at (x - 0.1) / 0.4; the first one lies outside
    second = decode([entry("2", 0.8, 0.25), entry("8", 0.9, 0.5, d3=0.1), entry("7", 0.4, 0.75)])
    merged = merge_rows(first, [second], [region], ReadingSettings())
    assert merged.text == "287"  # more speaks for the second look
    scores = [digit.score for digit in merged.digits]
    np.testing.assert_allclose(scores, [(0.6 + 0.8) / 2, (0.4 + 0.9) / 2, 0.4], atol=1e-6)
    assert merged.digits[1].alternatives[0] == ("3", pytest.approx(0.3))
    np.testing.assert_allclose(merged.digits[1].box[[0, 2]], [0.3 - 0.016, 0.3 + 0.016], atol=1e-6)


def test_what_one_look_alone_saw_keeps_its_score():
    first, nothing = decode(row("123")), decode_reading(np.zeros((0, 4)), np.zeros((0, 15)))
    merged = merge_rows(first, [nothing], [np.array([0.0, 0.0, 1.0, 1.0])], ReadingSettings())
    assert (merged.text, merged.score) == ("123", pytest.approx(0.9))
    assert merge_rows(nothing, [nothing], [np.array([0.0, 0.0, 1.0, 1.0])], ReadingSettings()).text == ""


def test_parts_of_a_row_hold_four_wheels_each():
    digits = decode([entry("1", 0.9, 0.1 * place, height=0.5) for place in range(1, 9)]).digits
    first, last = [0.04, 0.15, 0.46, 0.85], [0.44, 0.15, 0.86, 0.85]
    np.testing.assert_allclose(part_regions(digits, ReadingSettings(read_again_below=1.0)), [first, last], atol=1e-6)
    lefts = [region[0] for region in part_regions(digits[:7], ReadingSettings(read_again_below=1.0))]
    np.testing.assert_allclose(lefts, [0.04, 0.34], atol=1e-6)  # they overlap by one wheel
    assert (
        len(part_regions(digits[:5], ReadingSettings(read_again_below=1.0))) == 2
        and part_regions(digits[:4], ReadingSettings(read_again_below=1.0)) == []
    )


def test_parts_without_a_doubtful_digit_are_left_out():
    entries = [entry("1", 0.5 if place == 6 else 0.95, 0.1 * place, height=0.5) for place in range(1, 9)]
    digits = decode(entries).digits
    [region] = part_regions(digits, ReadingSettings(read_again_below=0.9))
    assert region[0] == pytest.approx(0.44)
    assert part_regions(digits, ReadingSettings(read_again_below=0.4)) == []


def test_parts_follow_a_sloping_row():
    digits = decode([entry("1", 0.9, 0.1 * place, y=0.4 + 0.02 * place, height=0.5) for place in range(1, 9)]).digits
    middles = [(region[1] + region[3]) / 2 for region in part_regions(digits, ReadingSettings(read_again_below=1.0))]
    np.testing.assert_allclose(middles, [0.45, 0.53], atol=1e-6)


def test_parts_change_the_scores_of_their_wheels_alone():
    whole = decode([*row("1234", 0.6)[:3], entry("4", 0.5, 0.4, d9=0.3), entry("floatp", 0.8, 0.35, width=0.16)])
    region = np.array([0.1, 0.0, 0.5, 1.0])
    # in the region, the wheel at 0.4 of the window stands at 0.75; what stands between wheels belongs to none
    part = decode([entry("3", 0.8, 0.5), entry("9", 0.9, 0.75), entry("7", 0.9, 0.99)])
    nothing = decode_reading(np.zeros((0, 4)), np.zeros((0, 15)))
    merged = merge_parts(whole, [part, nothing], [region, region], ReadingSettings())
    assert merged.text == "12,39"
    np.testing.assert_allclose([digit.score for digit in merged.digits], [0.6, 0.6, 0.7, 0.6], atol=1e-6)
    assert merge_parts(whole, [], [], ReadingSettings()).text == "12,34"


def test_a_display_with_room_behind_its_digits_is_looked_at_there():
    digits = decode(row("12345")).digits
    settings = ReadingSettings(end_wheels=3)
    [region] = end_regions(digits, settings)
    right = 0.5 + 0.1 * (settings.part_end_space + settings.room_behind)
    np.testing.assert_allclose(region, [0.3 - 0.06, 0.5 - 0.42, right, 0.5 + 0.42], atol=1e-6)
    assert end_regions(decode(row("123456789")).digits, settings)[0][2] == 1.0
    full = decode([entry("1", 0.9, 0.19 * place, width=0.15) for place in range(1, 6)]).digits
    assert end_regions(full, settings) == []


def end_of_display(*behind):
    """What the closer look sees in the region from 0.24 to 0.76, the digits 3, 4 and 5 at 0.3, 0.4, 0.5 first."""
    seen = [(label, 0.1 * int(label), 0.08, 0.6, 0.5) for label in "345"] + list(behind)
    return decode(
        [
            entry(label, 0.8, (x - 0.24) / 0.52, width=width / 0.52, height=height / 0.84, y=(y - 0.08) / 0.84)
            for label, x, width, height, y in seen
        ]
    )


def test_smaller_decimals_that_a_closer_look_sees_are_read_behind_a_comma():
    first, region = decode(row("12345")), np.array([0.24, 0.08, 0.76, 0.92])
    small = end_of_display(("6", 0.57, 0.04, 0.3, 0.65), ("7", 0.63, 0.04, 0.3, 0.65))
    merged = merge_ends(first, [small], [region], ReadingSettings(end_evidence=0.3))
    assert (merged.text, merged.comma.probability) == ("12345,67", 1.0)
    np.testing.assert_allclose([digit.score for digit in merged.digits], [0.9, 0.9, 0.85, 0.85, 0.85, 0.8, 0.8])
    np.testing.assert_allclose(merged.digits[-1].box, [0.61, 0.5, 0.65, 0.8], atol=1e-6)
    # as high as the others they are more of the whole units
    high = end_of_display(("6", 0.6, 0.08, 0.6, 0.5))
    assert merge_ends(first, [high], [region], ReadingSettings(end_evidence=0.3)).text == "123456"
    # a comma that was seen stays where it is
    with_comma = decode([*row("12345"), entry("floatp", 0.8, 0.5, width=0.1)])
    assert merge_ends(with_comma, [high], [region], ReadingSettings(end_evidence=0.3)).text == "1234,56"


def test_a_closer_look_that_sees_no_more_changes_nothing():
    first, region = decode(row("12345")), np.array([0.24, 0.08, 0.76, 0.92])
    assert merge_ends(first, [end_of_display()], [region], ReadingSettings(end_evidence=0.3)) is first
    assert merge_ends(first, [], [], ReadingSettings()) is first
