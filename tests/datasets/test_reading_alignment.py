import numpy as np
import pytest

from deploy.recognition.geometry import rectangle_corners
from retinanet.datasets.importers import table_windows
from retinanet.datasets.importers.reading_alignment import Alignment, align_candidates
from retinanet.datasets.records import LabelledPhoto, LabelledWindow


def candidates(*found):
    """Boxes and scores of (digit, left, score), each 0.08 wide and 0.6 high, or with top and bottom behind."""
    boxes = [(left, *(rest or (0.2, 0.8))) for _, left, _, *rest in found]
    scores = np.full((len(found), 15), 0.01)
    for row, (digit, _, score, *_) in zip(scores, found, strict=True):
        row[digit] = score
    return np.array([(left, top, left + 0.08, bottom) for left, top, bottom in boxes]), scores


def test_weak_digits_are_carried_by_the_sure_ones():
    boxes, scores = candidates((1, 0.1, 0.9), (2, 0.2, 0.9), (3, 0.3, 0.03), (4, 0.4, 0.9), (5, 0.5, 0.9))
    found = align_candidates(boxes, scores, "12345")
    assert found.boxes[:, 0].tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert found.places == (0, 1, 2, 3, 4)
    assert found.score == pytest.approx((0.9**4 * 0.03) ** 0.2)


def test_what_is_no_part_of_the_reading_is_passed_over():
    # a raised zero before, a small second row below, a unit behind that looks like a 6
    boxes, scores = candidates(
        (0, 0.05, 0.9, 0.2, 0.4), (0, 0.2, 0.9), (7, 0.3, 0.9), (0, 0.33, 0.9, 0.82, 0.97), (7, 0.4, 0.9), (6, 0.6, 0.8)
    )
    assert align_candidates(boxes, scores, "077").boxes[:, 0].tolist() == [0.2, 0.3, 0.4]


def test_an_unknown_digit_gives_no_box_but_keeps_its_place():
    boxes, scores = candidates((1, 0.1, 0.9), (8, 0.2, 0.9), (3, 0.3, 0.9), (4, 0.4, 0.9))
    found = align_candidates(boxes, scores, "1?34")
    assert found.boxes[:, 0].tolist() == [0.1, 0.3, 0.4]
    assert found.places == (0, 2, 3)


@pytest.mark.parametrize("digits", ["55555", "123456", "12"])
def test_no_alignment(digits):
    boxes, scores = candidates((1, 0.1, 0.9), (3, 0.2, 0.9), (4, 0.9, 0.9), (7, 0.95, 0.004))
    assert align_candidates(boxes, scores, digits) is None


def test_nothing_found_at_all():
    assert align_candidates(np.zeros((0, 4)), np.zeros((0, 15)), "123") is None


def evenly(count, top=0.2, bottom=0.8):
    return np.array([[0.1 * place, top, 0.1 * place + 0.08, bottom] for place in range(1, count + 1)])


def test_wheels_get_the_region_of_their_fraction():
    labelled = table_windows.boxes_of(Alignment(evenly(4), (0, 1, 2, 3), 1.0), "12,34", digital=False)
    assert [label for _, label in labelled] == ["1", "2", "3", "4", "floatp"]
    assert labelled[-1][0].tolist() == pytest.approx([0.3, 0.2, 0.48, 0.8])


def test_displays_get_a_point_and_small_decimals_the_region_too():
    labelled = table_windows.boxes_of(Alignment(evenly(4), (0, 1, 2, 3), 1.0), "12,34", digital=True)
    assert [label for _, label in labelled] == ["1", "2", "3", "4", "point"]
    left, _, right, bottom = labelled[-1][0]
    assert (left + right) / 2 == pytest.approx(0.29) and bottom == pytest.approx(0.8)
    small = np.concatenate([evenly(2), evenly(4, top=0.5)[2:]])
    labelled = table_windows.boxes_of(Alignment(small, (0, 1, 2, 3), 1.0), "12,34", digital=True, shows_comma=False)
    assert [label for _, label in labelled] == ["1", "2", "3", "4", "floatp"]
    assert labelled[-1][0].tolist() == pytest.approx([0.3, 0.2, 0.48, 0.8])


def test_longest_run():
    assert table_windows.longest_run((0, 2, 3, 4, 6, 7)) == [1, 2, 3]
    assert table_windows.longest_run(()) == []


class Models:
    """Stage 2 finds the digits 1, 2, 3, 4 in the upper half of the window, whatever is cut out of it."""

    stage2_size = (128, 256)

    def __init__(self, finds=True):
        self.finds = finds

    def stage2(self, pictures):
        boxes, scores = candidates(*((digit, 0.2 * digit, 0.9, 0.1, 0.4) for digit in (1, 2, 3, 4)))
        return {"boxes": boxes[None], "class_scores": scores[None] * self.finds}


def photo(reading, label="digital", split="train"):
    window = LabelledWindow(rectangle_corners(200, 100) + 20, label, readings=(reading,))
    return LabelledPhoto("a.jpg", lambda: np.zeros((140, 240, 3), np.uint8), split, "a", (window,))


def test_a_low_row_is_shown_whole_and_by_itself_in_training_alone():
    [made] = table_windows.with_boxes([photo("1234")], Models())
    whole, row = made.windows
    assert [box.label for box in whole.boxes] == ["1", "2", "3", "4"]
    assert whole.corners.tolist() == photo("1234").windows[0].corners.tolist()
    assert row.corners[2, 1] - row.corners[0, 1] < 0.6 * 100
    [kept] = table_windows.with_boxes([photo("1234", split="validation")], Models())
    assert len(kept.windows) == 1


def test_beside_an_unknown_digit_the_run_of_known_ones_serves():
    [made] = table_windows.with_boxes([photo("?1234")], Models())
    [row] = made.windows
    assert row.readings == ("1234",)
    assert row.corners[0, 0] > 20  # the unknown digit lies left of what is cut out


def test_without_an_alignment_wheels_are_split_evenly_and_displays_give_nothing():
    [display] = table_windows.with_boxes([photo("1234")], Models(finds=False))
    assert display.windows == ()
    [wheels] = table_windows.with_boxes([photo("1234", "analog")], Models(finds=False))
    boxes = wheels.windows[0].boxes
    assert [box.label for box in boxes] == ["1", "2", "3", "4"]
    assert boxes[1].corners.mean(axis=0).tolist() == pytest.approx([20 + 200 * 1.5 / 4, 70])
