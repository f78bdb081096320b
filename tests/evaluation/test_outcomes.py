import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import evaluate as script
from deploy.recognition import exported_models
from deploy.recognition.errors import UserError
from deploy.recognition.photo_files import read_photo
from deploy.recognition.recognition import Recognition
from retinanet.datasets.records import LabelledPhoto, LabelledWindow, ReadingKind
from retinanet.datasets.sources import MEASURED, Measure, Request
from retinanet.evaluation import outcomes
from retinanet.evaluation.failure_causes import cause
from retinanet.evaluation.failure_pictures import failures_into
from retinanet.evaluation.page import page
from retinanet.evaluation.tables import (
    Figure,
    all_tables,
    confusion,
    median,
    rows_by_rotation,
    rows_by_wheels,
    rows_of_confidence,
    rows_of_integer_confidence,
    share,
)
from retinanet.evaluation.text import score_text
from retinanet.evaluation.windows import WindowScore
from tests import fake_meters

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
        corners = self.corners(photo) if self.corners else None
        return Recognition(
            success=bool(self.text),
            reason="" if self.text else "no_meter",
            text=self.text,
            counter_class="analog",
            corners=corners,
            seconds={"total": 0.1},
        )


REQUEST = Request((Path("folder"),))


def result(
    text, right, *, source="own", name="a.jpg", turns=0, confidence=0.5, iou=0.9, kind=ReadingKind.DIGITS, **others
):
    """A result as evaluate() makes it."""
    success = bool(text)
    return outcomes.Outcome(
        source=source,
        name=name,
        group=name,
        turns=turns,
        right=right,
        window=WindowScore(iou, iou > 0.75, 10.0),
        class_right=True,
        score=score_text(text, right, kind),
        recognition=Recognition(
            success=success,
            reason=others.pop("reason", "") if success else others.pop("reason", "no_meter"),
            text=text,
            confidence=confidence if success else 0.0,
            seconds={"total": 0.1},
            **others,
        ),
    )


@pytest.fixture
def source(monkeypatch):
    window = LabelledWindow(CORNERS, "analog", readings=("0012", "0013"))
    photos = [LabelledPhoto("a.jpg", blank_photo, split, split, (window,)) for split in ("train", "test")]
    monkeypatch.setitem(MEASURED, "mbarira", Measure(lambda request: photos))
    return "mbarira"


@pytest.mark.parametrize("turns", range(4))
def test_labels_turn_with_the_photo(source, turns):
    def found(photo):
        rows, columns = np.nonzero(photo[..., 0])
        assert abs(photo.shape[0] / photo.shape[1] - (70 / 110 if turns % 2 == 0 else 110 / 70)) < 1e-6
        left, top, right, bottom = columns.min() - 5, rows.min() - 3, columns.max() + 6, rows.max() + 4
        upright = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
        return np.roll(upright, turns, axis=0)

    (found_one,) = outcomes.evaluate(Reader("0013", found), source, REQUEST, "test", turns)
    assert found_one.text_right and found_one.class_right
    assert found_one.window.iou > 0.6
    assert found_one.window.found == (found_one.window.iou > 0.75)


def test_corner_error_is_in_per_cent_of_the_windows_height(source):
    moved = Reader("0012", lambda photo: CORNERS + (0, 1.6))
    (found,) = outcomes.evaluate(moved, source, REQUEST, "test")
    assert found.window.corner_error == pytest.approx(10, abs=0.1)


def test_wrong_first_corner_is_no_window_and_wrong_text_is_drawn(source, tmp_path):
    reader = Reader("9912", lambda photo: np.roll(CORNERS, 2, axis=0))
    (found,) = outcomes.evaluate(reader, source, REQUEST, "test", draw=failures_into(tmp_path))
    assert found.window.iou == pytest.approx(1)
    assert not found.window.found
    assert not found.text_right
    assert found.pictures == ("mbarira_0_a.jpg", "mbarira_0_a_window.jpg")
    window = read_photo(tmp_path / "mbarira_0_a_window.jpg")
    assert window.shape[0] == 96
    assert window[48, window.shape[1] // 2].min() > 200  # the bright field lies in its middle


def test_no_window_shows_the_labelled_one(source, tmp_path):
    (found,) = outcomes.evaluate(Reader(""), source, REQUEST, "test", draw=failures_into(tmp_path))
    assert found.window.iou == 0 and np.isnan(found.window.corner_error)
    assert found.pictures == ("mbarira_0_a.jpg", "mbarira_0_a_window.jpg")
    assert found.to_dict()["corner_error"] is None


def test_a_split_without_photos(source):
    with pytest.raises(UserError, match="mbarira has no labelled photos in the split validation"):
        outcomes.evaluate(Reader(""), source, REQUEST, "validation")


def test_digits_read_without_a_meter_are_failures(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(blank_photo()).save(folder / "a.png")
    (wrong,) = outcomes.evaluate_without_meter(Reader("123"), folder, 1, draw=failures_into(tmp_path / "failures"))
    assert not wrong.text_right and wrong.pictures == ("no_meter_90_a.jpg",)
    assert cause(wrong) == "digits read without a meter"
    (right,) = outcomes.evaluate_without_meter(Reader(""), folder)
    assert right.text_right
    table = all_tables([wrong, right])
    assert [title for title, _, _ in table] == ["Photos without a meter"]
    assert [row[2].split()[0] for row in table[0][2]] == ["100.0", "0.0"]


def test_share_and_median():
    assert str(share(97, 100)) == "97.0 (91.5-99.0)"
    # four views of each of 25 photos are no 100 photos
    assert share(97, 100, 25).low == pytest.approx(share(24, 25).low)
    assert str(share(0, 0)) == "-"
    assert str(Figure(float("nan"), 0, 0)) == "-"
    figure = median([float("nan"), *range(101)])
    assert figure.value == 50
    assert (figure.low, figure.high) == (40, 61)
    assert str(median([])) == "-"


def test_rows_count_shares():
    results = [
        result("0012", ("0012",)),
        result("0013", ("0012",), name="b.jpg", iou=0.5),
        result("0012", ("0012",), turns=1),
        result("00345", ("00345",), name="c.jpg", turns=1),
    ]
    first, second = rows_by_rotation(results)
    assert first[:3] == ("own 0 deg", "2", "50.0 (9.5-90.5)")
    assert first[5].split()[0] == "87.5" and first[7].split()[0] == "50.0"
    assert first[8].split()[0] == "100.0" and first[9] == "100"
    assert second[0] == "own 90 deg" and second[7].split()[0] == "100.0"
    assert [row[0] for row in rows_by_wheels(results)] == ["4 wheels", "5 wheels"]


def test_confidence_rows():
    results = [result("1", ("1",), name=f"{index}", confidence=0.9) for index in range(9)]
    results.append(result("", ("1",), name="none"))
    ((name, photos, answered, best, accepted, error, within),) = rows_of_confidence(results)
    assert (name, photos, answered.split()[0], best.split()[0]) == ("own", "10", "90.0", "100.0")
    assert (accepted, error, within.split()[0]) == ("90.0", "0.100", "100.0")
    near = [result("13", ("12",), name="near", confidence=0.9), result("15", ("12",), name="far", confidence=0.9)]
    assert rows_of_confidence(near)[0][3].split()[0] == "0.0" and rows_of_confidence(near)[0][6].split()[0] == "50.0"
    both = rows_of_confidence([*results, result("2", ("1",), source="other", confidence=0.9)])
    assert [row[0] for row in both] == ["own", "other", "all sets"]


def test_the_confidence_of_the_digits_before_the_comma_has_rows_of_its_own():
    results = [result("12,3", ("12,4",), confidence=0.2, confidence_integer=0.9)]
    ((_, _, _, best, _, error),) = rows_of_integer_confidence(results)
    assert (best.split()[0], error) == ("100.0", "0.100")


def test_confusion_counts_pairs():
    counts = confusion([result("0012", ("0013",)), result("012", ("0013",), name="b")])
    assert counts["3", "2"] == 2 and counts["0", ""] == 1 and counts["1", "1"] == 2


@pytest.mark.parametrize(
    ("text", "right", "options", "expected"),
    [
        ("", "0012", {}, "no window found"),
        ("", "0012", {"reason": "illegible"}, "taken for illegible"),
        ("0013", "0012", {"iou": 0.2}, "window in the wrong place"),
        ("00,12", "001,2", {}, "comma"),
        ("012", "0012", {}, "a wheel missing or made up"),
        ("0024", "0012", {}, "several digits"),
        ("0010", "0019", {}, "last wheel, its neighbour read"),
        ("0112", "0012", {}, "a wheel before the last, its neighbour read"),
        ("0017", "0012", {}, "last wheel, another digit read"),
        ("0512", "0012", {}, "a wheel before the last, another digit read"),
    ],
)
def test_causes(text, right, options, expected):
    assert cause(result(text, (right,), **options)) == expected


def test_page_shows_the_sure_and_wrong_first():
    results = [
        result("0011", ("0012",), name="unsure.jpg", confidence=0.2),
        result("0,018", ("0,012",), name="sure.jpg", confidence=0.9),
        result("0012", ("0012",), name="right.jpg"),
    ]
    text = page(results, ["chart.png"])
    assert "2 failures by cause" in text and "<img src='chart.png'" in text
    assert text.index("sure.jpg, turned") < text.index("unsure.jpg, turned")
    assert "right.jpg" not in text
    assert "0,01<mark>8</mark>" in text


def test_script_writes_a_report(monkeypatch, tmp_path, capsys):
    corners = fake_meters.turned_corners((620, 400), 300, 75, 12)
    photo = fake_meters.meter_photo(corners)
    windows = [LabelledWindow(corners, "analog", readings=(text,)) for text in ("12305,678", "12305,679")]
    photos = [LabelledPhoto(f"{n}.jpg", lambda: photo, "test", str(n), (window,)) for n, window in enumerate(windows)]
    monkeypatch.setitem(MEASURED, "mbarira", Measure(lambda request: photos))
    monkeypatch.setattr(exported_models, "load_models", lambda folder: fake_meters.models())
    folder = tmp_path / "no_meter"
    folder.mkdir()
    Image.fromarray(np.full((100, 100, 3), 128, np.uint8)).save(folder / "grey.png")
    output = tmp_path / "report"
    script.main(["mbarira", str(tmp_path), "--turns", "0", "1", "--no_meter", str(folder), "--output", str(output)])
    printed = capsys.readouterr().out
    assert "mbarira 90 deg" in printed and "no meter 0 deg" in printed
    results = json.loads((output / "results.json").read_text())
    assert [entry["text_right"] for entry in results] == [True, False, True] * 2
    page_text = (output / "index.html").read_text()
    assert "12305,67<mark>8</mark>" in page_text
    for name in (
        "failures/mbarira_0_1.jpg",
        "failures/mbarira_90_1_window.jpg",
        "risk_coverage.png",
        "reliability.png",
    ):
        assert name in page_text
        assert read_photo(output / name).ndim == 3


@pytest.mark.parametrize("argv", [[], ["mbarira"], ["nonsense", "."], ["mbarira", "missing"], ["mbarira", ".", "own"]])
def test_script_refuses_odd_sets(argv, capsys):
    with pytest.raises(SystemExit) as error:
        script.parse_args(argv)
    assert error.value.code == 2
    assert "error:" in capsys.readouterr().err
