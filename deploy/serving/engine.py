"""The threads that own the models: they take the photos that wait and recognize them in small batches."""

import collections
import dataclasses
import gc
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager

import numpy as np

from ..recognition.errors import UserError
from ..recognition.meter_reader import MeterReader
from ..recognition.recognition import Recognition
from .metrics import Metrics
from .problems import NOT_READY, OUT_OF_TIME, TOO_MANY, RequestProblem
from .states import DRAINING, LOADING, READY, STOPPED

_LOG = logging.getLogger("meter.engine")
# gunicorn starts the next process then, while others go on answering
_FAILED = 1
# how much the newest measurement counts in the running mean of the seconds a photo takes
_NEWEST = 0.1


@dataclasses.dataclass
class _Waiting:
    photo: np.ndarray
    since: float
    future: Future[Recognition] = dataclasses.field(default_factory=Future)


class Engine:
    """Recognizes photos in batches, for as many threads as ask.

    Args:
        load: returns the reader; called in the engine's thread, so that TensorFlow starts after gunicorn's fork.
        queue_length: requests admitted beside those that fill one batch.
        batch_size: most photos in one call of the models.
        metrics: told of batches, waiting times and stages.
        on_failure: called when loading failed; ends the process unless a test says otherwise.
        threads: batches recognized at once. Between two runs of a network a batch keeps one core busy; the other
            batch has the others meanwhile.
    """

    def __init__(
        self,
        load: Callable[[], MeterReader],
        queue_length: int,
        batch_size: int,
        metrics: Metrics,
        on_failure: Callable[[], None] = lambda: os._exit(_FAILED),
        threads: int = 1,
    ):
        self.state = LOADING
        # called in the engine's thread
        self.on_ready: Callable[[], None] = lambda: None
        self.model_version = ""
        self._load, self._metrics, self._on_failure = load, metrics, on_failure
        self._batch_size = batch_size
        self._slots = queue_length + batch_size
        self._taken = 0
        self._waiting: collections.deque[_Waiting] = collections.deque()
        self._changed = threading.Condition()
        self._seconds_a_photo, self._delay = 0.1, 0.0
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        # started by the first one, when it has loaded the models
        self._others: list[threading.Thread] = []
        self._threads = threads

    def start(self, delay: float = 0.0) -> None:
        """Starts loading the models, then answering.

        Args:
            delay: seconds to wait before.
        """
        self._delay = delay
        self._thread.start()

    def drain(self) -> None:
        """Says that no further requests should be sent here; those that come are still answered."""
        if self.state in (LOADING, READY):
            self.state = DRAINING
        self._metrics.ready.set(0)

    def stop(self, seconds: float = 20) -> None:
        """Ends the threads after the batches in work.

        Args:
            seconds: how long to wait for it.
        """
        with self._changed:
            self.state = STOPPED
            self._changed.notify_all()
        end = time.monotonic() + seconds
        if self._thread.ident is not None:
            self._thread.join(seconds)
        for thread in self._others:
            thread.join(max(0.0, end - time.monotonic()))

    def check_room(self) -> None:
        """Returns if a request would be admitted now: so that nothing is decoded for one that would not.

        Raises:
            RequestProblem: 503 before the models have answered, 429 when as many are admitted as may be.
        """
        if not self.model_version or self.state == STOPPED:
            raise RequestProblem(NOT_READY, "the models are being loaded; ask again in some seconds", _retry(5))
        if self._taken >= self._slots:
            wait = self._seconds_a_photo * self._slots
            raise RequestProblem(TOO_MANY, "too many requests are waiting; ask again later", _retry(wait))

    @contextmanager
    def slot(self, deadline: float | None = None) -> Iterator[None]:
        """Admits one request, its photos decoded, while the block runs.

        Args:
            deadline: of time.monotonic(), until which to wait for one; None: not at all.

        Raises:
            RequestProblem: what `check_room` says.
        """
        with self._changed:
            if deadline is not None:
                wait = max(0.0, deadline - time.monotonic())
                self._changed.wait_for(lambda: self._taken < self._slots or self.state == STOPPED, wait)
            self.check_room()
            self._taken += 1
            self._metrics.admitted.inc()
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._metrics.admitted.dec()
                self._changed.notify_all()

    def recognize(self, photos: Sequence[np.ndarray], deadline: float) -> list[Recognition]:
        """Returns what stands on the photos, once it is their turn.

        Args:
            photos: uint8 RGB (height, width, 3) each.
            deadline: of time.monotonic(); photos that still wait then are dropped.

        Raises:
            RequestProblem: 504, the deadline passed.
        """
        tickets = [_Waiting(photo, time.monotonic()) for photo in photos]
        with self._changed:
            self._waiting.extend(tickets)
            self._changed.notify_all()
        try:
            return [ticket.future.result(max(0.0, deadline - time.monotonic())) for ticket in tickets]
        except FutureTimeout as error:
            raise RequestProblem(OUT_OF_TIME, "the photo's turn did not come in time; ask again later") from error
        finally:
            with self._changed:
                for ticket in tickets:
                    if ticket.future.cancel() and ticket in self._waiting:
                        self._waiting.remove(ticket)

    def _run(self) -> None:
        with self._changed:
            if self._changed.wait_for(lambda: self.state == STOPPED, self._delay):
                return
        try:
            reader = self._load()
            # the first photo sets the graphs up for the shapes to come
            reader.read(np.zeros((64, 64, 3), np.uint8))
        except Exception as error:
            # a process that cannot read is of no use, and nobody else would notice that this thread has ended
            _LOG.error("the models cannot be used: %s", error, exc_info=not isinstance(error, UserError))
            self._on_failure()
            return
        # what lives as long as the process is not looked through for garbage again and again
        gc.collect()
        gc.freeze()
        self.model_version = reader.models.version
        if self.state == LOADING:
            self.state = READY
            self.on_ready()
            self._metrics.ready.set(1)
        _LOG.info("ready, model version %s", self.model_version)
        others = [
            threading.Thread(target=self._work, args=(reader,), name="engine", daemon=True)
            for _ in range(self._threads - 1)
        ]
        for thread in others:
            thread.start()
        self._others = others
        self._work(reader)

    def _work(self, reader: MeterReader) -> None:
        while tickets := self._next_batch():
            self._answer(reader, tickets)

    def _next_batch(self) -> list[_Waiting]:
        """Returns the photos whose turn it is; an empty list when the engine stops."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._waiting or self.state == STOPPED)
                if not self._waiting:
                    return []
                count = min(self._batch_size, len(self._waiting))
                taken = [self._waiting.popleft() for _ in range(count)]
                taken = [ticket for ticket in taken if ticket.future.set_running_or_notify_cancel()]
                if taken:
                    return taken

    def _answer(self, reader: MeterReader, tickets: list[_Waiting]) -> None:
        start = time.monotonic()
        for ticket in tickets:
            self._metrics.observe_stage("queue", start - ticket.since)
        self._metrics.batch.observe(len(tickets))
        try:
            recognitions = reader.read_batch([ticket.photo for ticket in tickets])
        except Exception as error:
            # a photo that breaks the models must not break its neighbours' answers, nor this thread
            if len(tickets) == 1:
                tickets[0].future.set_exception(error)
                return
            for ticket in tickets:
                self._answer(reader, [ticket])
            return
        seconds = (time.monotonic() - start) / len(tickets)
        self._seconds_a_photo += _NEWEST * (seconds - self._seconds_a_photo)
        for ticket, recognition in zip(tickets, recognitions, strict=True):
            ticket.future.set_result(recognition)


def _retry(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
