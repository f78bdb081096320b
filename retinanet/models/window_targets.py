"""Which anchors learn which window in stage 1, and what numbers they learn.

A window's bounding box says little about it: turned by 45 degrees a long window has a square box, and most of the
box is not window. So an anchor takes a window by two other measures: its size is that of the window's length, and its
centre lies near the middle of the window, measured along and across the reading.
"""

import numpy as np
from keras import ops

# Deltas are divided by this, so that errors that matter are of order 1: a corner that is off by 4 % of the window's
# length is off by a fifth of the height of a 5-wheel window.
BOX_VARIANCE = 0.04

# In steps of the anchor sizes (a factor of 1.7): an anchor learns a window up to 0.6 of a step off its size, and is
# left out of the classification loss up to 1.3 steps.
POSITIVE_SIZE_STEPS = 0.6
IGNORED_SIZE_STEPS = 1.3
SIZE_STEP = 1.7

# Shares of the window's width and height within which the anchor's centre must lie, from the middle.
POSITIVE_ALONG, POSITIVE_ACROSS = 0.20, 0.45
IGNORED_ALONG, IGNORED_ACROSS = 0.5, 0.9
# However small the window is, anchors so many strides from its middle learn it; so many more are left out of the loss.
POSITIVE_STRIDES, IGNORED_STRIDES = 0.75, 0.5
# Of two windows an anchor takes the one that costs less: strides off its middle, and size steps, which weigh more.
SIZE_STEP_COST = 4


def encode_windows(corners, classes, anchors: np.ndarray, strides: np.ndarray):
    """Returns the targets of every anchor.

    Args:
        corners: (batch, n, 4, 2) float, x, y in pixels, from the reading's top-left clockwise; padded with any value.
        classes: (batch, n) float, class numbers; -1 marks padding.
        anchors: (anchors, 4), xyxy in pixels, square.
        strides: (anchors,) pixels between neighbouring anchors of the same level.

    Returns:
        deltas (batch, anchors, 12): box centre x, y, log width, log height, then the four corners x, y, relative to
        the anchor's centre and size, divided by BOX_VARIANCE. Classes (batch, anchors): the window's, -1 for
        background, -2 where the loss looks away.
    """
    anchors = ops.convert_to_tensor(anchors, "float32")
    size = anchors[:, 2] - anchors[:, 0]  # (anchors,)
    center = (anchors[:, :2] + anchors[:, 2:]) / 2  # (anchors, 2)
    stride = ops.convert_to_tensor(strides, "float32")

    corners = ops.cast(corners, "float32")
    present = ops.cast(classes, "float32") >= 0  # (batch, n)
    top_left, top_right, bottom_right, bottom_left = (corners[:, :, i] for i in range(4))
    middle = ops.mean(corners, axis=2)
    reading = (top_right + bottom_right - top_left - bottom_left) / 2
    down = (bottom_left + bottom_right - top_left - top_right) / 2
    width = ops.maximum(ops.norm(reading, axis=-1, keepdims=True), 1.0)
    height = ops.maximum(ops.norm(down, axis=-1, keepdims=True), 1.0)
    length = ops.maximum(width, height)  # (batch, n, 1)

    offset = center[None, None] - middle[:, :, None]  # (batch, n, anchors, 2)
    along = ops.abs(ops.sum(offset * (reading / width)[:, :, None], axis=-1))
    across = ops.abs(ops.sum(offset * (down / height)[:, :, None], axis=-1))
    size_steps = ops.abs(ops.log(length / size)) / np.log(SIZE_STEP)  # (batch, n, anchors)

    positive = (
        (along <= ops.maximum(POSITIVE_ALONG * width, POSITIVE_STRIDES * stride))
        & (across <= ops.maximum(POSITIVE_ACROSS * height, POSITIVE_STRIDES * stride))
        & (size_steps <= POSITIVE_SIZE_STEPS)
    )
    ignored = (
        (along <= IGNORED_ALONG * width + IGNORED_STRIDES * stride)
        & (across <= IGNORED_ACROSS * height + IGNORED_STRIDES * stride)
        & (size_steps <= IGNORED_SIZE_STEPS)
    )
    # The best anchor of each window learns it even if none fits.
    cost = (along + across) / stride + SIZE_STEP_COST * size_steps
    anchor_numbers = ops.arange(anchors.shape[0])
    best = ops.cast(ops.argmin(cost, axis=-1), anchor_numbers.dtype)
    positive = positive | (anchor_numbers == best[:, :, None])
    positive = positive & present[:, :, None]
    ignored = ignored & present[:, :, None]

    # Windows that lie over one another: the one that fits better.
    chosen = ops.argmin(ops.where(positive, cost, 1e9), axis=1)  # (batch, anchors)
    is_positive = ops.any(positive, axis=1)
    is_ignored = ops.any(ignored, axis=1)
    chosen_corners = ops.take_along_axis(
        ops.reshape(corners, (ops.shape(corners)[0], -1, 8)), ops.expand_dims(chosen, -1), axis=1
    )  # (batch, anchors, 8)
    chosen_class = ops.take_along_axis(ops.cast(classes, "float32"), chosen, axis=1)
    target_class = ops.where(is_positive, chosen_class, ops.where(is_ignored, -2.0, -1.0))

    points = ops.reshape(chosen_corners, (ops.shape(chosen_corners)[0], -1, 4, 2))
    low, high = ops.min(points, axis=2), ops.max(points, axis=2)
    size = size[None, :, None]
    box_center = ((low + high) / 2 - center) / size
    box_size = ops.log(ops.maximum(high - low, 1.0) / size)
    relative = ops.reshape((points - center[:, None]) / size[..., None], ops.shape(chosen_corners))
    return ops.concatenate([box_center, box_size, relative], axis=-1) / BOX_VARIANCE, target_class


def decode_windows(deltas, anchors: np.ndarray):
    """Returns boxes (batch, anchors, 4), xyxy, and corners (batch, anchors, 4, 2), in pixels; undoes encode_windows."""
    size = (anchors[:, 2] - anchors[:, 0])[:, None]
    center = (anchors[:, :2] + anchors[:, 2:]) / 2
    deltas = deltas * BOX_VARIANCE
    box_center = deltas[..., :2] * size + center
    half = ops.exp(ops.minimum(deltas[..., 2:4], 4.0)) * size / 2
    boxes = ops.concatenate([box_center - half, box_center + half], axis=-1)
    corners = deltas[..., 4:] * size + np.tile(center, (1, 4))
    return boxes, ops.reshape(corners, (ops.shape(deltas)[0], -1, 4, 2))
