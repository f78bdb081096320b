"""Distillation: a network learns, beside its labels, to say what a better one says of the same pictures."""

from keras import ops

from retinanet.models.replicas import sum_over_replicas
from retinanet.models.trainable import TrainableModel

# Where the teacher sees nothing, its boxes mean nothing.
_LEAST_SCORE = 0.05


class Distillation:
    """How far a model's predictions are from its teacher's, as a loss.

    Scores, and whether windows stand on their head, by the quality focal loss (Li et al., 2020, Generalized Focal
    Loss), whose labels may lie between 0 and 1; boxes and corners by smooth L1. All but the scores count where the
    teacher sees something, weighted by its score. Both networks have the same anchors. The sum is divided by the sum of
    the teacher's scores in the whole batch.

    Args:
        teacher: a model of the same stage; it is not trained.
    """

    def __init__(self, teacher: TrainableModel):
        teacher.trainable = False
        self._teacher = teacher

    def __call__(self, images, predictions: dict):
        """Returns the loss of predictions for RGB pixels (batch, height, width, 3), 0..255."""
        taught = {name: ops.stop_gradient(value) for name, value in self._teacher.forward(images).items()}
        scores = ops.sigmoid(taught["classification"])
        best = ops.max(scores, axis=-1)
        weights = ops.where(best > _LEAST_SCORE, best, 0.0)
        normalizer = ops.maximum(sum_over_replicas(ops.sum(weights)), 1.0)
        loss = ops.sum(_quality_focal_loss(scores, predictions["classification"]))
        loss += ops.sum(weights[..., None] * _smooth_l1(taught["box"] - predictions["box"]))
        if "half_turn" in taught:
            loss += ops.sum(weights * _quality_focal_loss(ops.sigmoid(taught["half_turn"]), predictions["half_turn"]))
        return loss / normalizer


def _quality_focal_loss(scores, logits):
    cross_entropy = ops.maximum(logits, 0.0) - logits * scores + ops.log1p(ops.exp(-ops.abs(logits)))
    return ops.square(scores - ops.sigmoid(logits)) * cross_entropy


def _smooth_l1(off):
    size = ops.abs(off)
    return ops.where(size < 1.0, 0.5 * ops.square(size), size - 0.5)
