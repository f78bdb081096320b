import math

import numpy as np
import pytest
from PIL import Image

from deploy.recognition.errors import UserError
from retinanet.evaluation.confusion_picture import draw_matrices
from retinanet.evaluation.windows import Windows, class_counts, confusion_matrix, match, mean_corner_error


def windows(*entries):
    """Windows 100 x 40, each (left, class) or (left, class, score)."""
    corners = [np.array([[left, 0], [left + 100, 0], [left + 100, 40], [left, 40]]) for left, *_ in entries]
    return Windows(
        np.array(corners, np.float32).reshape(-1, 4, 2),
        np.array([entry[1] for entry in entries], int),
        np.array([(*entry, 1.0)[2] for entry in entries], float),
    )


NONE = windows()


def test_overlap_decides_and_the_threshold_itself_is_not_enough():
    # shifted by 10 of 100: 90 in common of 110
    pair = (windows((0, 0)), windows((10, 0)))
    assert match(*pair, min_iou=0.75) == [(0, 0)]
    assert match(*pair, min_iou=0.9) == []
    assert match(windows((0, 0)), windows((0, 0)), min_iou=1.0) == []


def test_pairs_are_one_to_one_and_the_best_score_chooses_first():
    labelled = windows((0, 0))
    assert match(labelled, windows((0, 0, 0.4), (2, 0, 0.9)), 0.75) == [(0, 1)]
    several = windows((0, 0), (200, 1))
    assert sorted(match(several, windows((205, 1, 0.5), (3, 0, 0.6)), 0.75)) == [(0, 1), (1, 0)]


def test_every_kind_of_case_has_its_cell():
    photos = [
        (windows((0, 0), (200, 1)), windows((0, 0), (200, 0, 0.8))),  # one right, one of the wrong class
        (windows((0, 1)), windows((60, 1))),  # beside it: missed, and a false alarm
        (NONE, windows((0, 0))),
        (NONE, NONE),
        (windows((0, 0)), NONE),
    ]
    matrix = confusion_matrix(photos, class_count=2, min_iou=0.75)
    np.testing.assert_array_equal(matrix, [[1, 0, 1], [1, 0, 1], [1, 1, 1]])
    analog, digital = class_counts(matrix)
    assert (analog.true_positives, analog.false_positives, analog.false_negatives, analog.true_negatives) == (
        1,
        2,
        1,
        3,
    )
    assert (digital.true_positives, digital.false_positives) == (0, 1)
    assert (digital.false_negatives, digital.true_negatives) == (2, 4)
    assert analog.precision == pytest.approx(1 / 3)
    assert analog.recall == pytest.approx(1 / 2)
    assert analog.f1 == pytest.approx(2 * 1 / (2 + 2 + 1))
    assert digital.f1 == 0


def test_what_was_never_there_has_no_share():
    (analog,) = class_counts(confusion_matrix([(NONE, NONE)], 1, 0.75))
    assert analog.true_negatives == 1
    assert math.isnan(analog.precision) and math.isnan(analog.recall) and math.isnan(analog.f1)
    assert math.isnan(mean_corner_error([(NONE, windows((0, 0)))]))


def test_corner_error_is_in_per_cent_of_the_height_and_counts_a_wrong_start():
    assert mean_corner_error([(windows((0, 0)), windows((10, 1)))]) == pytest.approx(25)
    turned = windows((0, 0))
    turned = Windows(np.roll(turned.corners, 2, axis=1), turned.classes, turned.scores)
    assert mean_corner_error([(windows((0, 0)), turned)]) == pytest.approx(100 * math.hypot(100, 40) / 40)
    assert math.isnan(mean_corner_error([(windows((0, 0)), windows((90, 0)))]))


def test_the_picture_darkens_with_the_share_of_the_row(tmp_path):
    path = tmp_path / "new" / "matrix.png"
    draw_matrices(path, [("a", np.array([[8, 2], [0, 0]])), ("b", np.zeros((2, 2), int))], ["analog"])
    picture = np.asarray(Image.open(path).convert("RGB"), int)
    assert picture.shape[1] == 2 * (170 + 2 * 112 + 28)
    corner = 118 + 8
    full, few = picture[corner, 170 + 8], picture[corner, 170 + 112 + 8]
    assert full.sum() < few.sum() < 3 * 255
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        draw_matrices(tmp_path / "file" / "x.png", [("a", np.zeros((2, 2), int))], ["analog"])
