"""The test of a stage-1 model on the photos of a dataset: what it finds, with the looks that recognition takes."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deploy.recognition.classes import STAGE1_CLASSES
from retinanet.datasets.input_pipeline import window_corners
from retinanet.datasets.loading import load_split
from retinanet.evaluation.all_windows import BATCH_SIZE, AllWindows
from retinanet.evaluation.intervals import wilson_interval
from retinanet.evaluation.windows import ClassCounts, Windows, class_counts, confusion_matrix, mean_corner_error
from retinanet.models.checkpoints import load_model

BINARY_CLASSES = ("analog", "digital")


@dataclasses.dataclass(frozen=True)
class Report:
    """What the test found at one threshold.

    Attributes:
        min_iou: the threshold.
        class_names: of the matrix, in its order.
        matrix: (classes + 1, classes + 1) cases, labelled down, found across, the last one nothing.
        counts: one a class.
    """

    min_iou: float
    class_names: tuple[str, ...]
    matrix: np.ndarray
    counts: tuple[ClassCounts, ...]


@dataclasses.dataclass(frozen=True)
class Stage1Result:
    """The result of a test.

    Attributes:
        photos: how many were looked at.
        windows: how many are labelled on them.
        corner_error: mean distance of the corners in per cent of the window's height.
        reports: one a threshold.
    """

    photos: int
    windows: int
    corner_error: float
    reports: tuple[Report, ...]


def measure(
    model: Path, dataset: Path, split: str, binary: bool, thresholds: Sequence[float], second_look: bool = True
) -> Stage1Result:
    """Returns what a model reaches on one split of a dataset.

    Args:
        model: `.keras` file of stage 1.
        dataset: of stage 1.
        split: `train`, `validation` or `test`.
        binary: fold the illegible kinds into analog and digital.
        thresholds: overlaps above which a detection stands for a window.
        second_look: look again, zoomed on each window, as recognition does; without it the first look counts alone.

    Raises:
        UserError: the model or the dataset is of the wrong stage, or the split is empty.
    """
    finder = AllWindows(load_model(model, stage=1), second_look)
    examples, count = load_split([dataset], 1, split)
    fold = fold_illegible if binary else lambda classes: classes
    photos: list[tuple[Windows, Windows]] = []
    progress = tqdm(total=count, desc="testing", unit="photo", disable=None)
    for batch in _batches(examples.as_numpy_iterator()):
        found = finder([example["image"] for example in batch])
        for example, windows in zip(batch, found, strict=True):
            labelled = labelled_windows(example)
            folded = [dataclasses.replace(side, classes=fold(side.classes)) for side in (labelled, windows)]
            photos.append((folded[0], folded[1]))
        progress.update(len(batch))
    progress.close()
    names = BINARY_CLASSES if binary else STAGE1_CLASSES
    reports = []
    for threshold in thresholds:
        matrix = confusion_matrix(photos, len(names), threshold)
        reports.append(Report(threshold, names, matrix, tuple(class_counts(matrix))))
    count = sum(len(labelled.classes) for labelled, _ in photos)
    return Stage1Result(len(photos), count, mean_corner_error(photos), tuple(reports))


def labelled_windows(example: dict) -> Windows:
    """Returns the windows of an example of the dataset, in pixels of its picture."""
    corners = window_corners(example["objects"]["bbox"], example["image"])
    classes = np.asarray(example["objects"]["label"], int)
    return Windows(corners, classes, np.ones(len(classes)))


def fold_illegible(classes: np.ndarray) -> np.ndarray:
    """Returns class numbers of STAGE1_CLASSES as numbers of BINARY_CLASSES, the illegible kinds folded in."""
    folded = [BINARY_CLASSES.index(name.removesuffix("_illegible")) for name in STAGE1_CLASSES]
    return np.array(folded, int)[np.asarray(classes, int)]


def _batches(examples: Iterator[dict]) -> Iterator[list[dict]]:
    batch = []
    for example in examples:
        batch.append(example)
        if len(batch) == BATCH_SIZE:
            yield batch
            batch = []
    if batch:
        yield batch


def as_text(result: Stage1Result) -> str:
    """Returns the result as lines for the terminal."""
    lines = [
        f"{result.photos} photos, {result.windows} labelled windows; mean corner error "
        f"{result.corner_error:.1f} % of the window's height"
    ]
    for report in result.reports:
        heading = f"overlap above {report.min_iou:g}"
        lines.append(f"\n{heading:<20}{'TP':>6}{'FP':>6}{'FN':>6}{'TN':>6}{'precision':>11}{'recall':>9}{'F1':>8}")
        for name, counts in zip(report.class_names, report.counts, strict=True):
            elements = "".join(f"{value:>6}" for value in dataclasses.astuple(counts))
            lines.append(
                f"{name:<20}{elements}{_percent(counts.precision):>11}{_percent(counts.recall):>9}"
                f"{_percent(counts.f1):>8}"
            )
        right, windows = _found(report)
        low, high = wilson_interval(right, windows)
        lines.append(f"windows found with the right class: {right} of {windows}, 95 % interval {low:.1%} to {high:.1%}")
    return "\n".join(lines)


def as_dict(result: Stage1Result) -> dict:
    """Returns the result as plain values for JSON; what has no value is None."""
    return {
        "photos": result.photos,
        "windows": result.windows,
        "corner_error": _number(result.corner_error),
        "thresholds": [
            {
                "iou_threshold": report.min_iou,
                "confusion_matrix": {
                    "labels": [*report.class_names, "nothing"],
                    "labelled_by_found": report.matrix.tolist(),
                },
                "classes": {
                    name: {
                        **dataclasses.asdict(counts),
                        "precision": _number(counts.precision),
                        "recall": _number(counts.recall),
                        "f1": _number(counts.f1),
                    }
                    for name, counts in zip(report.class_names, report.counts, strict=True)
                },
            }
            for report in result.reports
        ],
    }


def _found(report: Report) -> tuple[int, int]:
    """Returns how many windows were found with the right class, and how many are labelled."""
    return int(np.trace(report.matrix[:-1, :-1])), int(report.matrix[:-1].sum())


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1%}"


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 4)
