import numpy as np
import pytest

from retinanet.config import STAGE1, STAGE2
from retinanet.models.layers import anchor_boxes
from retinanet.models.stage1 import Stage1RetinaNet, anchor_strides, window_candidates
from retinanet.models.stage2 import Stage2RetinaNet, decode_boxes, digit_candidates
from retinanet.models.window_targets import encode_windows
from retinanet.training.epoch_metrics import labelled_text, stage1_metrics, stage2_metrics


class Labels:
    """Stands for a TensorFlow tensor."""

    def __init__(self, values):
        self.values = np.array(values, np.float32)

    def numpy(self):
        return self.values


def test_labelled_text_sorts_wheels_and_puts_the_comma():
    boxes = np.array([[30, 0, 40, 9], [0, 0, 10, 9], [15, 0, 25, 9], [28, 0, 60, 9], [45, 0, 55, 9]])
    assert labelled_text(boxes, np.array([3, 0, 7, 14, 12])) == "07,3?"


def test_labelled_text_of_no_boxes_is_empty():
    assert labelled_text(np.zeros((0, 4)), np.zeros(0)) == ""


def found_by(model, candidates_of, predictions, config):
    """What is found with raw predictions, by name, with a batch in front."""
    candidates = {name: np.array(value) for name, value in candidates_of(predictions, config).items()}
    count = len(predictions["box"])
    found = [
        model.find({name: value[i] for name, value in candidates.items()}, model.suppression) for i in range(count)
    ]
    return {name: np.stack([one[name] for one in found]) for name in found[0]}


def windows_in(predictions):
    return found_by(Stage1RetinaNet, window_candidates, predictions, STAGE1)


def digits_in(predictions):
    return found_by(Stage2RetinaNet, digit_candidates, predictions, STAGE2)


def stage1_outputs(window, number):
    deltas, classes = encode_windows(
        np.array([[window]], np.float32), np.array([[number]], np.float32), anchor_boxes(STAGE1), anchor_strides(STAGE1)
    )
    classification = np.full((1, len(anchor_boxes(STAGE1)), 4), -8, np.float32)
    classification[0, np.array(classes)[0] >= 0, number] = 4
    half_turn = np.full(classification.shape[:2], -6, np.float32)
    return {"box": np.array(deltas), "half_turn": half_turn, "classification": classification}


def test_corners_that_start_at_the_wrong_end_are_turned_by_half():
    window = np.array([[60, 100], [200, 110], [198, 140], [58, 130]], np.float32)
    outputs = stage1_outputs(np.roll(window, 2, axis=0), 0)
    # all anchors say that their corners start at the wrong end, but one, whose corners start at the right one
    outputs["half_turn"][:] = 6
    positive = np.flatnonzero(outputs["classification"][0, :, 0] > 0)
    outputs["box"][0, positive[0]] = stage1_outputs(window, 0)["box"][0, positive[0]]
    outputs["half_turn"][0, positive[0]] = -6
    detections = windows_in(outputs)
    np.testing.assert_allclose(detections["corners"][0, 0], window, atol=1e-2)


def test_way_up_is_what_most_anchors_say():
    window = np.array([[60, 100], [200, 110], [198, 140], [58, 130]], np.float32)
    outputs = stage1_outputs(window, 0)
    positive = np.flatnonzero(outputs["classification"][0, :, 0] > 0)
    assert len(positive) >= 3
    outputs["half_turn"][0, positive[:1]] = 6
    np.testing.assert_allclose(windows_in(outputs)["corners"][0, 0], window, atol=1e-2)
    outputs["half_turn"][0, positive[:-1]] = 6
    turned = windows_in(outputs)["corners"][0, 0]
    np.testing.assert_allclose(turned, np.roll(window, 2, axis=0), atol=1e-2)


def test_perfect_predictions_of_stage1_are_found():
    window = np.array([[60, 100], [200, 110], [198, 140], [58, 130]], np.float32)
    detections = windows_in(stage1_outputs(window, 1))
    scores = detections["scores"][0]
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-5)
    assert np.all(scores[1:] == 0)
    np.testing.assert_allclose(detections["corners"][0, 0], window, atol=1e-2)
    as_arrays = detections
    labels = {"corners": Labels([[window]]), "classes": Labels([[1]])}
    figures = stage1_metrics(lambda images: as_arrays, [(None, labels)])
    assert figures["windows_found"] == 1
    assert figures["class_accuracy"] == 1
    assert figures["corner_error"] == pytest.approx(0, abs=0.1)


def test_upside_down_window_is_not_found():
    window = np.array([[60, 100], [200, 100], [200, 130], [60, 130]], np.float32)
    as_arrays = windows_in(stage1_outputs(window, 0))
    labels = {"corners": Labels([[np.roll(window, 2, axis=0)]]), "classes": Labels([[0]])}
    figures = stage1_metrics(lambda images: as_arrays, [(None, labels)])
    assert figures["windows_found"] == 0
    assert figures["corner_error"] > 100


def test_nothing_in_stage2_gives_only_unused_entries():
    count = len(anchor_boxes(STAGE2))
    predictions = {
        "box": np.zeros((2, count, 4), np.float32),
        "classification": np.full((2, count, 15), -9, np.float32),
    }
    detections = digits_in(predictions)
    assert detections["boxes"].shape == (2, 32, 4)
    assert np.all(detections["scores"] == 0)
    labels = {"boxes": Labels(np.zeros((2, 0, 4))), "classes": Labels(np.zeros((2, 0)))}
    as_arrays = detections
    assert stage2_metrics(lambda images: as_arrays, [(None, labels)]) == {"windows_read": 1, "digits_counted": 1}


def test_one_place_shows_one_digit_and_fractions_lie_over_digits():
    anchors = anchor_boxes(STAGE2)
    boxes = np.array(decode_boxes(np.zeros((1, len(anchors), 4), np.float32), STAGE2))[0]
    np.testing.assert_allclose(boxes, anchors, atol=1e-3)
    index = len(anchors) // 3
    classification = np.full((1, len(anchors), 15), -9, np.float32)
    classification[0, index, [3, 5, 14]] = [2, 1, 3]
    detections = digits_in({"box": np.zeros((1, len(anchors), 4)), "classification": classification})
    assert np.count_nonzero(detections["scores"]) == 2
    assert detections["classes"][0, :2].tolist() == [14, 3]
    class_scores = detections["class_scores"][0]
    assert class_scores[0, 3] == 0
    assert class_scores[1, 5] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-5)
