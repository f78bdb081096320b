"""The slim feature pyramid and prediction heads, and the anchor boxes of a model."""

import functools

import keras
import keras_cv
import numpy as np
from keras import ops

from retinanet.config import ModelConfig
from retinanet.models.precision import FLOAT32, computed_in


@keras.saving.register_keras_serializable("meter_reader")
class FeaturePyramid(keras.layers.Layer):
    """Merges P3, P4 and P5 top-down into maps of the same channels (Lin et al., 2017), of which the finest are given.

    The lateral convolutions carry batch normalisation: the backbone's features have a standard deviation of about
    7, and without it the first losses run into the hundreds.
    """

    def __init__(self, channels: int, num_outputs: int = 3, **kwargs):
        super().__init__(**kwargs)
        self.channels = channels
        self.num_outputs = num_outputs
        self.laterals = [keras.layers.Conv2D(channels, 1, use_bias=False) for _ in range(3)]
        self.normalizations = [keras.layers.BatchNormalization() for _ in range(3)]
        self.outputs_3x3 = [keras.layers.Conv2D(channels, 3, padding="same") for _ in range(num_outputs)]
        self.upsample = keras.layers.UpSampling2D(2)

    def build(self, input_shape):
        """Builds the convolutions for the channels of a dictionary of P3, P4 and P5."""
        merged = (None, None, None, self.channels)
        for level, lateral, normalization in zip(("P3", "P4", "P5"), self.laterals, self.normalizations, strict=True):
            lateral.build((None, None, None, input_shape[level][-1]))
            normalization.build(merged)
        for output in self.outputs_3x3:
            output.build(merged)
        self.built = True

    def call(self, inputs, training=False):
        """Returns the first `num_outputs` of [P3, P4, P5], each (batch, height / stride, width / stride, channels)."""
        p3, p4, p5 = (
            normalization(lateral(inputs[level]), training=training)
            for level, lateral, normalization in zip(
                ("P3", "P4", "P5"), self.laterals, self.normalizations, strict=True
            )
        )
        p4 = p4 + self.upsample(p5)
        p3 = p3 + self.upsample(p4)
        return [output(level) for output, level in zip(self.outputs_3x3, (p3, p4, p5), strict=False)]

    def compute_output_shape(self, input_shape):
        """Returns the maps' shapes."""
        levels = ("P3", "P4", "P5")[: self.num_outputs]
        return [tuple(input_shape[level][:-1]) + (self.channels,) for level in levels]

    def get_config(self):
        """Returns what from_config needs."""
        return {**super().get_config(), "channels": self.channels, "num_outputs": self.num_outputs}


@keras.saving.register_keras_serializable("meter_reader")
class PredictionHead(keras.layers.Layer):
    """Convolutions that predict `output_filters` numbers at each place; KerasCV's head, in any width.

    `prior` is the score that every class starts from: 0.01 keeps the thousands of background anchors from drowning
    the first steps (Lin et al., 2017, Focal Loss, section 4.1); `None` starts from zero. Predictions are float32 in any
    policy: they are what losses and boxes are computed from.
    """

    def __init__(self, output_filters: int, channels: int, num_layers: int, prior: float | None = None, **kwargs):
        super().__init__(**kwargs)
        self.output_filters = output_filters
        self.channels = channels
        self.num_layers = num_layers
        self.prior = prior
        bias = 0.0 if prior is None else float(np.log(prior / (1 - prior)))
        self.convolutions = [
            keras.layers.Conv2D(channels, 3, padding="same", activation="relu", kernel_initializer="he_normal")
            for _ in range(num_layers)
        ]
        self.prediction = keras.layers.Conv2D(
            output_filters,
            3,
            padding="same",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
            dtype=FLOAT32,
            bias_initializer=keras.initializers.Constant(bias),
        )

    def build(self, input_shape):
        """Builds the convolutions."""
        shape = tuple(input_shape)
        for convolution in self.convolutions:
            convolution.build(shape)
            shape = (*shape[:-1], self.channels)
        self.prediction.build(shape)
        self.built = True

    def call(self, inputs):
        """Returns (batch, height, width, output_filters)."""
        for convolution in self.convolutions:
            inputs = convolution(inputs)
        return self.prediction(inputs)

    def compute_output_shape(self, input_shape):
        """Returns the prediction's shape."""
        return (*input_shape[:-1], self.output_filters)

    def get_config(self):
        """Returns what from_config needs."""
        return {
            **super().get_config(),
            "output_filters": self.output_filters,
            "channels": self.channels,
            "num_layers": self.num_layers,
            "prior": self.prior,
        }


def prediction_heads(config: ModelConfig, numbers_per_anchor: int) -> tuple[PredictionHead, PredictionHead]:
    """Returns the classification head and the regression head of a model."""
    anchors = config.anchors_per_location
    common = {"channels": config.pyramid_channels, "num_layers": config.head_layers}
    return (
        PredictionHead(anchors * len(config.class_names), prior=0.01, name="classification_head", **common),
        PredictionHead(anchors * numbers_per_anchor, name="box_head", **common),
    )


def anchor_generator(config: ModelConfig) -> keras_cv.layers.AnchorGenerator:
    """Returns KerasCV's generator of the model's anchor boxes, xyxy in pixels of the input."""
    return keras_cv.layers.AnchorGenerator(
        bounding_box_format="xyxy",
        sizes=list(config.anchor_sizes),
        scales=list(config.anchor_scales),
        aspect_ratios=list(config.anchor_aspect_ratios),
        strides=list(config.strides),
        clip_boxes=False,
    )


@functools.lru_cache(maxsize=8)
def anchor_boxes(config: ModelConfig) -> np.ndarray:
    """Returns all anchor boxes (anchors, 4) float32, xyxy in pixels, in the order of the heads' predictions."""
    import tensorflow as tf

    with computed_in(FLOAT32), tf.init_scope():  # constants, also when asked for while a graph is traced
        levels = anchor_generator(config)(image_shape=(config.input_height, config.input_width, 3))
        return np.concatenate([ops.convert_to_numpy(boxes) for boxes in levels.values()])
