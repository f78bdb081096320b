"""The backbones that both stages can be built on, with the input scale that their ImageNet weights know."""

import dataclasses
import warnings
import zipfile
from collections.abc import Callable

import keras
import keras_cv
import numpy as np

from retinanet.config import ModelConfig

LEVELS = ("P3", "P4", "P5")


def efficientnet_lite0() -> keras.Model:
    """Returns EfficientNet-Lite0 without its classifier, as the ImageNet weights know it."""
    return keras_cv.models.EfficientNetLiteBackbone(
        include_rescaling=False,
        input_shape=(None, None, 3),
        width_coefficient=1.0,
        depth_coefficient=1.0,
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1, 2, 2, 3, 3, 4, 1],
        stackwise_input_filters=[32, 16, 24, 40, 80, 112, 192],
        stackwise_output_filters=[16, 24, 40, 80, 112, 192, 320],
        stackwise_expansion_ratios=[1, 6, 6, 6, 6, 6, 6],
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
    )


def mobilenet_v2() -> keras.Model:
    """Returns MobileNetV2 1.0 without its classifier, as the ImageNet weights know it.

    Keras' batch normalisation follows with a momentum of 0.999, too slowly for trainings of a few thousand steps.
    """
    network = keras.applications.MobileNetV2(input_shape=(None, None, 3), include_top=False, weights=None)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.99
    return network


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network and how it is used.

    Attributes:
        title: its name in messages.
        build: returns the network without its classifier.
        pixel_scale: factor on RGB pixels 0..255.
        pixel_offset: added after that.
        pyramid_layers: names of the layers with strides 8, 16 and 32.
    """

    title: str
    build: Callable[[], keras.Model]
    pixel_scale: float
    pixel_offset: float
    pyramid_layers: tuple[str, str, str]


BACKBONES = {
    "efficientnet_lite0": Backbone(
        "EfficientNet-Lite0",
        efficientnet_lite0,
        1 / 128,
        -127 / 128,
        ("block3b_add", "block5c_add", "block7a_project_bn"),
    ),
    "mobilenet_v2": Backbone(
        "MobileNetV2",
        mobilenet_v2,
        1 / 127.5,
        -1.0,
        ("block_5_add", "block_12_add", "block_16_project_BN"),
    ),
}


def pyramid_backbone(config: ModelConfig, weights: str | None = None) -> keras.Model:
    """Returns a model from RGB pixels (batch, height, width, 3) in 0..255 to features P3, P4 and P5.

    Args:
        config: tells the network, the size of its input and what of it is not trained.
        weights: path of the network's ImageNet weights, `.weights.h5` as Keras saves the whole network, or `.npz`
            with the arrays `<layer>/<index>` of what the pyramid takes of it; random weights without.

    Raises:
        ValueError: the weights are another network's.
        OSError: the file cannot be read.
    """
    parts = BACKBONES[config.backbone]
    network = parts.build()
    features = keras.Model(network.input, [network.get_layer(layer).output for layer in parts.pyramid_layers])
    if weights and str(weights).endswith(".npz"):
        _set_arrays(features, weights)
    elif weights:
        _load_weights(network, weights)
    if config.frozen_until:
        for layer in network.layers:
            layer.trainable = False
            if layer.name == config.frozen_until:
                break
    images = keras.Input((config.input_height, config.input_width, 3), name="images")
    scaled = keras.layers.Rescaling(parts.pixel_scale, parts.pixel_offset)(images)
    outputs = {
        level: keras.layers.Identity(name=level)(feature)
        for level, feature in zip(LEVELS, features(scaled), strict=True)
    }
    backbone = keras.Model(images, outputs, name="backbone")
    backbone.pyramid_level_inputs = {level: level for level in LEVELS}
    return backbone


def _set_arrays(features: keras.Model, path: str) -> None:
    try:
        with np.load(path) as file:
            arrays = dict(file)
    except (zipfile.BadZipFile, EOFError, AttributeError, TypeError) as error:
        raise ValueError(f"no arrays of NumPy ({error})") from error
    layers = [layer for layer in features.layers if layer.weights]
    expected = [f"{layer.name}/{index}" for layer in layers for index in range(len(layer.weights))]
    missing = [name for name in expected if name not in arrays]
    if missing or len(arrays) != len(expected):
        raise ValueError(f"its layers are others: {', '.join(missing[:3]) or 'more than there are'}")
    for layer in layers:
        layer.set_weights([arrays[f"{layer.name}/{index}"] for index in range(len(layer.weights))])


def _load_weights(network: keras.Model, path: str) -> None:
    with warnings.catch_warnings():
        # Keras itself goes on without the layers that a file lacks
        warnings.filterwarnings("error", "Skipping nested container")
        try:
            network.load_weights(path)
        except UserWarning as error:
            raise ValueError("some of its layers are missing") from error
