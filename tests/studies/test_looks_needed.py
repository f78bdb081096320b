import types

import pytest

from deploy.recognition.settings import Settings
from retinanet.datasets.records import ReadingKind
from retinanet.studies import looks_needed
from retinanet.studies.labelled_photos import read_in_turn
from tests import fake_meters
from tests.fake_readers import FakePhoto, FakeReader
from tests.recognition.test_meter_reader import CORNERS


@pytest.mark.parametrize(
    ("left_out", "looks"),
    [
        # the whole photo and zoomed; the window, two in the mirror, the row and both its halves
        (looks_needed.AS_IT_IS, [2, 6]),
        ("in a mirror", [2, 4]),
        ("parts of the row", [2, 4]),
        ("the row and its parts", [2, 3]),
        ("tiles", [2, 6]),
    ],
)
def test_looks_are_counted_and_left_out(left_out, looks):
    models = fake_meters.models(digit_score=0.85)
    settings = looks_needed.without_one_kind(fake_meters.settings())
    reader = looks_needed.CountingReader(models, settings[left_out])
    reader.read(fake_meters.meter_photo(CORNERS))
    assert reader.looks == looks


def test_each_kind_is_another_setting():
    kinds = looks_needed.without_one_kind(Settings())
    assert kinds[looks_needed.AS_IT_IS] == Settings() and len(set(kinds.values())) == len(kinds) == 9


def test_changed_texts_by_set_lost_and_won():
    texts = {looks_needed.AS_IT_IS: ["01", "02", "03"], "tiles": ["01", "20", "33"]}
    readers = {name: FakeReader(read, [0.1] * 3) for name, read in texts.items()}
    outcomes = read_in_turn(readers, [(FakePhoto(text), ReadingKind.DIGITS) for text in ("01", "02", "33")])
    counted = {name: types.SimpleNamespace(looks=looks) for name, looks in zip(texts, ([9, 8], [7, 8]), strict=True)}
    heading, first, tiles = looks_needed.table(counted, {"one": 1, "other": 2}, outcomes)
    assert heading == ["without", "stage 1", "stage 2", "changed in one", "changed in other", "lost", "won"]
    assert first == ["as it is", "9", "8", "0", "0", "0", "0"]
    assert tiles == ["tiles", "7", "8", "0", "2", "1", "1"]
