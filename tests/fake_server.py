"""The server with make-believe models, in process or under gunicorn, and a photo that it can read."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from deploy.recognition.errors import UserError
from deploy.recognition.meter_reader import MeterReader
from deploy.serving import wsgi
from deploy.serving.engine import Engine
from deploy.serving.metrics import Metrics
from deploy.serving.routes import create_app
from deploy.serving.settings import ServerSettings
from deploy.serving.states import READY
from tests import fake_meters
from tests.manifests import manifest

ROOT = Path(__file__).resolve().parent.parent
TEXT = "12305,678"
CORNERS = fake_meters.turned_corners((200, 150), 240, 60, 8)
PHOTO = fake_meters.meter_photo(CORNERS, 400, 300)
# under gunicorn: how long a photo takes
SECONDS = "FAKE_SECONDS"
# and loading; below 0 it fails
LOADING_SECONDS = "FAKE_LOADING_SECONDS"


def encode(pixels, kind="PNG", **options):
    file = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(file, kind, **options)
    return file.getvalue()


PNG = encode(PHOTO)


class SlowReader(MeterReader):
    """Takes at least some seconds a photo, and breaks on photos whose first pixel is magenta."""

    seconds = 0.0

    def read_batch(self, photos):
        time.sleep(self.seconds * len(photos))
        if any(tuple(photo[0, 0]) == (255, 0, 255) for photo in photos):
            raise ZeroDivisionError("the secret inside of the server")
        return super().read_batch(photos)


def reader(seconds=0.0):
    found = SlowReader(fake_meters.models())
    found.seconds = seconds
    return found


def start_app(load=reader, **changes):
    """An application in this process, ready to answer, and its engine."""
    settings = ServerSettings(**changes)
    metrics = Metrics()
    engine = Engine(load, settings.queue_length, settings.batch_size, metrics)
    app = create_app(settings, engine, metrics)
    engine.start()
    wait_for(lambda: engine.state == READY)
    return app, engine


def create_application():
    """What gunicorn starts in tests: everything real but the models."""

    def load(settings):
        loading = float(os.environ.get(LOADING_SECONDS, 0))
        if loading < 0:
            raise UserError("models: damaged")
        time.sleep(loading)
        return reader(float(os.environ[SECONDS]))

    wsgi.load_reader = load
    return wsgi.create_application()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class Live:
    """A gunicorn of our own on a free port."""

    def __init__(self, folder, seconds, environment, prefix=()):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "server.log"
        variables = {
            **os.environ,
            "METER_HOST": "127.0.0.1",
            "METER_PORT": str(self.port),
            "METER_MODELS": str(folder),
            "METER_LOG_LEVEL": "debug",
            SECONDS: str(seconds),
            **environment,
        }
        configuration = str(ROOT / "deploy" / "gunicorn.conf.py")
        command = [*prefix, sys.executable, "-m", "gunicorn", "-c", configuration]
        command.append("tests.fake_server:create_application()")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)

    def get(self, path, **options):
        return self.send("GET", path, **options)

    def send(self, method, path, body=None, headers=None, timeout=30):
        """Status, headers and JSON (or text) of an answer; ConnectionError and the like pass."""
        request = urllib.request.Request(self.url + path, body, headers or {}, method=method)
        try:
            answer = urllib.request.urlopen(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            content = answer.read()
            kind = answer.headers.get_content_type()
            return (
                answer.status,
                answer.headers,
                json.loads(content) if kind == "application/json" else content.decode(),
            )

    def recognize(self, body=PNG, kind="image/png", path="/recognize", timeout=30):
        return self.send("POST", path, body, {"Content-Type": kind}, timeout)

    def is_live(self):
        try:
            return self.get("/health/live")[0] == 200
        except OSError:
            return False

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.get("/health/ready")[0] == 200
        except OSError:
            return False

    def log_entries(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def workers(self):
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in children.split()]


@contextmanager
def live_server(folder, seconds=0.0, *, is_up=lambda server: server.is_ready(), prefix=(), **environment):
    """A running server, ready or whatever else is waited for, which is stopped at the end of the block."""
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(manifest()))
    server = Live(folder, seconds, environment, prefix)
    try:
        wait_for(lambda: is_up(server))
        yield server
    finally:
        if server.process.poll() is None:
            server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(40)
        except subprocess.TimeoutExpired:
            server.process.kill()
            raise


def blank(height=40, width=50, value=7):
    return np.full((height, width, 3), value, np.uint8)
