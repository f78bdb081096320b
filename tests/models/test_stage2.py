import numpy as np
import pytest

from deploy.recognition.classes import STAGE2_CLASSES
from retinanet.config import STAGE2
from retinanet.datasets.input_pipeline import pad_boxes
from retinanet.datasets.synthetic.crops import window_crops
from retinanet.models.layers import anchor_boxes
from retinanet.models.stage2 import NEGATIVE_IOU, POSITIVE_IOU, Stage2RetinaNet


@pytest.fixture(scope="module")
def encoder():
    return Stage2RetinaNet().label_encoder


def encode(encoder, boxes, classes):
    images = np.zeros((len(boxes), STAGE2.input_height, STAGE2.input_width, 3), np.float32)
    deltas, targets = encoder(images, {"boxes": np.array(boxes, np.float32), "classes": np.array(classes, np.float32)})
    return np.array(deltas), np.array(targets)


def test_every_box_of_drawn_windows_has_a_positive_anchor(encoder):
    boxes, classes = [], []
    for draft in window_crops(60, seed=5):
        crop = draft.make()
        size = np.tile([STAGE2.input_width, STAGE2.input_height], 2)
        numbers = np.array([STAGE2_CLASSES.index(label) for label in crop.labels])
        padded, padded_classes = pad_boxes(crop.boxes_xyxy * size, numbers)
        boxes.append(padded)
        classes.append(padded_classes)
    _, targets = encode(encoder, boxes, classes)
    anchors = anchor_boxes(STAGE2)
    total = missed = 0
    for shapes, numbers, target in zip(np.array(boxes), classes, targets, strict=True):
        for box, number in zip(shapes, numbers, strict=True):
            if number < 0:
                continue
            inside = np.maximum(np.minimum(anchors[:, 2:], box[2:]) - np.maximum(anchors[:, :2], box[:2]), 0).prod(
                axis=1
            )
            union = (anchors[:, 2:] - anchors[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod() - inside
            own = (inside / union >= POSITIVE_IOU) & (target == number)
            total += 1
            missed += not own.any()
    assert total > 300
    assert missed == 0


def test_padding_makes_background(encoder):
    boxes, classes = pad_boxes(np.zeros((0, 4)), np.zeros(0))
    deltas, targets = encode(encoder, [boxes], [classes])
    assert np.all(targets == -1)
    assert np.all(np.isfinite(deltas))


def test_an_anchor_takes_its_own_box_with_zero_deltas(encoder):
    index = 700
    box = anchor_boxes(STAGE2)[index]
    boxes, classes = pad_boxes(box[None], np.array([7]))
    deltas, targets = encode(encoder, [boxes], [classes])
    assert targets[0, index] == 7
    np.testing.assert_allclose(deltas[0, index], 0, atol=1e-4)
    assert 0 < NEGATIVE_IOU < POSITIVE_IOU
