"""Metrics for Prometheus: requests, latencies, the queue, confidences."""

import logging
import os

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

from ..recognition.recognition import Recognition
from .metric_files import reserve
from .settings import SHARED_FOLDER

_LOG = logging.getLogger("meter.metrics")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1)


def make_metrics() -> "Metrics":
    """Returns the metrics of this process; where there is no room to share them, it goes on without that."""
    folder = os.environ.get(SHARED_FOLDER)
    if folder:
        try:
            reserve(folder, os.getpid())
        except OSError as error:
            _LOG.warning("%s: no room for figures, each process tells its own: %s", folder, error.strerror)
            folder = os.environ.pop(SHARED_FOLDER) and ""
    # prometheus_client has chosen when it was imported, which may have been before the folder was there
    values.ValueClass = values.MultiProcessValue() if folder else values.MutexValue
    return Metrics()


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "meter_requests", "Answered requests.", ("endpoint", "status", "outcome"), registry=registry
        )
        self.request_seconds = Histogram(
            "meter_request_seconds",
            "From a request's head to its answer.",
            ("endpoint",),
            registry=registry,
            buckets=_SECONDS,
        )
        self.photos = Counter("meter_photos", "Recognized photos.", ("outcome", "counter_class"), registry=registry)
        self.stage_seconds = Histogram(
            "meter_stage_seconds",
            "Seconds a photo: upload, decode, queue, the stages of recognition, total of recognition.",
            ("stage",),
            registry=registry,
            buckets=_SECONDS,
        )
        self.batch = Histogram(
            "meter_batch_photos", "Photos in one batch.", registry=registry, buckets=(1, 2, 4, 8, 16, 32, 64)
        )
        self.confidence = Histogram(
            "meter_confidence", "Confidence of the readings.", registry=registry, buckets=_SHARES
        )
        self.admitted = Gauge(
            "meter_queue_requests",
            "Requests admitted: waiting or being recognized.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.ready = Gauge(
            "meter_ready_processes", "Processes ready to answer.", registry=registry, multiprocess_mode="livesum"
        )

    def observe_stage(self, stage: str, seconds: float) -> None:
        """Counts the seconds of one photo's stage."""
        self.stage_seconds.labels(stage).observe(seconds)

    def observe_recognition(self, recognition: Recognition) -> None:
        """Counts a photo and what was read on it."""
        outcome = "read" if recognition.success else recognition.reason
        self.photos.labels(outcome, recognition.counter_class or "none").inc()
        if recognition.success:
            self.confidence.observe(recognition.confidence)
        for stage, seconds in recognition.seconds.items():
            self.observe_stage(stage, seconds)

    def render(self) -> bytes:
        """Returns the metrics of all processes in Prometheus's text format."""
        registry = self._registry
        if os.environ.get(SHARED_FOLDER):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        text: bytes = prometheus_client.generate_latest(registry)
        return text
