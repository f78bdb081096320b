"""Clients that ask, measure and count; the server's memory."""

import collections
import dataclasses
import http.client
import itertools
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
PHOTOS = [path.read_bytes() for path in sorted((ROOT / "resources" / "examples").glob("*.jpg"))]


@dataclasses.dataclass
class Tally:
    """What came back: seconds of each answered request by its status; 0 where there was no answer."""

    seconds: dict[int, list[float]] = dataclasses.field(default_factory=lambda: collections.defaultdict(list))

    def add(self, status: int, seconds: float) -> None:
        """Counts one request."""
        self.seconds[status].append(seconds)

    def count(self, *statuses: int) -> int:
        """Returns how many had one of these statuses."""
        return sum(len(self.seconds[status]) for status in statuses)

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(map(len, self.seconds.values()))

    def milliseconds(self, share: float) -> float:
        """Returns a percentile of the latency of what was read."""
        return float(np.percentile(self.seconds[200] or [float("nan")], share)) * 1000


class Client:
    """One connection, kept open."""

    def __init__(self, url: str):
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)

    def ask(self, photo: bytes) -> int:
        """Returns the status, 0 if there was no answer."""
        try:
            self._connection.request("POST", "/recognize", photo, {"Content-Type": "image/jpeg"})
            answer = self._connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0


def ask_in_turn(url: str, clients: int, requests: int) -> Tally:
    """Has some clients ask, each one request after the other, this many in all."""
    tally, numbers = Tally(), itertools.count()

    def run():
        client = Client(url)
        while (number := next(numbers)) < requests:
            start = time.perf_counter()
            tally.add(client.ask(PHOTOS[number % len(PHOTOS)]), time.perf_counter() - start)

    _together(run, clients)
    return tally


def ask_at_rate(url: str, rate: float, seconds: float, most: int = 64) -> Tally:
    """Sends requests at a steady rate, a second, whether or not earlier ones were answered."""
    tally, numbers, begin = Tally(), itertools.count(), time.perf_counter()

    def run():
        client = Client(url)
        while (number := next(numbers)) < rate * seconds:
            due = begin + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            start = time.perf_counter()
            tally.add(client.ask(PHOTOS[number % len(PHOTOS)]), time.perf_counter() - start)

    _together(run, most)
    return tally


def _together(run, count: int) -> None:
    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def memory(process: int) -> float:
    """Returns the MiB that a process and its children hold, what they share counted once (PSS)."""
    numbers, total = [process], 0
    for number in numbers:
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        numbers.extend(map(int, children))
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


@contextmanager
def own_server(port: int):
    """A server of the shipped models, as `python serve.py` starts it; gives its address and process number."""
    variables = {**os.environ, "METER_HOST": "127.0.0.1", "METER_PORT": str(port), "METER_LOG_LEVEL": "warning"}
    process = subprocess.Popen([sys.executable, str(ROOT / "deploy" / "serve.py")], env=variables)
    try:
        url = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 600
        while not _is_ready(port):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit("the server does not start")
            time.sleep(0.2)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(60)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
