import numpy as np

from retinanet.datasets.records import ReadingKind
from retinanet.studies import same_readings
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
