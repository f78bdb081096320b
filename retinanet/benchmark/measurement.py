"""Measuring contenders in turn, on the same photos, so that what else the machine does falls on all of them alike."""

import dataclasses
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from deploy.recognition.errors import UserError
from retinanet.benchmark import steps

ROOT = Path(__file__).resolve().parents[2]
# the first readings set models and caches up
WARM_UP = 3
BATCH_SIZE = 8
BATCHES = 5


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What was measured of one contender.

    Attributes:
        name: of the contender.
        readings: of each reading, seconds by stage (see `steps`), of OpenCV inside them and in total, and looks.
        batches: of each batch, photos a second, photos in memory.
        start_seconds: from the start of its process until it was ready to read.
        peak_bytes: the most memory that its process held.
    """

    name: str
    readings: tuple[dict[str, float], ...]
    batches: tuple[float, ...]
    start_seconds: float
    peak_bytes: int

    def milliseconds(self, stage: str) -> np.ndarray:
        """Returns a stage's times (n,) in milliseconds; none (0,) where the contender has no such stage."""
        return 1000 * np.array([seconds[stage] for seconds in self.readings if stage in seconds])

    def median(self, stage: str) -> float:
        """Returns the median of a stage in milliseconds, 0 where the contender has no such stage."""
        times = self.milliseconds(stage)
        return float(np.median(times)) if len(times) else 0.0

    def looks(self, name: str) -> float | None:
        """Returns the mean of `steps.STAGE1_LOOKS` or `STAGE2_LOOKS` a photo, None where the contender counts none."""
        found = [reading[name] for reading in self.readings if name in reading]
        return float(np.mean(found)) if found else None

    @property
    def photos_a_second(self) -> float:
        """How many photos in memory are read a second, one at a time, at the median time."""
        return 1000 / self.median(steps.TOTAL)

    @property
    def photos_a_second_in_batches(self) -> float:
        """How many photos in memory are read a second in batches of BATCH_SIZE, in the median batch."""
        return float(np.median(self.batches))

    @property
    def opencv_share(self) -> float:
        """The share, 0 to 1, of the median total that is spent in OpenCV."""
        return self.median(steps.OPENCV) / self.median(steps.TOTAL)


class Contender:
    """A contender's process, ready to read; see `contender`.

    Args:
        name: to show.
        models: folder of models, or `rapidocr`.

    Raises:
        UserError: it did not get ready, and why.
    """

    def __init__(self, name: str, models: str):
        self.name = name
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "retinanet.benchmark.contender", models],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        try:
            self._answer()
        except BaseException:
            self.close()
            raise
        self.start_seconds = time.perf_counter() - start

    def ask(self, **request) -> dict:
        """Returns the answer to a request.

        Raises:
            UserError: the process ended.
        """
        requests = self._process.stdin
        assert requests  # it is a pipe
        requests.write(json.dumps(request) + "\n")
        requests.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process."""
        # at the end of its input it ends by itself
        self._process.communicate()

    def _answer(self) -> dict:
        answers = self._process.stdout
        assert answers  # it is a pipe
        line = answers.readline()
        if not line:
            raise UserError(f"{self.name}: ended with status {self._process.wait()}; what it said stands above")
        answer = json.loads(line)
        if "error" in answer:
            raise UserError(answer["error"])
        return answer


def measure(
    contenders: Sequence[Contender],
    photos: Sequence[Path],
    count: int,
    progress: Callable[[], object] = lambda: None,
) -> list[Measurement]:
    """Returns what was measured of each contender; they read in turn, each time another one first.

    Args:
        contenders: ready to read.
        photos: to read, over and over if they are fewer than count.
        count: of readings by each contender.
        progress: called after each round of readings.

    Raises:
        UserError: a photo cannot be read, or a process ended.
    """
    paths = [str(path.resolve()) for path in photos]
    for contender, path in itertools.product(contenders, itertools.islice(itertools.cycle(paths), WARM_UP)):
        contender.ask(read=path)
    readings: list[list[dict]] = [[] for _ in contenders]
    for turn, path in enumerate(itertools.islice(itertools.cycle(paths), count)):
        for index in _in_turn(len(contenders), turn):
            readings[index].append(contenders[index].ask(read=path))
        progress()
    batch = list(itertools.islice(itertools.cycle(paths), BATCH_SIZE))
    batches: list[list[float]] = [[] for _ in contenders]
    for turn in range(BATCHES):
        for index in _in_turn(len(contenders), turn):
            batches[index].append(len(batch) / contenders[index].ask(batch=batch)["seconds"])
        progress()
    return [
        Measurement(
            contender.name,
            tuple(readings[index]),
            tuple(batches[index]),
            contender.start_seconds,
            contender.ask(memory=True)["peak"],
        )
        for index, contender in enumerate(contenders)
    ]


def _in_turn(count: int, turn: int) -> list[int]:
    return [(turn + index) % count for index in range(count)]
