"""All windows on a photo, found with a Keras model of stage 1 by the looks that recognition takes."""

from collections.abc import Sequence

import numpy as np

from deploy.recognition.classes import STAGE1_CLASSES
from deploy.recognition.geometry import polygon_iou
from deploy.recognition.looks import Clock
from deploy.recognition.recognition import STEPS
from deploy.recognition.settings import WindowSettings
from deploy.recognition.window import Window
from deploy.recognition.window_search import WindowFinder
from retinanet.evaluation.windows import Windows
from retinanet.models.detector import detector

BATCH_SIZE = 8
# Two looks that started from different detections may end on the same window.
SAME_WINDOW_IOU = 0.5


class AllWindows:
    """Finds all windows of photos with a Keras model, by the looks and the thresholds of recognition.

    Args:
        model: of stage 1.
        second_look: whether to look again, zoomed on each window.
    """

    def __init__(self, model, second_look: bool):
        self.detector = detector(model)
        self.second_look = second_look
        self.finder = WindowFinder(self.detect, model.model_config.input_height, WindowSettings())

    def detect(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns what the model finds in uint8 RGB pictures (n, size, size, 3), as the exported one does.

        They go through in batches of one size, filled up with black: each new size would be traced anew, which takes
        longer than the pictures themselves.
        """
        parts = []
        for start in range(0, len(images), BATCH_SIZE):
            chunk = images[start : start + BATCH_SIZE]
            batch = np.zeros((BATCH_SIZE, *images.shape[1:]), np.float32)
            batch[: len(chunk)] = chunk
            parts.append({name: values[: len(chunk)] for name, values in self.detector(batch).items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def __call__(self, photos: Sequence[np.ndarray]) -> list[Windows]:
        """Returns the windows of each photo, uint8 RGB (height, width, 3), the best first."""
        found = self.finder.find_all(photos, self.second_look, Clock(STEPS))
        return [_as_arrays(_different(windows)) for windows in found]


def _different(windows: Sequence[Window]) -> list[Window]:
    """Returns the windows, the best first, without those that lie on a better one."""
    kept: list[Window] = []
    for window in sorted(windows, key=lambda window: -window.score):
        if all(polygon_iou(window.corners, other.corners) <= SAME_WINDOW_IOU for other in kept):
            kept.append(window)
    return kept


def _as_arrays(windows: Sequence[Window]) -> Windows:
    return Windows(
        np.array([window.corners for window in windows], np.float32).reshape(-1, 4, 2),
        np.array([STAGE1_CLASSES.index(window.label) for window in windows], int),
        np.array([window.score for window in windows], float),
    )
