import zipfile

import h5py
import keras
import numpy as np
import pytest

from deploy.recognition.errors import UserError
from retinanet.export import shipped_weights
from retinanet.models.backbones import BACKBONES
from retinanet.models.checkpoints import load_model, save_atomically
from retinanet.models.half_weights import WEIGHTS_FILE, store_half
from retinanet.models.optimizers import AdamW
from retinanet.models.stage2 import Stage2RetinaNet
from tests.exported_models import SHIPPED
from tests.training.tiny_training import TINY, tiny_config


def rounded(weights):
    """What is left of weights that were stored as float16; one dimension stays exact."""
    return [value if value.ndim < 2 else value.astype(np.float16).astype(np.float32) for value in weights]


def stored_types(path):
    """The types of kernels and of the rest in a file."""
    kernels, others = set(), set()
    with zipfile.ZipFile(path) as archive, archive.open(WEIGHTS_FILE) as content, h5py.File(content) as file:

        def add(_, item):
            if isinstance(item, h5py.Dataset):
                (kernels if item.ndim > 1 else others).add(item.dtype.name)

        file.visititems(add)
    return kernels, others


def test_keras_reads_kernels_of_float16_as_float32(tmp_path):
    path = tmp_path / "model.keras"
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    kernel = np.array([[1 / 3, 1e-9], [1e6, -1e6]], np.float32)
    others = [np.full(2, value, np.float32) for value in (1 / 3, 1e-9, 1e6, 2e-9, 3e-9)]
    model.set_weights([kernel, *others])
    model.save(path)
    store_half(path)
    assert stored_types(path) == ({"float16"}, {"float32"})
    got = keras.models.load_model(path).get_weights()
    assert all(values.dtype == np.float32 for values in got)
    np.testing.assert_array_equal(got[0], [[np.float32(np.float16(1 / 3)), 0], [65504, -65504]])
    np.testing.assert_array_equal(got[1:], others)


@pytest.fixture
def state(monkeypatch, tmp_path):
    """The whole state of a tiny stage 2, and its model."""
    monkeypatch.setitem(BACKBONES, "tiny", TINY)
    model = Stage2RetinaNet(tiny_config(2))
    model.training_state = {"epochs_done": 3}
    model.compile(AdamW(1e-3))
    path = tmp_path / "state.keras"
    save_atomically(model, path)
    return path, model


def test_put_in_place_with_half_the_bytes(state, tmp_path, capsys):
    source, expected = state
    place = tmp_path / "place"
    target = place / "stage2.keras"
    shipped_weights.main(["--stage2", str(source), "--output", str(place)])
    assert capsys.readouterr().out == f"{target}: {target.stat().st_size / 1e6:.1f} MB\n"
    assert [path.name for path in place.iterdir()] == ["stage2.keras"] and stored_types(target)[0] == {"float16"}
    assert stored_types(source)[0] == {"float32"}
    model = load_model(target, 2)
    assert not model.compiled and model.model_config == expected.model_config
    for value, wanted in zip(model.get_weights(), rounded(expected.get_weights()), strict=True):
        np.testing.assert_array_equal(value, wanted)
    # a file that is in place already
    shipped_weights.main(["--stage2", str(target), "--output", str(place)])
    for value, wanted in zip(load_model(target, 2).get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_what_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        shipped_weights.main([])
    assert stop.value.code == 2 and "expected --stage1 FILE, --stage2 FILE or both" in capsys.readouterr().err
    with pytest.raises(UserError, match="a model of stage 2; expected one of stage 1"):
        shipped_weights.main(["--stage1", str(SHIPPED / "stage2.keras"), "--output", str(tmp_path)])
    assert not list(tmp_path.iterdir())
