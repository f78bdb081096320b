import dataclasses

import keras
import numpy as np
import pytest

from retinanet.config import STAGE1
from retinanet.models.backbones import BACKBONES, pyramid_backbone


def small(name, **changes):
    return dataclasses.replace(STAGE1, backbone=name, input_height=64, input_width=96, frozen_until="", **changes)


@pytest.fixture(scope="module", params=BACKBONES)
def backbone(request):
    return pyramid_backbone(small(request.param))


def test_levels_have_strides_of_8_16_and_32(backbone):
    features = backbone(np.zeros((2, 64, 96, 3), np.float32))
    assert {level: tuple(feature.shape[:3]) for level, feature in features.items()} == {
        "P3": (2, 8, 12),
        "P4": (2, 4, 6),
        "P5": (2, 2, 3),
    }


def test_pixels_reach_the_network_between_minus_one_and_one(backbone):
    scaling = next(layer for layer in backbone.layers if isinstance(layer, keras.layers.Rescaling))
    scaled = np.asarray(scaling(np.array([[[[0.0, 127.0, 255.0]]]], np.float32)))[0, 0, 0]
    assert np.allclose(scaled, (-1, 0, 1), atol=0.01)


def test_weights_are_loaded_and_frozen_up_to_a_layer(tmp_path):
    network = BACKBONES["mobilenet_v2"].build()
    network.save_weights(tmp_path / "some.weights.h5")
    config = small("mobilenet_v2")
    frozen = dataclasses.replace(config, frozen_until="block_2_add")
    loaded = pyramid_backbone(frozen, tmp_path / "some.weights.h5")
    free = pyramid_backbone(config)
    assert 0 < len(loaded.trainable_weights) < len(free.trainable_weights)
    stem = network.get_layer("Conv1").get_weights()[0]
    assert any(weight.shape == stem.shape and np.array_equal(weight, stem) for weight in loaded.get_weights())
