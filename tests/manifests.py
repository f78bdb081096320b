"""Manifests of models that are not there."""

from deploy.recognition.classes import STAGE1_CLASSES, STAGE2_CLASSES

RULES = {
    "groups": [[[0, 1], 2]],
    "min_score": 0.02,
    "overlap": 0.5,
    "candidates": 9,
    "voters": 1,
    "voting_distance": 1.0,
}


def manifest(**changes):
    return {
        "format_version": 3,
        "format": "savedmodel",
        "precision": "float32",
        "stage1": {"classes": list(STAGE1_CLASSES), "input_size": [320, 320], "suppression": RULES},
        "stage2": {
            "classes": list(STAGE2_CLASSES),
            "input_size": [128, 256],
            "suppression": RULES,
            "window_margin": [0.03, 0.1],
        },
        "files": {},
    } | changes
