import numpy as np
import pytest

from deploy.recognition.pipeline import Recognition
from retinanet import evaluation
from retinanet.datasets.records import LabelledPhoto, LabelledWindow

CORNERS = np.array([[20, 30], [80, 34], [79, 50], [19, 46]], np.float32)


def blank_photo():
    photo = np.zeros((70, 110, 3), np.uint8)
    photo[33:46, 25:75] = 255
    return photo


class Reader:
    """Finds the window by its brightness, the first corner at the given number, and reads the same text always."""

    def __init__(self, text, corners=None):
        self.text = text
        self.corners = corners

    def read(self, photo):
        assert photo.flags["C_CONTIGUOUS"]
        return Recognition(success=True, text=self.text, corners=self.corners(photo), seconds={"total": 0.1})


@pytest.fixture
def source(monkeypatch):
    window = LabelledWindow(CORNERS, "analog", readings=("0012", "0013"))
    photos = [LabelledPhoto("a.jpg", blank_photo, split, split, (window,)) for split in ("train", "test")]
    monkeypatch.setitem(evaluation.SOURCES, "own", evaluation.Source(lambda path: photos))
    return "own"


@pytest.mark.parametrize("turns", range(4))
def test_labels_turn_with_the_photo(source, turns, tmp_path):
    def found(photo):
        rows, columns = np.nonzero(photo[..., 0])
        assert abs(photo.shape[0] / photo.shape[1] - (70 / 110 if turns % 2 == 0 else 110 / 70)) < 1e-6
        left, top, right, bottom = columns.min() - 5, rows.min() - 3, columns.max() + 6, rows.max() + 4
        upright = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        return np.roll(upright, turns, axis=0)

    (result,) = evaluation.evaluate(Reader("0013", found), source, None, "test", turns)
    assert result.text_right
    assert result.iou > 0.6
    assert result.window_found == (result.iou > 0.75)


def test_wrong_first_corner_is_no_window_and_wrong_text_is_drawn(source, tmp_path):
    reader = Reader("9912", lambda photo: np.roll(CORNERS, 2, axis=0))
    (result,) = evaluation.evaluate(reader, source, None, "test", failures=tmp_path)
    assert result.iou == pytest.approx(1)
    assert not result.window_found
    assert not result.text_right
    assert [path.name for path in tmp_path.iterdir()] == ["own_0_a__0012.jpg"]


def test_table_counts_shares(source):
    right = evaluation.evaluate(Reader("0012", lambda photo: CORNERS), source, None, "test")
    wrong = evaluation.evaluate(Reader("", lambda photo: CORNERS), source, None, "test")
    line = evaluation.table([("own", [*right, *wrong])]).splitlines()[1]
    assert line.split() == ["own", "2", "100.0%", "50.0%", "100"]
