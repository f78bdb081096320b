"""Figures that a person understands, from a model and labelled pictures."""

import numpy as np

from deploy.recognition.classes import DIGIT_CLASSES, FRACTION_CLASS, POINT_CLASS, STAGE2_CLASSES
from deploy.recognition.geometry import polygon_iou, side_lengths
from deploy.recognition.reading import decode_reading, join_text
from retinanet.models.detector import Detector

# A found window counts from this overlap of the quadrilaterals on, and from this score on.
LEAST_IOU = 0.75
LEAST_SCORE = 0.3


def stage1_figures(detector: Detector, batches) -> dict[str, float]:
    """Returns the figures of stage 1 on (images, labels) batches; one look, no zoom.

    Returns:
        `windows_found`: share of windows whose best detection overlaps by more than 0.75 and starts at the right
        corner. `corner_error`: mean distance of the corners in per cent of the window's height, over the windows
        that were found at all (overlap above 0.3). `class_accuracy`: share of those whose class is right.
    """
    found, errors, right_class = [], [], []
    for images, labels in batches:
        detections = detector(images)
        for index, (corners, classes) in enumerate(_pairs(labels, "corners")):
            present = np.flatnonzero(detections["scores"][index] >= LEAST_SCORE)
            for window, number in zip(corners, classes, strict=True):
                overlaps = [polygon_iou(window, detections["corners"][index, entry]) for entry in present]
                best = int(np.argmax(overlaps)) if overlaps else -1
                if best < 0 or overlaps[best] < 0.3:
                    found.append(False)
                    continue
                detected = detections["corners"][index, present[best]]
                error = np.linalg.norm(detected - window, axis=1).mean() / side_lengths(window)[1]
                errors.append(100 * error)
                right_class.append(detections["classes"][index, present[best]] == number)
                found.append(overlaps[best] > LEAST_IOU and error < 0.5)
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
    wheels = sorted(((box[0] + box[2]) / 2, name) for box, name in objects if name not in (FRACTION_CLASS, POINT_CLASS))
    edge = min(edges, default=np.inf)
    text = [(center, name if name in DIGIT_CLASSES else "?") for center, name in wheels]
    integer = "".join(name for center, name in text if center < edge)
    fraction = "".join(name for center, name in text if center >= edge)
    return join_text(integer, fraction)


def texts_match(read: str, right: str) -> bool:
    """Tells whether a text is the right one; `?` in the right one lets any digit pass."""
    return len(read) == len(right) and all(
        a == b or (b == "?" and a.isdecimal()) for a, b in zip(read, right, strict=True)
    )


def stage2_figures(detector: Detector, batches) -> dict[str, float]:
    """Returns the figures of stage 2 on (images, labels) batches.

    Returns:
        `windows_read`: share of windows whose whole text, comma included, is right. `digits_counted`: share whose
        number of digits is right.
    """
    right, counted = [], []
    for images, labels in batches:
        detections = detector(images)
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


FIGURES = {1: stage1_figures, 2: stage2_figures}
BEST_FIGURE = {1: "windows_found", 2: "windows_read"}
