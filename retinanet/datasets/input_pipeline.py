"""Batches for training and validation, from the TensorFlow Datasets of both stages."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from deploy.recognition.classes import POINT_CLASS, STAGE2_CLASSES
from deploy.recognition.machine import cores
from retinanet.config import ModelConfig
from retinanet.datasets import augmentation
from retinanet.datasets.loading import load_split
from retinanet.datasets.schema import SCHEMAS

SHUFFLE_BUFFER = 20_000
# A decimal point is a few pixels large, smaller than any anchor; it is learned as a box of this width and height in
# pixels around it, of which only the middle counts when a text is read.
POINT_SIZE = (28, 64)
# Digits of a display that are lower than this are learned as boxes of at least this width and height, for the same
# reason: in lower ones no anchor would overlap enough.
MIN_DIGIT_SIZE = (22, 46)
# Of the training windows of stage 2, so many are shown upside down, with nothing to find: it has to tell which way up a
# reading stands, since 0, 1, 8 and 6 with 9 look like digits both ways.
UPSIDE_DOWN_SHARE = 0.08


@dataclasses.dataclass(frozen=True)
class Share:
    """The part of every batch that one process takes.

    Attributes:
        workers: processes that take equal parts.
        worker: this one's number among them, from 0.
        replicas: devices of this process; a batch comes as so many equal ones, one after the other.
    """

    workers: int = 1
    worker: int = 0
    replicas: int = 1

    @property
    def parts(self) -> int:
        """Returns the number of equal parts of a batch, one for each device of all processes."""
        return self.workers * self.replicas


WHOLE = Share()


def training_batches(paths: Sequence[Path], config: ModelConfig, batch_size: int, seed: int, share: Share = WHOLE):
    """Returns (tf.data.Dataset of augmented (images, labels) batches, examples in those of all processes).

    All processes together see what one would see, in batches of `batch_size`, augmented alike; none prepares examples
    of another. The last, short batch is left out. Images are float32 (batch, height, width, 3), 0..255; labels as the
    model of the stage takes them.

    Raises:
        UserError: a path holds no dataset of this stage, or the training split is empty.
    """
    import tensorflow as tf

    raw, count = load_split(paths, config.stage, "train", decode_images=False)
    numbers = tf.data.Dataset.counter()
    shuffled = raw.shuffle(min(count, SHUFFLE_BUFFER), seed=seed, reshuffle_each_iteration=True)
    steps = count // batch_size
    examples = tf.data.Dataset.zip(shuffled, numbers).take(steps * batch_size)
    own = examples.filter(lambda _, number: number % share.workers == share.worker)
    batches = _batches(own, config, batch_size, _MAKERS[config.stage].augmented, seed, share, whole=True)
    return batches.apply(tf.data.experimental.assert_cardinality(steps * share.replicas)), count


def validation_batches(
    paths: Sequence[Path], config: ModelConfig, batch_size: int, split: str, limit: int, share: Share = WHOLE
):
    """Returns (tf.data.Dataset of unchanged (images, labels) batches, examples in it) of at most `limit` examples.

    Stage 1 sees each photo whole, turned by 0, 90, 180 or 270 degrees in turn. The last batch may be short. Of several
    devices each has as many examples in it, so that some examples at the end may be left out; the examples counted are
    those of all processes.

    Raises:
        UserError: a path holds no dataset of this stage, or the split is empty.
    """
    import tensorflow as tf

    raw, count = load_split(paths, config.stage, split, decode_images=False)
    every = max(1, -(-count // limit))
    numbered = tf.data.Dataset.zip(raw, tf.data.Dataset.counter())
    chosen_count = -(-count // every)
    chosen_count -= chosen_count % share.parts
    chosen = numbered.filter(lambda _, number: number % every == 0).take(chosen_count)
    own = chosen.filter(lambda _, number: number // every % share.workers == share.worker)
    batches = _batches(own, config, batch_size, _MAKERS[config.stage].plain, 0, share, whole=False)
    steps = -(-chosen_count // batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(steps * share.replicas)), chosen_count


def window_corners(boxes: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Returns corners (n, 4, 2), x, y in pixels of the photo, from the dataset's 12 numbers a window.

    Args:
        boxes: (n, 12) shares of the photo's height and width: the box around the window, then the corners, y, x.
        image: the photo, (height, width, 3).
    """
    corners = boxes.reshape(-1, 12)[:, 4:].reshape(-1, 4, 2)[..., ::-1]
    return corners * [image.shape[1], image.shape[0]]


def _batches(examples, config: ModelConfig, batch_size: int, make_example, seed: int, share: Share, whole: bool):
    import tensorflow as tf

    schema = SCHEMAS[config.stage]

    def make(image, boxes, labels, number):
        return make_example(np.random.default_rng([seed, int(number)]), image, boxes, labels, config)

    def load(example, number):
        image = tf.io.decode_image(example["image"], channels=3, expand_animations=False)
        objects = example["objects"]
        picture, shapes, classes = tf.numpy_function(
            make, [image, objects["bbox"], objects["label"], number], (tf.uint8, tf.float32, tf.float32)
        )
        picture = tf.cast(tf.ensure_shape(picture, (config.input_height, config.input_width, 3)), tf.float32)
        classes = tf.ensure_shape(classes, (schema.most_objects,))
        shapes = tf.ensure_shape(shapes, (schema.most_objects, *schema.shape))
        return picture, {schema.shape_name: shapes, "classes": classes}

    mapped = examples.map(load, num_parallel_calls=cores())
    # with whole batches alone their size is known to the graph
    batches = mapped.batch(batch_size // share.workers, drop_remainder=whole)
    if share.replicas > 1:
        parts = functools.partial(tf.nest.map_structure, functools.partial(_parts, count=share.replicas))
        batches = batches.map(lambda *batch: parts(batch)).unbatch()
    return batches.prefetch(2 * share.replicas)


def _parts(values, count: int):
    """Returns a batch (n, ...) as so many equal ones, (count, n / count, ...)."""
    import tensorflow as tf

    return tf.reshape(values, (count, -1, *values.shape[1:]))


def _augmented_stage1(random, image, boxes, labels, config):
    corners = window_corners(boxes, image)
    view, corners = augmentation.look_at_photo(random, image, corners, config.input_width)
    view = augmentation.degrade(random, augmentation.change_light(random, view))
    return view, *_pad_windows(corners, labels, config)


def _plain_stage1(random, image, boxes, labels, config):
    import cv2

    corners = window_corners(boxes, image)
    size = config.input_width
    view = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    corners = corners * [size / image.shape[1], size / image.shape[0]]
    turns = int(random.integers(4))
    view = np.ascontiguousarray(np.rot90(view, -turns))
    for _ in range(turns):  # a quarter clockwise: (x, y) -> (size - y, x)
        corners = np.stack([size - corners[..., 1], corners[..., 0]], axis=-1)
    return view, *_pad_windows(corners, labels, config)


def _augmented_stage2(random, image, boxes, labels, config):
    size = (config.input_width, config.input_height)
    view, boxes = augmentation.jitter_window(random, image, _boxes_xyxy(boxes, image), size)
    if random.random() < UPSIDE_DOWN_SHARE:
        view, boxes, labels = np.ascontiguousarray(view[::-1, ::-1]), boxes[:0], labels[:0]
    view = augmentation.change_light(random, augmentation.change_colors(random, view))
    return augmentation.degrade(random, view), *pad_boxes(boxes, labels)


def _plain_stage2(random, image, boxes, labels, config):
    import cv2

    size = (config.input_width, config.input_height)
    scaled = _boxes_xyxy(boxes, image) * np.tile(np.array(size) / image.shape[1::-1], 2)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), *pad_boxes(scaled, labels)


@dataclasses.dataclass(frozen=True)
class _Makers:
    """What makes the model's example of a stored one."""

    augmented: Callable
    plain: Callable


_MAKERS = {1: _Makers(_augmented_stage1, _plain_stage1), 2: _Makers(_augmented_stage2, _plain_stage2)}


def _boxes_xyxy(boxes, image):
    """Returns boxes (n, 4), xyxy in pixels, from the dataset's relative yxyx."""
    return boxes.reshape(-1, 4)[:, [1, 0, 3, 2]] * np.tile([image.shape[1], image.shape[0]], 2)


def _pad_windows(corners, labels, config):
    """Returns corners (most_objects, 4, 2) and classes; windows whose middle lies outside the view are dropped."""
    padded = np.zeros((SCHEMAS[1].most_objects, 4, 2), np.float32)
    classes = np.full(SCHEMAS[1].most_objects, -1, np.float32)
    size = np.array([config.input_width, config.input_height])
    count = 0
    for window, label in zip(corners, labels, strict=True):
        middle = window.mean(axis=0)
        if np.all(middle > 0) and np.all(middle < size) and count < len(padded):
            padded[count], classes[count] = window, label
            count += 1
    return padded, classes


def pad_boxes(boxes, labels):
    """Returns boxes (most_objects, 4) and classes; padding lies outside the window, where no anchor overlaps it."""
    padded = np.tile(np.array([-2, -2, -1, -1], np.float32), (SCHEMAS[2].most_objects, 1))
    classes = np.full(SCHEMAS[2].most_objects, -1, np.float32)
    is_point = labels == STAGE2_CLASSES.index(POINT_CLASS)
    middles = np.tile((boxes[:, :2] + boxes[:, 2:]) / 2, 2)
    boxes = np.where(is_point[:, None], middles + np.array([-1, -1, 1, 1]) * np.tile(POINT_SIZE, 2) / 2, boxes)
    sizes = boxes[:, 2:] - boxes[:, :2]
    is_low = sizes[:, 1:] < MIN_DIGIT_SIZE[1]
    grown = middles + np.array([-1, -1, 1, 1]) * np.tile(np.maximum(sizes, MIN_DIGIT_SIZE), 2) / 2
    large = np.all(sizes > 2, axis=1)
    boxes = np.where(is_low, grown, boxes)[large][: len(padded)]
    labels = labels[large][: len(padded)]
    padded[: len(boxes)], classes[: len(labels)] = boxes, labels
    return padded, classes
