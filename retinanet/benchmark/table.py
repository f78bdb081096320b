"""The measurements as a table, for the terminal or in Markdown."""

from collections.abc import Sequence

import numpy as np

from retinanet.benchmark import steps
from retinanet.benchmark.contender import RAPIDOCR_NAME
from retinanet.benchmark.measurement import BATCH_SIZE, Measurement

NONE = "-"


def rows(measurements: Sequence[Measurement]) -> list[list[str]]:
    """Returns the cells, a heading first: a column for each contender, the ratios are to the first one."""
    first = measurements[0]
    table = [["", *(measurement.name for measurement in measurements)]]
    present = [stage for stage in steps.STEPS if any(len(one.milliseconds(stage)) for one in measurements)]
    for stage in (*present, steps.TOTAL):
        label = f"{stage}, ms" if stage != steps.TOTAL else "total without decode, ms"
        table.append([label, *(_times(measurement.milliseconds(stage)) for measurement in measurements)])
    ratios = (one.median(steps.TOTAL) / first.median(steps.TOTAL) for one in measurements)
    table.append(["total, ratio to the first", *(f"{ratio:.2f}" for ratio in ratios)])
    for other in measurements:
        if other.name == RAPIDOCR_NAME:
            times = (f"{other.median(steps.TOTAL) / one.median(steps.TOTAL):.1f}" for one in measurements)
            table.append(["times faster than RapidOCR", *times])
    for stage in (steps.STAGE1_LOOKS, steps.STAGE2_LOOKS):
        looks = [one.looks(stage) for one in measurements]
        table.append([f"{stage} a photo, mean", *(NONE if mean is None else f"{mean:.2f}" for mean in looks)])
    table.append(["of it in OpenCV", *(_share(measurement) for measurement in measurements)])
    table.append(["photos a second", *(f"{one.photos_a_second:.1f}" for one in measurements)])
    batches = (f"{one.photos_a_second_in_batches:.1f}" for one in measurements)
    table.append([f"photos a second, batches of {BATCH_SIZE}", *batches])
    table.append(["start until ready, s", *(f"{one.start_seconds:.1f}" for one in measurements)])
    table.append(["peak memory, MiB", *(f"{one.peak_bytes / 2**20:.0f}" for one in measurements)])
    return table


def _times(milliseconds: np.ndarray) -> str:
    if not len(milliseconds):
        return NONE
    return f"{np.median(milliseconds):.1f} / {np.percentile(milliseconds, 95):.1f}"


def _share(measurement: Measurement) -> str:
    return f"{measurement.opencv_share:.0%}" if len(measurement.milliseconds(steps.OPENCV)) else NONE
