"""Stage 1: a RetinaNet that finds counter windows: box, four corners in the reading's order, and class."""

import keras
import keras_cv
import numpy as np
from keras import ops

from deploy.recognition.classes import STAGE1_CLASSES
from deploy.recognition.suppression import CANDIDATES, MIN_SCORE, OVERLAP, Suppression, find_windows
from retinanet.config import STAGE1, ModelConfig
from retinanet.models.backbones import pyramid_backbone
from retinanet.models.layers import FeaturePyramid, anchor_boxes, prediction_heads
from retinanet.models.precision import FLOAT32, computed_in
from retinanet.models.replicas import sum_over_replicas
from retinanet.models.trainable import TrainableModel
from retinanet.models.window_targets import decode_windows, encode_windows

# Box centre x, y, log width, log height, and four corners x, y; then the half turn.
BOX_NUMBERS = 12

# Beside a smooth L1 loss of about 1 an anchor.
HALF_TURN_WEIGHT = 0.3

MAX_WINDOWS = 8
SUPPRESSION = Suppression(
    groups=((tuple(range(len(STAGE1_CLASSES))), MAX_WINDOWS),),
    min_score=MIN_SCORE,
    overlap=OVERLAP,
    candidates=CANDIDATES,
    voters=60,
    voting_distance=1.0,
)


@keras.saving.register_keras_serializable("meter_reader")
class Stage1RetinaNet(TrainableModel, keras.Model):
    """A RetinaNet whose regression head gives box and corners, 12 numbers an anchor, and which way up they are.

    A counter that is small in the picture looks nearly alike both ways up. Corners regressed in the reading's order
    would then be the mean of both answers, a speck in the middle of the window. So the corners may come out either
    way, whichever is nearer, and one more number tells whether they are to be turned by half.

    Inputs are RGB pixels 0..255, (batch, height, width, 3); labels a dictionary of `corners` (batch, n, 4, 2), x, y in
    pixels, and `classes` (batch, n), padded with -1. Outputs: `box` (batch, anchors, 12); `half_turn`
    (batch, anchors), the logit that the corners start at the end of the reading; and `classification` (batch,
    anchors, classes), logits.
    """

    stage = 1
    default_config = STAGE1
    find = staticmethod(find_windows)
    suppression = SUPPRESSION

    def __init__(self, model_config: ModelConfig = STAGE1, backbone_weights: str | None = None, **kwargs):
        backbone = pyramid_backbone(model_config, backbone_weights)
        feature_pyramid = FeaturePyramid(
            model_config.pyramid_channels, len(model_config.strides), name="feature_pyramid"
        )
        classification_head, box_head = prediction_heads(model_config, BOX_NUMBERS + 1)
        # what only hands numbers on would round them in a mixed policy
        with computed_in(FLOAT32):
            images = keras.Input(backbone.input_shape[1:], name="images")
            levels = feature_pyramid(backbone(images))
            count = len(model_config.class_names)
            classification = [keras.layers.Reshape((-1, count))(classification_head(level)) for level in levels]
            box = [keras.layers.Reshape((-1, BOX_NUMBERS + 1))(box_head(level)) for level in levels]
            box = keras.layers.Concatenate(axis=1, name="box")(box)
            super().__init__(
                inputs=images,
                outputs={
                    "box": box[..., :BOX_NUMBERS],
                    "half_turn": box[..., BOX_NUMBERS],
                    "classification": keras.layers.Concatenate(axis=1, name="classification")(classification),
                },
                **kwargs,
            )
        self.model_config = model_config
        self.anchors = anchor_boxes(model_config)
        self.anchor_strides = anchor_strides(model_config)
        self.classification_loss = keras_cv.losses.FocalLoss(from_logits=True, reduction="sum")
        self.box_loss = keras_cv.losses.SmoothL1Loss(reduction="sum")
        self.half_turn_loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction="sum")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of all losses, each divided by the number of positive anchors in the whole batch.

        A device that sees a share of the batch returns its share of that sum.

        Focal loss for the classes, smooth L1 for box and corners, the latter against the nearer of both ways up, and
        binary cross-entropy for which of them it was.
        """
        deltas, classes = encode_windows(y["corners"], y["classes"], self.anchors, self.anchor_strides)
        positive = ops.cast(classes >= 0, "float32")
        counted = ops.cast(classes > -1.5, "float32")
        normalizer = ops.maximum(sum_over_replicas(ops.sum(positive)), 1.0)
        labels = ops.one_hot(ops.cast(classes, "int32"), len(self.model_config.class_names), dtype="float32")
        classification = self.classification_loss(labels, y_pred["classification"], sample_weight=counted)
        deltas, turned = nearer_way_up(deltas, y_pred["box"])
        box = self.box_loss(deltas, y_pred["box"], sample_weight=positive)
        half_turn = self.half_turn_loss(
            turned[..., None], y_pred["half_turn"][..., None], sample_weight=HALF_TURN_WEIGHT * positive
        )
        return (classification + box + half_turn) / normalizer

    def candidates(self, predictions: dict) -> dict:
        """Returns what `find_windows` takes, with a batch in front, as tensors."""
        return window_candidates(predictions, self.model_config)

    def get_config(self):
        """Returns what from_config needs; the parts are made anew from the model's configuration."""
        return self.own_config()


def window_candidates(predictions: dict, config: ModelConfig) -> dict:
    """Returns what `find_windows` of deploy/recognition takes, with a batch in front, as tensors."""
    anchors = anchor_boxes(config)
    boxes, corners = decode_windows(predictions["box"], anchors)
    return {
        "boxes": boxes,
        # no shape but the batch may be open
        "corners": ops.reshape(corners, (-1, len(anchors), 4, 2)),
        "half_turn": predictions["half_turn"],
        "class_scores": ops.sigmoid(predictions["classification"]),
    }


def nearer_way_up(deltas, predicted):
    """Returns the targets (batch, anchors, 12) with the corners either way up, whichever is nearer to the prediction.

    Beside them (batch, anchors) float32: 1 where that is the way turned by half, 0 where it is the reading's.
    """
    corners = deltas[..., 4:]
    halved = ops.concatenate([corners[..., 4:], corners[..., :4]], axis=-1)
    as_read = ops.sum(ops.abs(predicted[..., 4:] - corners), axis=-1)
    turned = ops.sum(ops.abs(predicted[..., 4:] - halved), axis=-1) < as_read
    nearer = ops.where(turned[..., None], halved, corners)
    nearer = ops.concatenate([deltas[..., :4], nearer], axis=-1)
    return ops.stop_gradient(nearer), ops.stop_gradient(ops.cast(turned, "float32"))


def anchor_strides(config: ModelConfig) -> np.ndarray:
    """Returns (anchors,) float32: the stride of the level that each anchor stands on, in pixels."""
    counts = [
        (config.input_height // stride) * (config.input_width // stride) * config.anchors_per_location
        for stride in config.strides
    ]
    return np.repeat(np.array(config.strides, np.float32), counts)
