"""Stage 1: a RetinaNet that finds counter windows: box, four corners in the reading's order, and class."""

import keras
import keras_cv
import numpy as np
from keras import ops

from retinanet.backbones import pyramid_backbone
from retinanet.config import STAGE1, ModelConfig
from retinanet.label_encoder import encode_windows
from retinanet.layers import FeaturePyramid, anchor_boxes, prediction_heads
from retinanet.persistence import TrainableModel

# Box centre x, y, log width, log height, and four corners x, y.
NUMBERS_PER_ANCHOR = 12


@keras.saving.register_keras_serializable("meter_reader")
class Stage1RetinaNet(TrainableModel, keras.Model):
    """A RetinaNet whose regression head gives 12 numbers an anchor.

    Inputs are RGB pixels 0..255, (batch, 320, 320, 3); labels a dictionary of `corners` (batch, n, 4, 2), x, y in
    pixels, and `classes` (batch, n), padded with -1. Outputs: `box` (batch, anchors, 12) and `classification`
    (batch, anchors, classes), logits.
    """

    def __init__(self, model_config: ModelConfig = STAGE1, backbone_weights: str | None = None, **kwargs):
        backbone = pyramid_backbone(
            model_config.input_height, model_config.input_width, backbone_weights, model_config.frozen_until
        )
        feature_pyramid = FeaturePyramid(
            model_config.pyramid_channels, len(model_config.strides), name="feature_pyramid"
        )
        classification_head, box_head = prediction_heads(model_config, NUMBERS_PER_ANCHOR)
        images = keras.Input(backbone.input_shape[1:], name="images")
        levels = feature_pyramid(backbone(images))
        count = len(model_config.class_names)
        classification = [keras.layers.Reshape((-1, count))(classification_head(level)) for level in levels]
        box = [keras.layers.Reshape((-1, NUMBERS_PER_ANCHOR))(box_head(level)) for level in levels]
        super().__init__(
            inputs=images,
            outputs={
                "box": keras.layers.Concatenate(axis=1, name="box")(box),
                "classification": keras.layers.Concatenate(axis=1, name="classification")(classification),
            },
            **kwargs,
        )
        self.model_config = model_config
        self.anchors = anchor_boxes(model_config)
        self.anchor_strides = anchor_strides(model_config)
        self.classification_loss = keras_cv.losses.FocalLoss(from_logits=True, reduction="sum")
        self.box_loss = keras_cv.losses.SmoothL1Loss(reduction="sum")

    def compile(self, optimizer, **kwargs):
        """Compiles; the losses are the stage's own."""
        super().compile(optimizer=optimizer, jit_compile=False, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns focal loss + smooth L1 loss, each summed and divided by the number of positive anchors."""
        deltas, classes = encode_windows(y["corners"], y["classes"], self.anchors, self.anchor_strides)
        positive = ops.cast(classes >= 0, "float32")
        counted = ops.cast(classes > -1.5, "float32")
        normalizer = ops.maximum(ops.sum(positive), 1.0)
        labels = ops.one_hot(ops.cast(classes, "int32"), len(self.model_config.class_names), dtype="float32")
        classification = self.classification_loss(labels, y_pred["classification"], sample_weight=counted)
        box = self.box_loss(deltas, y_pred["box"], sample_weight=positive)
        return (classification + box) / normalizer

    def get_config(self):
        """Returns what from_config needs; the parts are made anew from the model's configuration."""
        return self.own_config()


def anchor_strides(config: ModelConfig) -> np.ndarray:
    """Returns (anchors,) float32: the stride of the level that each anchor stands on, in pixels."""
    counts = [
        (config.input_height // stride) * (config.input_width // stride) * config.anchors_per_location
        for stride in config.strides
    ]
    return np.repeat(np.array(config.strides, np.float32), counts)
