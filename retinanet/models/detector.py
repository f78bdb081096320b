"""From the raw predictions of a model to the few objects in a picture: decoding and non-maximum suppression.

Non-maximum suppression has no name in keras.ops, so this part is TensorFlow on every backend; it also goes into the
exported models.
"""

import keras
import numpy as np

from deploy.recognition.classes import FRACTION_CLASS, POINT_CLASS, STAGE2_CLASSES
from retinanet.config import ModelConfig
from retinanet.models.layers import anchor_boxes
from retinanet.models.stage2 import decode_boxes
from retinanet.models.window_targets import decode_windows

# Candidates with the best scores that suppression looks at, of the thousands of anchors. Twenty anchors and more find
# the same wheel, so fewer would leave out whole wheels of a long counter.
CANDIDATES = 500
OVERLAP = 0.5
MIN_SCORE = 0.02
MAX_WINDOWS = 8
VOTERS = 60
VOTING_DISTANCE = 1.0
# Wheels exclude one another whatever they read, as one place shows one digit; the point and the fraction lie over
# or between wheels and are suppressed among themselves.
_POINT, _FRACTION = STAGE2_CLASSES.index(POINT_CLASS), STAGE2_CLASSES.index(FRACTION_CLASS)
STAGE2_GROUPS = (
    (tuple(number for number in range(len(STAGE2_CLASSES)) if number not in (_POINT, _FRACTION)), 20),
    ((_POINT,), 6),
    ((_FRACTION,), 6),
)


def stage1_detections(predictions: dict, config: ModelConfig) -> dict:
    """Returns the windows of each picture, the best first.

    Args:
        predictions: `box` (batch, anchors, 12), `half_turn` (batch, anchors) and `classification` (batch, anchors,
            classes) of stage 1.
        config: the model's.

    Returns:
        `corners` (batch, 8, 4, 2), x, y, and `boxes` (batch, 8, 4), xyxy, in pixels of the input; `scores` (batch, 8)
        in 0..1 and `classes` (batch, 8) int32. Unused entries have score 0.
    """
    import tensorflow as tf

    scores = tf.sigmoid(predictions["classification"])
    boxes, corners = decode_windows(predictions["box"], anchor_boxes(config))
    best = tf.reduce_max(scores, axis=-1)
    keep, valid = _suppress(boxes, best, MAX_WINDOWS)
    kept_scores = tf.gather(best, keep, batch_dims=1) * valid
    return {
        "corners": _vote(corners, predictions["half_turn"], best, keep),
        "boxes": tf.gather(boxes, keep, batch_dims=1),
        "scores": kept_scores,
        "classes": tf.gather(tf.argmax(scores, axis=-1, output_type=tf.int32), keep, batch_dims=1),
    }


def stage2_detections(predictions: dict, config: ModelConfig) -> dict:
    """Returns the digits, points and fraction regions of each window, the best first.

    Args:
        predictions: `box` (batch, anchors, 4) and `classification` (batch, anchors, 15) of stage 2.
        config: the model's.

    Returns:
        `boxes` (batch, 32, 4), xyxy in shares of the window; `class_scores` (batch, 32, 15), where an entry has
        scores only for the classes of its kind (wheel, point or fraction); `scores` (batch, 32) the best of them and
        `classes` (batch, 32) int32 which. Unused entries have score 0.
    """
    import tensorflow as tf

    size = np.array([config.input_width, config.input_height] * 2, np.float32)
    boxes = decode_boxes(predictions["box"], config)
    scores = tf.sigmoid(predictions["classification"])
    kept_boxes, kept_scores = [], []
    for classes, limit in STAGE2_GROUPS:
        mask = np.isin(np.arange(len(STAGE2_CLASSES)), classes).astype(np.float32)
        group_scores = scores * mask
        keep, valid = _suppress(boxes, tf.reduce_max(group_scores, axis=-1), limit)
        kept_boxes.append(tf.gather(boxes, keep, batch_dims=1))
        kept_scores.append(tf.gather(group_scores, keep, batch_dims=1) * valid[..., None])
    boxes, class_scores = tf.concat(kept_boxes, axis=1), tf.concat(kept_scores, axis=1)
    best = tf.reduce_max(class_scores, axis=-1)
    order = tf.argsort(best, axis=-1, direction="DESCENDING", stable=True)
    class_scores = tf.gather(class_scores, order, batch_dims=1)
    return {
        "boxes": tf.gather(boxes, order, batch_dims=1) / size,
        "class_scores": class_scores,
        "scores": tf.gather(best, order, batch_dims=1),
        "classes": tf.argmax(class_scores, axis=-1, output_type=tf.int32),
    }


def _vote(corners, half_turn, scores, keep):
    """Returns the corners (batch, kept, 4, 2) of the kept windows, averaged over the anchors that found the same ones.

    Every anchor errs in its own way: those whose corners, one way up or the other, all lie within VOTING_DISTANCE of
    the kept window's, in its heights, take part with their score as weight. They also vote on which way up it is.
    """
    import tensorflow as tf

    top_scores, top = tf.math.top_k(scores, k=VOTERS)
    voters = tf.gather(corners, top, batch_dims=1)[:, None]  # (batch, 1, voters, 4, 2)
    opposite = tf.roll(voters, shift=2, axis=3)
    kept = tf.gather(corners, keep, batch_dims=1)[:, :, None]  # (batch, kept, 1, 4, 2)
    height = tf.norm(kept[..., 3, :] + kept[..., 2, :] - kept[..., 0, :] - kept[..., 1, :], axis=-1) / 2
    same_distance = tf.reduce_max(tf.norm(kept - voters, axis=-1), axis=-1)  # (batch, kept, voters)
    opposite_distance = tf.reduce_max(tf.norm(kept - opposite, axis=-1), axis=-1)
    is_same = same_distance <= opposite_distance
    near = tf.minimum(same_distance, opposite_distance) <= VOTING_DISTANCE * height
    weights = top_scores[:, None] * tf.cast(near, tf.float32)
    total = tf.reduce_sum(weights, axis=-1)[..., None, None]
    aligned = tf.where(is_same[..., None, None], voters, opposite)
    mean = tf.einsum("bkv,bkvcd->bkcd", weights, aligned) / tf.maximum(total, 1e-6)
    mean = tf.where(total > 1e-6, mean, kept[:, :, 0])
    # 1 for a voter that reads the kept window's way, -1 for one that would turn it
    way = tf.tanh(-tf.gather(half_turn, top, batch_dims=1) / 2)[:, None] * tf.where(is_same, 1.0, -1.0)
    turned = tf.reduce_sum(weights * way, axis=-1) < 0
    return tf.where(turned[..., None, None], tf.roll(mean, shift=2, axis=2), mean)


def _suppress(boxes, scores, limit: int):
    """Returns the anchors that are kept (batch, limit) and which of these entries are used (batch, limit), 1 or 0."""
    import tensorflow as tf

    top_scores, top = tf.math.top_k(scores, k=CANDIDATES)
    top_boxes = tf.gather(boxes, top, batch_dims=1)

    def suppress_one(inputs):
        return tf.image.non_max_suppression_padded(
            inputs[0], inputs[1], limit, iou_threshold=OVERLAP, score_threshold=MIN_SCORE, pad_to_max_output_size=True
        )

    chosen, used = tf.map_fn(
        suppress_one, (top_boxes, top_scores), fn_output_signature=(tf.TensorSpec((limit,), tf.int32), tf.int32)
    )
    valid = tf.sequence_mask(used, limit, dtype=tf.float32)
    return tf.gather(top, chosen, batch_dims=1), valid


DETECTIONS = {1: stage1_detections, 2: stage2_detections}


class Detector:
    """A model with its decoding: pictures in, detections out.

    Args:
        model: of either stage.
    """

    def __init__(self, model: keras.Model):
        import tensorflow as tf

        self.model = model
        config = model.model_config
        self._decode = tf.function(lambda predictions: DETECTIONS[config.stage](predictions, config))
        self._forward = tf.function(model.forward) if keras.backend.backend() == "tensorflow" else model.forward

    def __call__(self, images) -> dict[str, np.ndarray]:
        """Returns the detections of pictures (batch, height, width, 3), RGB, 0..255, as NumPy arrays."""
        predictions = self._forward(images)
        if keras.backend.backend() != "tensorflow":
            predictions = {key: keras.ops.convert_to_numpy(value) for key, value in predictions.items()}
        return {key: value.numpy() for key, value in self._decode(predictions).items()}
