import types
from pathlib import Path

import numpy as np
import pytest

from deploy.recognition.errors import UserError
from retinanet.datasets.records import ReadingKind
from retinanet.datasets.sources import Request
from retinanet.studies import labelled_photos, same_readings
from retinanet.studies.labelled_photos import read_in_turn
from tests.fake_readers import FakePhoto, FakeReader


def test_what_is_the_same_lost_and_won():
    readers = {
        "first": FakeReader(["01", "02", "03"], [0.1, 0.2, 0.3], [0.9, 0.8, 0.7]),
        "other": FakeReader(["01", "20", "33"], [0.2, 0.1, 0.1], [0.8, 0.8, 0.7]),
    }
    outcomes = read_in_turn(readers, [(FakePhoto(text), ReadingKind.DIGITS) for text in ("01", "02", "33")])
    _, first, other = same_readings.table(outcomes)
    assert first == ["first", "2 of 3, 66.7%", "20.8-93.9", "3, 100.0%", "0", "0", "0.000", "200.0"]
    assert other == ["other", "2 of 3, 66.7%", "20.8-93.9", "1, 33.3%", "1", "1", "0.100", "100.0"]


def outcomes_of(count, differ, wrong):
    """Returns the outcomes of two readers: the other differs on some photos, and has some of those wrong."""
    texts = ["01"] * count
    # a comma more is another text that is right all the same where labels tell no comma
    other = ["02"] * wrong + ["0,1"] * (differ - wrong) + ["01"] * (count - differ)
    readers = {"first": FakeReader(texts, [0.1] * count), "other": FakeReader(other, [0.1] * count)}
    return read_in_turn(readers, [(FakePhoto(text), ReadingKind.DIGITS) for text in texts])


@pytest.mark.parametrize(
    ("differ", "wrong", "expected"),
    [
        (0, 0, []),
        (2, 1, []),
        (3, 1, ["other: reads 98.5 % the same, expected at least 99 % (of 200 photos, against first)"]),
        (2, 2, ["other: loses 1.0 points of right texts, expected at most 0.5 (of 200 photos, against first)"]),
    ],
)
def test_who_falls_short(differ, wrong, expected):
    outcomes = outcomes_of(200, differ, wrong)
    assert same_readings.shortfalls(outcomes, 99, 0.5) == expected
    assert same_readings.shortfalls(outcomes, 90, 5) == []


def test_sets_without_readings_are_left_out_and_equal_sources_told_apart(monkeypatch):
    labelled = {"A": [FakePhoto("01")], "B": [FakePhoto("02"), FakePhoto(None)], "C": [FakePhoto(None)]}
    labelled["B"][1].windows[0].readings = labelled["C"][0].windows[0].readings = ()
    requests = [("photos", "A"), ("photos", "B"), ("chongqing", "C")]
    requests = [(name, Request((Path(path),))) for name, path in requests]
    monkeypatch.setattr(labelled_photos.command_line, "labelled_sets", lambda parser, sets: requests)
    monkeypatch.setattr(labelled_photos, "photos_of", lambda name, request, split: labelled[str(request.paths[0])])
    args = types.SimpleNamespace(sets=["..."], split="validation")
    found = labelled_photos.chosen_by_set(None, args)
    assert {name: [photo for photo, _ in photos] for name, photos in found.items()} == {
        "photos A": labelled["A"],
        "photos B": labelled["B"][:1],
    }
    assert labelled_photos.chosen(None, args) == [*found["photos A"], *found["photos B"]]
    requests[:2] = []
    with pytest.raises(UserError, match="no readings in the split validation"):
        labelled_photos.chosen(None, args)


def test_tables_of_all_sets_and_each_and_the_exit_status(monkeypatch, capsys):
    kind = ReadingKind.DIGITS
    sets = {"mbarira": [(FakePhoto("01"), kind)], "chongqing": [(FakePhoto("02"), kind), (FakePhoto("03"), kind)]}
    texts = {"a": ["01", "02", "03"], "b": ["01", "02", "09"]}
    monkeypatch.setattr(same_readings.labelled_photos, "chosen_by_set", lambda parser, args: sets)
    monkeypatch.setattr(same_readings, "load_models", lambda folder: str(folder))
    # the first one reads each photo twice: as it is, and saved anew
    monkeypatch.setattr(same_readings, "SavedAnew", lambda reader: FakeReader(texts["a"], [0.1] * 3))
    monkeypatch.setattr(same_readings, "MeterReader", lambda name: FakeReader(texts[name], [0.1] * 3))
    command = ["mbarira", "X", "chongqing", "Y", "--models", "a", "b"]
    assert same_readings.main(command) == 1
    found = capsys.readouterr()
    lines = found.out.splitlines()
    assert [line for line in lines if line.endswith("photos")] == [
        "all sets together, 3 photos",
        "mbarira, 1 photos",
        "chongqing, 2 photos",
    ]
    assert [line.split(" | ")[3] for line in lines if line.startswith("| b |")] == ["2, 66.7%", "1, 100.0%", "1, 50.0%"]
    assert found.err.startswith("b: reads 66.7 % the same, expected at least 99 %; loses 33.3 points of right texts")
    assert same_readings.main([*command, "--min_same", "60", "--max_lost", "40"]) == 0
    assert capsys.readouterr().err == ""


def test_nothing_alike():
    outcomes = read_in_turn(
        {"first": FakeReader(["1"], [0.1]), "other": FakeReader(["2"], [0.1])}, [(FakePhoto("1"), ReadingKind.DIGITS)]
    )
    assert same_readings.table(outcomes)[2][3:7] == ["0, 0.0%", "1", "0", "-"]


def test_a_photo_saved_anew_keeps_its_colours():
    photo = np.zeros((32, 32, 3), np.uint8)
    photo[..., 0] = 200
    reader = FakeReader(["1"], [0.1])
    same_readings.SavedAnew(reader).read(photo)
    np.testing.assert_allclose(reader.photos[0].mean(axis=(0, 1)), [200, 0, 0], atol=3)
