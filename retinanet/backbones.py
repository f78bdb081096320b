"""EfficientNet-Lite0 from KerasCV as the backbone of both stages."""

import keras
import keras_cv

# The published network: input (x - 127) / 128.
PIXEL_SCALE = 1 / 128
PIXEL_OFFSET = -127 / 128
PYRAMID_LAYERS = {"P3": "block3b_add", "P4": "block5c_add", "P5": "block7a_project_bn"}


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


def pyramid_backbone(height: int, width: int, weights: str | None = None, frozen_until: str = "") -> keras.Model:
    """Returns a model from RGB pixels (batch, height, width, 3) in 0..255 to features P3, P4 and P5.

    Args:
        height: pixels, a multiple of 32.
        width: pixels, a multiple of 32.
        weights: path of ImageNet weights (`.weights.h5`) of `efficientnet_lite0`; random weights without.
        frozen_until: name of the last layer that is not trained; empty trains all.
    """
    network = efficientnet_lite0()
    if weights:
        network.load_weights(weights)
    if frozen_until:
        for layer in network.layers:
            layer.trainable = False
            if layer.name == frozen_until:
                break
    features = keras.Model(network.input, [network.get_layer(name).output for name in PYRAMID_LAYERS.values()])
    images = keras.Input((height, width, 3), name="images")
    scaled = keras.layers.Rescaling(PIXEL_SCALE, PIXEL_OFFSET)(images)
    outputs = {
        level: keras.layers.Identity(name=level)(feature)
        for level, feature in zip(PYRAMID_LAYERS, features(scaled), strict=True)
    }
    backbone = keras.Model(images, outputs, name="backbone")
    backbone.pyramid_level_inputs = {level: level for level in PYRAMID_LAYERS}
    return backbone
