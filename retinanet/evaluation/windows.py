"""What is a found window, how far its corners are off, and the confusion matrix of all windows of photos."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from deploy.recognition.geometry import polygon_iou, side_lengths

# A window is found where the quadrilaterals overlap by more, unless a set says otherwise.
MIN_IOU = 0.75
# From this overlap on a detection means the window, and the distance of its corners is measured.
MIN_IOU_OF_ERROR = 0.3


@dataclasses.dataclass(frozen=True)
class WindowScore:
    """How a found window compares with the labelled one.

    Attributes:
        iou: overlap of the two, 0 to 1; nan where no window is labelled.
        found: overlap above the limit, corners in the reading's order where that is known.
        corner_error: mean distance of the found corners from the labelled ones in per cent of the window's height;
            nan where there is no window or no order of corners is known.
    """

    iou: float
    found: bool
    corner_error: float


NOT_LABELLED = WindowScore(float("nan"), False, float("nan"))
NO_WINDOW = WindowScore(0.0, False, float("nan"))


def score_window(
    found: np.ndarray | None, labelled: np.ndarray, min_iou: float = MIN_IOU, outline: np.ndarray | None = None
) -> WindowScore:
    """Returns how a found window compares with the labelled one.

    Args:
        found: corners (4, 2) from the reading's top-left clockwise; None if no window was found.
        labelled: corners (4, 2) in the same order.
        min_iou: a window counts as found above this overlap.
        outline: points (n, 2) of the true outline, where corners do not tell the reading's order; only its overlap
            counts then.
    """
    if found is None:
        return NO_WINDOW
    if outline is not None:
        iou = polygon_iou(found, outline)
        return WindowScore(iou, iou > min_iou, float("nan"))
    iou = polygon_iou(found, labelled)
    return WindowScore(iou, iou > min_iou and _starts_right(found, labelled), corner_error(found, labelled))


def corner_error(found: np.ndarray, labelled: np.ndarray) -> float:
    """Returns the mean distance of found from labelled corners, (4, 2) each, in per cent of the window's height.

    A detection that starts at another corner of the reading is far off.
    """
    return 100 * float(np.linalg.norm(found - labelled, axis=1).mean()) / side_lengths(labelled)[1]


def _starts_right(found: np.ndarray, labelled: np.ndarray) -> bool:
    """Tells whether the found corners start at the right one: no other start brings them closer."""
    distances = [np.linalg.norm(np.roll(found, start, axis=0) - labelled, axis=1).mean() for start in range(4)]
    return int(np.argmin(distances)) == 0


@dataclasses.dataclass(frozen=True)
class Windows:
    """The windows of one photo, labelled or found.

    Attributes:
        corners: (n, 4, 2) x, y in pixels, from the reading's top-left clockwise.
        classes: (n,) whole numbers.
        scores: (n,) 0 to 1; of labelled windows 1.
    """

    corners: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


@dataclasses.dataclass(frozen=True)
class ClassCounts:
    """How often one class was right and wrong, over all cases of a matrix.

    Attributes:
        true_positives: windows of the class that were found as such.
        false_positives: detections of the class that are no window, or one of another class.
        false_negatives: windows of the class that were not found, or as another class.
        true_negatives: all other cases: the class is neither labelled nor detected.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def precision(self) -> float:
        """Returns the right share of the detections; NaN without any."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """Returns the share of the labelled windows that was found; NaN without any."""
        return _share(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """Returns the harmonic mean of precision and recall; NaN without window and detection."""
        wrong = self.false_positives + self.false_negatives
        return _share(2 * self.true_positives, 2 * self.true_positives + wrong)


def match(labelled: Windows, found: Windows, min_iou: float) -> list[tuple[int, int]]:
    """Returns pairs (labelled, found) of indices, one to one.

    The detections choose in the order of their scores, each the free labelled window that it overlaps most, if by
    more than `min_iou`; the class plays no part.
    """
    pairs: list[tuple[int, int]] = []
    free = set(range(len(labelled.corners)))
    for detection in np.argsort(-found.scores, kind="stable"):
        overlaps = {index: polygon_iou(labelled.corners[index], found.corners[detection]) for index in sorted(free)}
        best = max(overlaps, key=lambda index: overlaps[index], default=None)
        if best is not None and overlaps[best] > min_iou:
            free.remove(best)
            pairs.append((best, int(detection)))
    return pairs


def confusion_matrix(photos: Sequence[tuple[Windows, Windows]], class_count: int, min_iou: float) -> np.ndarray:
    """Returns the cases (class_count + 1, class_count + 1), labelled classes down, found ones across.

    The last row and column stand for nothing: a labelled window that nothing overlaps enough is a case in the last
    column, a detection that belongs to no window one in the last row, and a photo without either one in the corner.

    Args:
        photos: the labelled and the found windows of each.
        class_count: classes are 0 to class_count - 1.
        min_iou: overlap above which a detection stands for a labelled window.
    """
    matrix = np.zeros((class_count + 1, class_count + 1), int)
    nothing = class_count
    for labelled, found in photos:
        pairs = match(labelled, found, min_iou)
        for window, detection in pairs:
            matrix[labelled.classes[window], found.classes[detection]] += 1
        for window in set(range(len(labelled.classes))) - {window for window, _ in pairs}:
            matrix[labelled.classes[window], nothing] += 1
        for detection in set(range(len(found.classes))) - {detection for _, detection in pairs}:
            matrix[nothing, found.classes[detection]] += 1
        if not len(labelled.classes) and not len(found.classes):
            matrix[nothing, nothing] += 1
    return matrix


def class_counts(matrix: np.ndarray) -> list[ClassCounts]:
    """Returns the counts of each class of a confusion matrix."""
    counts = []
    for number in range(len(matrix) - 1):
        right = int(matrix[number, number])
        found, labelled = int(matrix[:, number].sum()), int(matrix[number].sum())
        rest = int(matrix.sum()) - found - labelled + right
        counts.append(ClassCounts(right, found - right, labelled - right, rest))
    return counts


def mean_corner_error(photos: Sequence[tuple[Windows, Windows]]) -> float:
    """Returns the mean corner error over all windows that a detection overlaps by more than 0.3; NaN without any."""
    errors = [
        corner_error(found.corners[detection], labelled.corners[window])
        for labelled, found in photos
        for window, detection in match(labelled, found, MIN_IOU_OF_ERROR)
    ]
    return float(np.mean(errors)) if errors else float("nan")


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
