"""From the candidates at thousands of anchors to the few objects in a picture, without TensorFlow.

The formats beside SavedModel hold the network and the decoding of its boxes, nothing more: suppression in the graph
would bring loops and shapes that depend on the picture, which TensorRT refuses and other runtimes run slowly. Few
candidates have a score worth looking at, so that this takes less than a millisecond.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

# Candidates with the best scores that are looked at, of the thousands of anchors. Twenty anchors and more find the same
# wheel, so fewer would leave out whole wheels of a long counter.
CANDIDATES = 500
OVERLAP = 0.5
# Recognition passes over whatever scores less; half the time of suppression went into it.
MIN_SCORE = 0.1


@dataclasses.dataclass(frozen=True)
class Suppression:
    """How a stage's candidates become objects; it travels in the manifest of the models.

    Attributes:
        groups: (classes, limit) each: candidates of these classes exclude one another, and so many are kept.
        min_score: candidates must be above it.
        overlap: of two candidates that overlap more, as intersection over union, the better one is kept.
        candidates: the best so many of a group are looked at.
        voters: the best so many of stage 1 vote on the corners.
        voting_distance: in heights of a window, how far off a voter's corners may lie.
    """

    groups: tuple[tuple[tuple[int, ...], int], ...]
    min_score: float
    overlap: float
    candidates: int
    voters: int = 0
    voting_distance: float = 0.0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Suppression":
        """Returns what `dataclasses.asdict` and JSON made of it.

        Raises:
            KeyError, TypeError or ValueError: a value is missing, unknown or none of its kind.
        """
        groups = tuple((tuple(map(int, classes)), int(limit)) for classes, limit in values["groups"])
        return cls(**{**values, "groups": groups})


def find_windows(candidates: Mapping[str, np.ndarray], rules: Suppression) -> dict[str, np.ndarray]:
    """Returns the windows in one picture, the best first.

    Args:
        candidates: `boxes` (anchors, 4) xyxy, `corners` (anchors, 4, 2), x, y, `half_turn` (anchors,), the logit that
            the corners start at the end of the reading, and `class_scores` (anchors, classes) in 0..1.
        rules: of stage 1, with one group.

    Returns:
        `corners` (limit, 4, 2), `boxes` (limit, 4), `scores` (limit,) and `classes` (limit,) int32; zeros where
        unused.
    """
    (_, limit), scores = rules.groups[0], np.ascontiguousarray(candidates["class_scores"].T).max(axis=0)
    kept = suppress(candidates["boxes"], scores, limit, rules)
    found = {
        "corners": np.zeros((limit, 4, 2), np.float32),
        "boxes": np.zeros((limit, 4), np.float32),
        "scores": np.zeros(limit, np.float32),
        "classes": np.zeros(limit, np.int32),
    }
    if len(kept):
        top = np.argpartition(-scores, rules.voters - 1)[: rules.voters]
        corners = candidates["corners"]
        found["corners"][: len(kept)] = vote(
            corners[kept], corners[top], candidates["half_turn"][top], scores[top], rules.voting_distance
        )
    found["boxes"][: len(kept)] = candidates["boxes"][kept]
    found["scores"][: len(kept)] = scores[kept]
    found["classes"][: len(kept)] = candidates["class_scores"][kept].argmax(axis=1)
    return found


def find_digits(candidates: Mapping[str, np.ndarray], rules: Suppression) -> dict[str, np.ndarray]:
    """Returns the digits, points and fraction regions in one window, the best first.

    Args:
        candidates: `boxes` (anchors, 4) and `class_scores` (anchors, classes) in 0..1.
        rules: of stage 2.

    Returns:
        `boxes` (k, 4) as they came, `class_scores` (k, classes), where an entry has scores only for the classes of its
        group, `scores` (k,) the best of them and `classes` (k,) int32 which; k is the sum of the groups' limits.
        Zeros where unused.
    """
    # NumPy takes maxima of rows so short thirty times slower than of columns
    all_scores = np.ascontiguousarray(candidates["class_scores"].T)
    worth = np.flatnonzero(all_scores.max(axis=0) > rules.min_score)
    all_boxes, all_scores = candidates["boxes"][worth], all_scores[:, worth]
    length = sum(limit for _, limit in rules.groups)
    boxes = np.zeros((length, 4), np.float32)
    class_scores = np.zeros((length, len(all_scores)), np.float32)
    used = 0
    for classes, limit in rules.groups:
        group = np.array(classes)
        kept = suppress(all_boxes, all_scores[group].max(axis=0), limit, rules)
        boxes[used : used + len(kept)] = all_boxes[kept]
        class_scores[used : used + len(kept), group] = all_scores[group[:, None], kept].T
        used += len(kept)
    scores = class_scores.max(axis=1)
    order = np.argsort(-scores, kind="stable")
    return {
        "boxes": boxes[order],
        "class_scores": class_scores[order],
        "scores": scores[order],
        "classes": class_scores[order].argmax(axis=1).astype(np.int32),
    }


def suppress(boxes: np.ndarray, scores: np.ndarray, limit: int, rules: Suppression) -> np.ndarray:
    """Returns the indices of the boxes (n, 4), xyxy, that stay: at most `limit`, the best score first."""
    worth = np.flatnonzero(scores > rules.min_score)
    if not len(worth):
        return worth
    if len(worth) > rules.candidates:
        worth = np.sort(worth[np.argpartition(-scores[worth], rules.candidates - 1)[: rules.candidates]])
    order = worth[np.argsort(-scores[worth], kind="stable")]
    # OpenCV's, which takes boxes one by one, needs twice the time
    edges = np.ascontiguousarray(boxes[order].T, np.float64)
    areas = (edges[2:] - edges[:2]).prod(axis=0)
    free = np.ones(len(order), bool)
    kept: list[int] = []
    while len(kept) < limit and free.any():
        best = int(free.argmax())
        kept.append(best)
        sides = np.minimum(edges[2:], edges[2:, best, None]) - np.maximum(edges[:2], edges[:2, best, None])
        shared = np.maximum(sides, 0).prod(axis=0)
        free &= shared <= rules.overlap * (areas + areas[best] - shared)
        free[best] = False
    kept_candidates: np.ndarray = order[kept]
    return kept_candidates


def vote(
    kept: np.ndarray, voters: np.ndarray, half_turn: np.ndarray, scores: np.ndarray, distance: float
) -> np.ndarray:
    """Returns the corners (kept, 4, 2) of the kept windows, averaged over the candidates that found the same ones.

    Every anchor errs in its own way: those whose corners, one way up or the other, all lie within `distance` of the
    kept window's, in its heights, take part with their score as weight. They also vote on which way up it is.

    Args:
        kept: corners (kept, 4, 2), x, y.
        voters: corners (voters, 4, 2).
        half_turn: (voters,), the logits that their corners start at the end of the reading.
        scores: (voters,), 0 to 1.
        distance: in heights of the kept window.
    """
    opposite = np.roll(voters, 2, axis=1)
    height = np.linalg.norm(kept[:, 3] + kept[:, 2] - kept[:, 0] - kept[:, 1], axis=-1) / 2
    same_distance = np.linalg.norm(kept[:, None] - voters, axis=-1).max(axis=-1)  # (kept, voters)
    opposite_distance = np.linalg.norm(kept[:, None] - opposite, axis=-1).max(axis=-1)
    is_same = same_distance <= opposite_distance
    near = np.minimum(same_distance, opposite_distance) <= distance * height[:, None]
    weights = scores * near
    total = weights.sum(axis=1)[:, None, None]
    aligned = np.where(is_same[..., None, None], voters, opposite)  # (kept, voters, 4, 2)
    mean = (weights[..., None, None] * aligned).sum(axis=1) / np.maximum(total, 1e-6)
    mean = np.where(total > 1e-6, mean, kept)
    # 1 for a voter that reads the kept window's way, -1 for one that would turn it
    way = np.tanh(-half_turn / 2) * np.where(is_same, 1, -1)
    turned = (weights * way).sum(axis=1) < 0
    upright: np.ndarray = np.where(turned[:, None, None], np.roll(mean, 2, axis=1), mean)
    return upright
