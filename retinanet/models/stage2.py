"""Stage 2: a KerasCV RetinaNet that finds the digits and the fraction region in a rectified window."""

import keras
import keras_cv
import numpy as np
from keras import ops

from deploy.recognition.classes import FRACTION_CLASS, POINT_CLASS, STAGE2_CLASSES
from deploy.recognition.suppression import CANDIDATES, MIN_SCORE, OVERLAP, Suppression, find_digits
from retinanet.config import STAGE2, ModelConfig
from retinanet.models.backbones import pyramid_backbone
from retinanet.models.layers import FeaturePyramid, anchor_boxes, anchor_generator, prediction_heads
from retinanet.models.precision import FLOAT32, computed_in
from retinanet.models.replicas import replica_count, sum_over_replicas
from retinanet.models.trainable import TrainableModel

# KerasCV's RetinaNet encodes box deltas (y, x, height, width) in these units, whatever its label encoder says.
BOX_VARIANCE = (0.1, 0.1, 0.2, 0.2)

# An anchor is a digit's from this overlap on. Lower than the usual 0.5: digit faces run from 1:5 to 1:1, and with
# 18 anchors a location no shape in the training data falls below it.
POSITIVE_IOU = 0.45
NEGATIVE_IOU = 0.35

# Wheels exclude one another whatever they read, as one place shows one digit; the point and the fraction lie over
# or between wheels and are suppressed among themselves.
_POINT, _FRACTION = STAGE2_CLASSES.index(POINT_CLASS), STAGE2_CLASSES.index(FRACTION_CLASS)
SUPPRESSION = Suppression(
    groups=(
        (tuple(number for number in range(len(STAGE2_CLASSES)) if number not in (_POINT, _FRACTION)), 20),
        ((_POINT,), 6),
        ((_FRACTION,), 6),
    ),
    min_score=MIN_SCORE,
    overlap=OVERLAP,
    candidates=CANDIDATES,
)


class _LossMean(keras.metrics.Mean):
    """The mean of a part of the loss; no part of the files."""

    def save_own_variables(self, store):
        pass

    def load_own_variables(self, store):
        pass


@keras.saving.register_keras_serializable("meter_reader")
class Stage2RetinaNet(TrainableModel, keras_cv.models.RetinaNet):
    """KerasCV's RetinaNet with a light backbone, a slim pyramid and slim heads.

    Inputs are RGB pixels 0..255, (batch, 128, 256, 3); labels a dictionary of `boxes` (batch, n, 4), xyxy in pixels,
    and `classes` (batch, n), padded with -1.
    """

    stage = 2
    default_config = STAGE2
    find = staticmethod(find_digits)
    suppression = SUPPRESSION

    def __init__(self, model_config: ModelConfig = STAGE2, backbone_weights: str | None = None, **kwargs):
        classification_head, box_head = prediction_heads(model_config, numbers_per_anchor=4)
        backbone = pyramid_backbone(model_config, backbone_weights)
        feature_pyramid = FeaturePyramid(
            model_config.pyramid_channels, len(model_config.strides), name="feature_pyramid"
        )
        # labels, and what only hands numbers on, would be rounded in a mixed policy
        with computed_in(FLOAT32):
            label_encoder = keras_cv.models.retinanet.LabelEncoder(
                bounding_box_format="xyxy",
                anchor_generator=anchor_generator(model_config),
                positive_threshold=POSITIVE_IOU,
                negative_threshold=NEGATIVE_IOU,
                box_variance=BOX_VARIANCE,
            )
            super().__init__(
                backbone=backbone,
                num_classes=len(model_config.class_names),
                bounding_box_format="xyxy",
                label_encoder=label_encoder,
                feature_pyramid=feature_pyramid,
                classification_head=classification_head,
                box_head=box_head,
                **kwargs,
            )
        self.model_config = model_config
        self.classification_loss = keras_cv.losses.FocalLoss(from_logits=True, reduction="sum")
        self.box_loss = keras_cv.losses.SmoothL1Loss(reduction="sum")
        self.loss_means = {name: _LossMean(name=f"{name}_loss") for name in ("box", "classification")}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of both losses of RetinaNet, divided by the number of positive anchors in the whole batch.

        A device that sees a share of the batch returns its share of that sum; KerasCV would count the anchors of the
        share alone. Without any positive anchor the loss is zero, as KerasCV has it.
        """
        boxes, classes = self.label_encoder(x, y)
        positive = ops.cast(classes > -1.0, "float32")
        counted = ops.cast(classes != -2.0, "float32")
        share = ops.divide_no_nan(1.0, sum_over_replicas(ops.sum(positive)))
        labels = ops.one_hot(ops.cast(classes, "int32"), self.num_classes, dtype="float32")
        losses = {
            "box": self.box_loss(boxes, y_pred["box"], sample_weight=share * positive),
            "classification": self.classification_loss(labels, y_pred["classification"], sample_weight=share * counted),
        }
        for name, loss in losses.items():
            self.loss_means[name].update_state(loss * replica_count(), sample_weight=ops.shape(boxes)[0])
        return losses["box"] + losses["classification"]

    def forward(self, images):
        """Returns the raw predictions; KerasCV's network takes its input by name."""
        return self({"images": images}, training=False)

    def candidates(self, predictions: dict) -> dict:
        """Returns what `find_digits` takes, with a batch in front, as tensors."""
        return digit_candidates(predictions, self.model_config)

    def get_config(self):
        """Returns what from_config needs; the parts are made anew from the model's configuration."""
        return self.own_config()


def digit_candidates(predictions: dict, config: ModelConfig) -> dict:
    """Returns what `find_digits` of deploy/recognition takes, with a batch in front; boxes in shares of the window."""
    size = np.array([config.input_width, config.input_height] * 2, np.float32)
    return {
        "boxes": decode_boxes(predictions["box"], config) / size,
        "class_scores": ops.sigmoid(predictions["classification"]),
    }


def decode_boxes(deltas, config: ModelConfig):
    """Returns boxes (batch, anchors, 4), xyxy in pixels, from the box head's output of the same shape."""
    anchors = anchor_boxes(config)
    sizes = anchors[:, 2:] - anchors[:, :2]
    centers = anchors[:, :2] + sizes / 2
    variance = np.array(BOX_VARIANCE, np.float32)
    deltas = deltas * variance
    # y, x, height, width; taken one by one, as a flip becomes an operator that TensorRT lacks
    center = ops.take(deltas, (1, 0), axis=-1) * sizes + centers
    half = ops.exp(ops.minimum(ops.take(deltas, (3, 2), axis=-1), 4.0)) * sizes / 2
    return ops.concatenate([center - half, center + half], axis=-1)
