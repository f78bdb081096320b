import numpy as np
import pytest

from deploy.recognition.geometry import rectangle_corners
from retinanet.datasets.importers import table_windows
from retinanet.datasets.importers.reading_alignment import Alignment, align_candidates, align_window, straightened
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


def test_digits_of_a_display_become_even_cells():
    places = (0, 1, 3, 4, 5)
    cells = np.array([[0.1 * place, 0.2 + 0.01 * place, 0.1 * place + 0.08, 0.8 + 0.01 * place] for place in places])
    found = cells.copy()
    found[1, 0] += 0.03  # a 1 at the right of its cell
    found[3, ::2] += (-0.02, 0.02)  # a blurred digit
    found[4, 1] -= 0.05
    np.testing.assert_allclose(straightened(found, places), cells, atol=1e-9)
    wide = cells + [-0.02, 0, 0.02, 0]
    np.testing.assert_allclose(straightened(wide, places)[:, 2] - straightened(wide, places)[:, 0], 0.095, atol=1e-9)


def test_digits_that_do_not_stand_evenly_stay_as_they_are():
    found = evenly(5)
    found[4, ::2] += 0.04
    assert straightened(found, (0, 1, 2, 3, 4)) is found
    assert len(straightened(found[:2], (0, 1))) == 2


class SmallDecimals:
    """Stage 2 sees the whole units 1 2 3 4 of a window of 200 x 100 pixels alone, and the decimals 5 6 half as high
    where it is shown the window's right end and no more."""

    stage2_size = (128, 256)
    digits = {"1": (20, 20, 36, 80), "2": (40, 20, 56, 80), "3": (60, 20, 76, 80), "4": (80, 20, 96, 80)}
    decimals = {"5": (104, 50, 112, 80), "6": (114, 50, 122, 80)}

    def stage2(self, pictures):
        grey = pictures[0][..., 0].astype(float)
        # columns and rows of the photo are written into the picture
        columns, rows = pictures[0][..., 0].mean(axis=0), pictures[0][..., 1].mean(axis=1)
        seen = {**self.digits, **(self.decimals if columns[-1] - columns[0] < 80 else {})}
        boxes, scores = [], np.zeros((len(seen), 15))
        for number, (label, (left, top, right, bottom)) in enumerate(seen.items()):
            x = np.interp([left + 20, right + 20], columns, np.arange(grey.shape[1]) / grey.shape[1])
            y = np.interp([top + 20, bottom + 20], rows, np.arange(grey.shape[0]) / grey.shape[0])
            boxes.append([x[0], y[0], x[1], y[1]])
            scores[number, int(label)] = 0.9 * (x[1] > x[0] + 0.01)
        return {"boxes": np.array(boxes)[None], "class_scores": scores[None]}


def test_smaller_decimals_are_found_in_a_closer_look_behind_the_units():
    photo = np.zeros((140, 240, 3), np.uint8)
    photo[..., 0], photo[..., 1] = np.arange(240)[None], np.arange(140)[:, None]
    found = align_window(photo, rectangle_corners(200, 100) + 20, "1234,56", SmallDecimals())
    assert found.places == (0, 1, 2, 3, 4, 5)
    np.testing.assert_allclose(found.boxes[-1] * [200, 100, 200, 100], SmallDecimals.decimals["6"], atol=2)
    found = align_window(photo, rectangle_corners(200, 100) + 20, "1234,78", SmallDecimals())
    assert found.places == (0, 1, 2, 3)
