"""One of those compared, in a process of its own: it reads requests as lines of JSON and answers in lines of JSON.

    python -m retinanet.benchmark.contender deploy/models
    {"read": "photo.jpg"}
    {"batch": ["a.jpg", "b.jpg"]}
    {"memory": true}

The first line that it writes says that it is ready. Alone in their processes, runtimes share neither memory nor
threads, and none pays for the import of another.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from deploy.recognition import photo_files, window_search
from deploy.recognition.errors import UserError
from deploy.recognition.exported_models import load_models
from deploy.recognition.meter_reader import MeterReader
from retinanet.benchmark import steps
from retinanet.benchmark.stopwatch import Stopwatch

RAPIDOCR, RAPIDOCR_NAME = "rapidocr", "RapidOCR, all text"
_OPENCV = (
    "resize",
    "warpPerspective",
    "getPerspectiveTransform",
    "contourArea",
    "isContourConvex",
    "intersectConvexConvex",
)


class MeterContender:
    """Reads meters with the models of a folder, and times the stages.

    Args:
        folder: of the models.
    """

    def __init__(self, folder: Path):
        self.watch = Stopwatch()
        self.watch.wrap_in(cv2, _OPENCV, steps.OPENCV)
        self.watch.wrap_in(window_search, ("letterbox", "zoom"))
        self._looks: Counter[str] = Counter()
        self.reader = MeterReader(load_models(folder).watched(self._count))

    def read(self, photo: np.ndarray) -> dict[str, float]:
        """Returns the seconds of each stage, of OpenCV inside them and in total, and how many looks each stage took."""
        self.watch.take()
        self._looks.clear()
        start = time.perf_counter()
        seconds = self.reader.read(photo).seconds
        total = time.perf_counter() - start
        inside = self.watch.take()
        return {
            steps.RESIZE: inside["letterbox"] + inside["zoom"],
            steps.FIRST_LOOK: seconds["first_look"] - inside["letterbox"],
            steps.SECOND_LOOK: seconds["second_look"] - inside["zoom"],
            steps.RECTIFY: seconds["rectify"],
            steps.STAGE2: seconds["stage2"],
            steps.READING: seconds["reading"],
            steps.OPENCV: inside[steps.OPENCV],
            steps.TOTAL: total,
            steps.STAGE1_LOOKS: self._looks["stage1"],
            steps.STAGE2_LOOKS: self._looks["stage2"],
        }

    def _count(self, stage: str, pictures: np.ndarray) -> None:
        self._looks[stage] += len(pictures)

    def read_batch(self, photos: list[np.ndarray]) -> None:
        """Reads photos together."""
        self.reader.read_batch(photos)


class RapidOcrContender:
    """Reads all text on a photo with RapidOCR as it comes: it tells no meter from a serial number."""

    def __init__(self) -> None:
        from rapidocr_onnxruntime import RapidOCR

        self.engine = RapidOCR()

    def read(self, photo: np.ndarray) -> dict[str, float]:
        """Returns the seconds that finding and reading the lines of text take, and the total."""
        start = time.perf_counter()
        # it takes OpenCV's order of colours
        _, seconds = self.engine(np.ascontiguousarray(photo[..., ::-1]))
        total = time.perf_counter() - start
        found = seconds[0] if seconds else total
        return {steps.FIND_TEXT: found, steps.READ_TEXT: total - found, steps.TOTAL: total}

    def read_batch(self, photos: list[np.ndarray]) -> None:
        """Reads photos one after the other: it takes no batches."""
        for photo in photos:
            self.read(photo)


def answer(contender: MeterContender | RapidOcrContender, request: dict) -> dict:
    """Returns the answer to one request.

    `read` gives seconds by stage, the decoding of the file beside them, and the looks; `batch` the `seconds` for all
    photos together, decoded before; `memory` the most bytes that this process ever held (`peak`).
    """
    if "read" in request:
        start = time.perf_counter()
        photo = photo_files.read_photo(request["read"])
        return {steps.DECODE: time.perf_counter() - start} | contender.read(photo)
    if "batch" in request:
        photos = [photo_files.read_photo(path) for path in request["batch"]]
        start = time.perf_counter()
        contender.read_batch(photos)
        return {"seconds": time.perf_counter() - start}
    return {"peak": peak_memory()}


def peak_memory() -> int:
    """Returns the most bytes of memory that this process ever held (Linux); getrusage would count its parent's too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise UserError("/proc/self/status: says nothing of VmHWM; expected Linux")


def main(argv: list[str] | None = None) -> None:
    """Answers requests until there are no more."""
    parser = argparse.ArgumentParser(description="Answer requests for times, as lines of JSON.")
    parser.add_argument("models", help=f"folder of models, or {RAPIDOCR}")
    args = parser.parse_args(argv)
    # what runtimes print must not mix with the answers
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    try:
        contender = RapidOcrContender() if args.models == RAPIDOCR else MeterContender(Path(args.models))
    except UserError as error:
        print(json.dumps({"error": str(error)}), file=answers)
        return
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        print(json.dumps(answer(contender, json.loads(line))), file=answers)


if __name__ == "__main__":
    main()
