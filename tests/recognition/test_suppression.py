import json
from dataclasses import asdict

import numpy as np
import pytest

from deploy.recognition.suppression import Suppression, find_digits, find_windows, suppress, vote
from retinanet.config import STAGE1, STAGE2
from retinanet.export.formats import CANDIDATES, suppression_rules
from retinanet.models.detector import DETECTIONS
from retinanet.models.layers import anchor_boxes

RULES = Suppression(groups=((tuple(range(15)), 4),), min_score=0.02, overlap=0.5, candidates=500)
SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


def boxes(*lefts):
    """Boxes ten wide and ten high."""
    return np.array([[left, 0, left + 10, 10] for left in lefts], np.float32)


def test_the_better_of_two_stays():
    # 0 and 3 overlap by 70 / 130, 0 and 4 by 60 / 140
    kept = suppress(boxes(0, 3, 4, 30), np.array([0.5, 0.9, 0.4, 0.6], np.float32), 4, RULES)
    assert kept.tolist() == [1, 3]
    kept = suppress(boxes(0, 4, 30), np.array([0.5, 0.4, 0.6], np.float32), 4, RULES)
    assert kept.tolist() == [2, 0, 1]


def test_limit_least_score_and_ties():
    places = boxes(0, 20, 40, 60)
    assert suppress(places, np.full(4, 0.5, np.float32), 3, RULES).tolist() == [0, 1, 2]
    assert suppress(places, np.array([0.02, 0.03, 0, 0.01], np.float32), 3, RULES).tolist() == [1]
    assert suppress(places, np.zeros(4, np.float32), 3, RULES).tolist() == []


def test_only_the_best_candidates_are_looked_at():
    rules = Suppression(groups=(), min_score=0.02, overlap=0.5, candidates=2)
    assert suppress(boxes(0, 20, 1), np.array([0.8, 0.7, 0.9], np.float32), 3, rules).tolist() == [2]


def test_votes_are_averaged_whichever_way_up():
    kept = SQUARE[None]
    opposite = np.roll(SQUARE + 0.4, 2, axis=0)
    far = SQUARE + 5
    voters, scores = np.stack([SQUARE, opposite, far]), np.array([0.6, 0.2, 0.9], np.float32)
    upright = vote(kept, voters, np.array([-9, 9, 9], np.float32), scores, 1.0)
    np.testing.assert_allclose(upright, kept + 0.1, atol=1e-6)
    turned = vote(kept, voters, np.array([9, -9, -9], np.float32), scores, 1.0)
    np.testing.assert_allclose(turned, np.roll(kept, 2, axis=1) + 0.1, atol=1e-6)


def test_nothing_found_is_zeros():
    empty = {"boxes": boxes(0, 20), "class_scores": np.full((2, 15), 0.01, np.float32)}
    for value in find_digits(empty, RULES).values():
        assert not value.any() and len(value) == 4
    windows = {
        **empty,
        "corners": np.ones((2, 4, 2), np.float32),
        "half_turn": np.ones(2, np.float32),
    }
    rules = Suppression(groups=(((0,), 3),), min_score=0.02, overlap=0.5, candidates=9, voters=2, voting_distance=1.0)
    for value in find_windows(windows, rules).values():
        assert not value.any() and len(value) == 3


def test_rules_survive_the_manifest():
    for config in (STAGE1, STAGE2):
        rules = suppression_rules(config)
        assert Suppression.from_dict(json.loads(json.dumps(asdict(rules)))) == rules
    with pytest.raises(TypeError, match="unknown"):
        Suppression.from_dict(asdict(RULES) | {"unknown": 1})


@pytest.mark.parametrize("config", [STAGE1, STAGE2], ids=["stage1", "stage2"])
def test_answers_like_the_graph_of_tensorflow(config):
    random = np.random.default_rng(config.stage)
    anchors = len(anchor_boxes(config))
    predictions = {
        # here and there a likely object, all else far below the least score
        "classification": np.where(random.random((2, anchors, 1)) < 0.04, 0, -9)
        + random.normal(-2, 2, (2, anchors, len(config.class_names))),
        "box": random.normal(0, 0.7, (2, anchors, {1: 12, 2: 4}[config.stage])),
        "half_turn": random.normal(0, 2, (2, anchors)),
    }
    predictions = {name: value.astype(np.float32) for name, value in predictions.items()}
    expected = {name: value.numpy() for name, value in DETECTIONS[config.stage](predictions, config).items()}
    candidates = {name: np.asarray(value) for name, value in CANDIDATES[config.stage](predictions, config).items()}
    find = {1: find_windows, 2: find_digits}[config.stage]
    for index in range(2):
        found = find({name: value[index] for name, value in candidates.items()}, suppression_rules(config))
        used = found["scores"] > 0
        assert used.sum() > 5
        assert set(found) == set(expected)
        for name, value in found.items():
            right = expected[name][index]
            assert value.dtype == right.dtype and value.shape == right.shape
            np.testing.assert_allclose(value[used], right[used], rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(expected["scores"][index] > 0, used)
