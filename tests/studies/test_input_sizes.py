import numpy as np
import pytest

from deploy.recognition.confidence import ConfidenceModel
from deploy.recognition.errors import UserError
from retinanet.config import STAGE1, STAGE2
from retinanet.datasets.records import ReadingKind
from retinanet.datasets.sources import MEASURED, Measure
from retinanet.models.checkpoints import load_model
from retinanet.studies import input_sizes
from retinanet.studies.labelled_photos import read_in_turn
from tests.exported_models import SHIPPED
from tests.fake_readers import FakePhoto, FakeReader


def test_the_same_weights_at_another_size():
    model = load_model(SHIPPED / "stage2.keras", 2)
    wider = input_sizes.at_size(model, 256, 512)
    assert (wider.model_config.input_height, wider.model_config.input_width) == (256, 512)
    assert wider.model_config.anchor_sizes == model.model_config.anchor_sizes
    assert wider.model_config.strides == model.model_config.strides
    for before, after in zip(model.get_weights(), wider.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    images = np.random.default_rng(1).uniform(0, 255, (1, 128, 256, 3)).astype(np.float32)
    again = input_sizes.at_size(wider, 128, 256)
    np.testing.assert_allclose(again.forward(images)["box"], model.forward(images)["box"], atol=1e-4)


def test_one_stage_changes_at_a_time(monkeypatch):
    class Model:
        def __init__(self, config):
            self.model_config = config

    monkeypatch.setattr(input_sizes, "openvino_detector", lambda model: model)
    monkeypatch.setattr(input_sizes, "at_size", lambda model, height, width: (height, width))
    side = STAGE1.input_height
    sizes = (((side, side), (192, 192)), ((96, 192),))
    readers = input_sizes.variants((Model(STAGE1), Model(STAGE2)), sizes, ConfidenceModel())
    assert list(readers) == ["chosen", "stage 1 at 192 x 192", "stage 2 at 192 x 96"]
    chosen, smaller_first, smaller_second = (reader.models for reader in readers.values())
    assert (chosen.stage1_size, chosen.stage2_size) == (side, (128, 256))
    assert (smaller_first.stage1, smaller_first.stage1_size, smaller_first.stage2) == ((192, 192), 192, chosen.stage2)
    assert (smaller_second.stage2, smaller_second.stage2_size) == ((96, 192), (96, 192))
    assert smaller_second.stage1 is chosen.stage1


def test_table():
    readers = {
        "chosen": FakeReader(["0012,5", "7"], [0.1, 0.2]),
        "smaller": FakeReader(["0012,5", "0034"], [0.05, 0.1]),
    }
    outcomes = read_in_turn(
        readers, [(FakePhoto("0012,5"), ReadingKind.DIGITS), (FakePhoto("0034"), ReadingKind.DIGITS)]
    )
    table = input_sizes.table(outcomes)
    assert table[1] == ["chosen", "1 of 2, 50.0%", "9.5-90.5", "75.0", "37.5", "150.0", "1.00"]
    assert table[2] == ["smaller", "2 of 2, 100.0%", "34.2-100.0", "37.5", "18.8", "75.0", "0.50"]


def test_a_split_without_photos(monkeypatch, tmp_path):
    monkeypatch.setitem(MEASURED, "mbarira", Measure(lambda request: []))
    with pytest.raises(UserError, match="no labelled photos in the split validation"):
        input_sizes.main(["mbarira", str(tmp_path)])
