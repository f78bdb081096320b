import dataclasses
import json
from dataclasses import asdict

import numpy as np
import pytest

from deploy.recognition.suppression import Suppression, find_digits, find_windows, suppress, vote

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


def test_what_is_found_has_one_shape_and_type():
    random = np.random.default_rng(0)
    candidates = {
        "boxes": boxes(*(20 * np.arange(40))),
        "class_scores": random.uniform(0, 1, (40, 15)).astype(np.float32),
        "corners": random.uniform(0, 99, (40, 4, 2)).astype(np.float32),
        "half_turn": random.normal(0, 1, 40).astype(np.float32),
    }
    rules = dataclasses.replace(RULES, groups=(((0, 1, 2), 3), ((14,), 2)), voters=5, voting_distance=1.0)
    digits = find_digits(candidates, rules)
    assert {name: (value.shape, value.dtype) for name, value in digits.items()} == {
        "boxes": ((5, 4), np.float32),
        "class_scores": ((5, 15), np.float32),
        "scores": ((5,), np.float32),
        "classes": ((5,), np.int32),
    }
    assert np.all(np.diff(digits["scores"]) <= 0) and set(digits["classes"].tolist()) <= {0, 1, 2, 14}
    windows = find_windows(candidates, rules)
    assert {name: (value.shape, value.dtype) for name, value in windows.items()} == {
        "corners": ((3, 4, 2), np.float32),
        "boxes": ((3, 4), np.float32),
        "scores": ((3,), np.float32),
        "classes": ((3,), np.int32),
    }


def test_rules_survive_the_manifest():
    assert Suppression.from_dict(json.loads(json.dumps(asdict(RULES)))) == RULES
    with pytest.raises(TypeError, match="unknown"):
        Suppression.from_dict(asdict(RULES) | {"unknown": 1})
