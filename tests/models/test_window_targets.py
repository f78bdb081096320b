import numpy as np
import pytest

from deploy.recognition.geometry import polygon_iou
from retinanet.config import STAGE1
from retinanet.models.layers import anchor_boxes
from retinanet.models.stage1 import anchor_strides, nearer_way_up
from retinanet.models.window_targets import BOX_VARIANCE, decode_windows, encode_windows


@pytest.fixture(scope="module")
def anchors():
    return anchor_boxes(STAGE1)


@pytest.fixture(scope="module")
def strides():
    return anchor_strides(STAGE1)


def turned_window(center, width, height, degrees):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    return (corners @ turn.T + center).astype(np.float32)


def encode(corners, classes, anchors, strides):
    deltas, targets = encode_windows(np.array(corners, np.float32), np.array(classes, np.float32), anchors, strides)
    return np.array(deltas), np.array(targets)


def test_no_window_makes_every_anchor_background(anchors, strides):
    _, targets = encode(np.zeros((1, 2, 4, 2)), [[-1, -1]], anchors, strides)
    assert np.all(targets == -1)


@pytest.mark.parametrize("share", [0.04, 0.1, 0.3, 0.8])
@pytest.mark.parametrize("degrees", [0, 45, 90, 200])
def test_every_window_has_a_positive_anchor(anchors, strides, share, degrees):
    side = STAGE1.input_width
    window = turned_window((0.47 * side, 0.53 * side), share * side, share * side / 5, degrees)
    deltas, targets = encode([[window]], [[2]], anchors, strides)
    assert np.count_nonzero(targets == 2) >= 1
    assert np.all(np.isfinite(deltas))


def test_decoding_undoes_encoding(anchors, strides):
    window = turned_window((120, 200), 140, 30, 33)
    deltas, targets = encode([[window]], [[0]], anchors, strides)
    boxes, corners = decode_windows(deltas, anchors)
    positive = np.flatnonzero(targets[0] == 0)
    np.testing.assert_allclose(np.array(corners)[0, positive], np.tile(window, (len(positive), 1, 1)), atol=1e-3)
    expected = np.concatenate([window.min(axis=0), window.max(axis=0)])
    np.testing.assert_allclose(np.array(boxes)[0, positive], np.tile(expected, (len(positive), 1)), atol=1e-3)


def test_first_corner_keeps_its_place_upside_down(anchors, strides):
    window = turned_window((160, 160), 100, 20, 180)
    deltas, targets = encode([[window]], [[0]], anchors, strides)
    _, corners = decode_windows(deltas, anchors)
    first = np.array(corners)[0, np.argmax(targets[0] == 0), 0]
    np.testing.assert_allclose(first, [210, 170], atol=1e-3)


def test_known_numbers_of_one_anchor(anchors, strides):
    # the anchor of size 58 in the 4th column and row of P4 has its centre at (56, 56)
    window = np.array([[27, 51], [85, 51], [85, 61], [27, 61]], np.float32)
    deltas, targets = encode([[window]], [[1]], anchors, strides)
    centers, sizes = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2] - anchors[:, 0]
    index = np.flatnonzero(np.all(np.abs(centers - 56) < 0.1, axis=1) & (np.abs(sizes - 58) < 0.1))[0]
    assert targets[0, index] == 1
    expected = np.array([0, 0, 0, np.log(10 / 58), -0.5, -5 / 58, 0.5, -5 / 58, 0.5, 5 / 58, -0.5, 5 / 58])
    np.testing.assert_allclose(deltas[0, index] * BOX_VARIANCE, expected, atol=1e-5)


def test_two_windows_share_the_anchors_by_place(anchors, strides):
    left, right = turned_window((80, 80), 90, 20, 0), turned_window((240, 240), 90, 20, 90)
    deltas, targets = encode([[left, right]], [[0, 1]], anchors, strides)
    _, corners = decode_windows(deltas, anchors)
    corners = np.array(corners)[0]
    assert polygon_iou(corners[np.argmax(targets[0] == 0)], left) == pytest.approx(1, abs=1e-3)
    assert polygon_iou(corners[np.argmax(targets[0] == 1)], right) == pytest.approx(1, abs=1e-3)


def test_near_misses_are_left_out_of_the_loss(anchors, strides):
    _, targets = encode([[turned_window((160, 160), 98, 24, 0)]], [[0]], anchors, strides)
    assert np.count_nonzero(targets == -2) > np.count_nonzero(targets == 0) > 2


def test_corners_learn_the_nearer_way_up():
    corners = np.array([0, 0, 4, 0, 4, 1, 0, 1], np.float32)
    halved = np.array([4, 1, 0, 1, 0, 0, 4, 0], np.float32)
    target = np.concatenate([[2, 0.5, 1, 1], corners])[None, None].repeat(3, axis=1).astype(np.float32)
    predicted = target.copy()
    predicted[0, 1, 4:] = halved + 0.3
    predicted[0, 2, 4:] = 0.4 * corners + 0.6 * halved
    nearer, turned = (np.array(values) for values in nearer_way_up(target, predicted))
    np.testing.assert_array_equal(turned, [[0, 1, 1]])
    np.testing.assert_array_equal(nearer[0, :, 4:], [corners, halved, halved])
    np.testing.assert_array_equal(nearer[..., :4], target[..., :4])
