"""Metrics that a person understands, from a model and labelled pictures."""

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np

from deploy.recognition.classes import FRACTION_CLASS, POINT_CLASS, STAGE2_CLASSES
from deploy.recognition.geometry import polygon_iou
from deploy.recognition.reading import decode_reading
from retinanet.datasets.row_text import row_text
from retinanet.evaluation.text import texts_match
from retinanet.evaluation.windows import MIN_IOU_OF_ERROR, score_window

# From pictures (batch, height, width, 3) to objects by name.
Detect = Callable[..., dict[str, np.ndarray]]

# A detection counts from this score on.
MIN_SCORE = 0.3


def stage1_metrics(detect: Detect, batches) -> dict[str, float]:
    """Returns the metrics of stage 1 on (images, labels) batches; one look, no zoom.

    Returns:
        `windows_found`: share of windows that their best detection finds, as `evaluation.windows` says.
        `corner_error`: mean distance of the corners in per cent of the window's height, over the windows that were
        found at all (overlap above 0.3). `class_accuracy`: share of those whose class is right.
    """
    found, errors, right_class = [], [], []
    for images, labels in batches:
        detections = detect(images)
        for index, (corners, classes) in enumerate(_pairs(labels, "corners")):
            present = np.flatnonzero(detections["scores"][index] >= MIN_SCORE)
            for window, number in zip(corners, classes, strict=True):
                overlaps = [polygon_iou(window, detections["corners"][index, entry]) for entry in present]
                best = int(np.argmax(overlaps)) if overlaps else -1
                if best < 0 or overlaps[best] < MIN_IOU_OF_ERROR:
                    found.append(False)
                    continue
                score = score_window(detections["corners"][index, present[best]], window)
                found.append(score.found)
                errors.append(score.corner_error)
                right_class.append(detections["classes"][index, present[best]] == number)
    return {
        "windows_found": float(np.mean(found)) if found else 0.0,
        "corner_error": float(np.mean(errors)) if errors else float("nan"),
        "class_accuracy": float(np.mean(right_class)) if right_class else 0.0,
    }


def labelled_text(boxes: np.ndarray, classes: np.ndarray) -> str:
    """Returns the text that the labelled boxes of a window spell; `?` for a wheel that is no digit.

    Args:
        boxes: (n, 4) xyxy in any unit.
        classes: (n,) numbers of STAGE2_CLASSES.
    """
    objects = [(box, STAGE2_CLASSES[int(number)]) for box, number in zip(boxes, classes, strict=True)]
    edges = [box[0] for box, name in objects if name == FRACTION_CLASS]
    edges = edges or [(box[0] + box[2]) / 2 for box, name in objects if name == POINT_CLASS]
    wheels = [((box[0] + box[2]) / 2, name) for box, name in objects if name not in (FRACTION_CLASS, POINT_CLASS)]
    return row_text(wheels, min(edges, default=np.inf))


def stage2_metrics(detect: Detect, batches) -> dict[str, float]:
    """Returns the metrics of stage 2 on (images, labels) batches.

    Returns:
        `windows_read`: share of windows whose whole text, comma included, is right. `digits_counted`: share whose
        number of digits is right.
    """
    right, counted = [], []
    for images, labels in batches:
        detections = detect(images)
        for index, (boxes, classes) in enumerate(_pairs(labels, "boxes")):
            text = labelled_text(boxes, classes)
            read = decode_reading(detections["boxes"][index], detections["class_scores"][index]).text
            right.append(texts_match(read, text))
            counted.append(len(read.replace(",", "")) == len(text.replace(",", "")))
    return {
        "windows_read": float(np.mean(right)) if right else 0.0,
        "digits_counted": float(np.mean(counted)) if counted else 0.0,
    }


def _pairs(labels: dict, name: str):
    """Yields the labelled shapes and classes of each example of a batch, without the padding."""
    for shapes, classes in zip(labels[name].numpy(), labels["classes"].numpy(), strict=True):
        yield shapes[classes >= 0], classes[classes >= 0]


@dataclasses.dataclass(frozen=True)
class EpochMetrics:
    """What is told of a stage after each epoch.

    Attributes:
        measure: from what detects objects in pictures, and labelled batches, to metrics by name.
        best: the one that tells the best weights.
    """

    measure: Callable[[Detect, Iterable], dict[str, float]]
    best: str


METRICS = {1: EpochMetrics(stage1_metrics, "windows_found"), 2: EpochMetrics(stage2_metrics, "windows_read")}
