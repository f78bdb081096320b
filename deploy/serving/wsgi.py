"""The WSGI application as a gunicorn worker starts it."""

import os

import cv2
from flask import Flask

from ..recognition.meter_reader import MeterReader
from .decoders import Decoders
from .engine import Engine
from .metrics import make_metrics
from .routes import create_app
from .settings import DELAY, ENGINE, ServerSettings, read_settings


def create_application() -> Flask:
    """Returns the application of this process, which begins to load its models."""
    settings = read_settings()
    metrics = make_metrics()
    engine = Engine(
        lambda: load_reader(settings),
        settings.queue_length,
        settings.batch_size,
        metrics,
        threads=settings.recognizer_count,
    )
    decoders = Decoders(settings)
    app = create_app(settings, engine, metrics, decoders)
    app.config[ENGINE] = engine
    decoders.start()
    engine.start(float(os.environ.get(DELAY, 0)))
    return app


def load_reader(settings: ServerSettings) -> MeterReader:
    """Returns the reader over the folder of models.

    Raises:
        UserError: the folder is missing, does not match its manifest, or holds other models than the settings ask for;
            or their runtime is not installed.
    """
    from ..recognition.exported_models import load_models

    if settings.cpu_threads:
        cv2.setNumThreads(settings.cpu_threads)
    return MeterReader(load_models(settings.models, settings.format, settings.precision))
