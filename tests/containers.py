"""What a container's command must do, however the container was made: become ready, read a photo, end at SIGTERM."""

import json
import signal
import socket
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from deploy.recognition.exported_models import load_models
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.photo_files import read_photo
from tests.fake_server import wait_for

EXAMPLE = Path(__file__).resolve().parents[1] / "resources" / "examples" / "white_wheels_red_fraction.jpg"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command, port, log, **options):
    """A server that is ready; it must end with status 0 when it is told to."""
    with open(log, "wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, **options)
    try:
        wait_for(lambda: _is_ready(process, port, log), 400)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    assert status == 0, log.read_text()


def assert_reads_the_photo(port, models):
    """The server's answer is what its models read here, and names them."""
    headers = {"Content-Type": "image/jpeg"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/recognize", EXAMPLE.read_bytes(), headers)
    with urllib.request.urlopen(request, timeout=120) as answer:
        found = json.load(answer)
    assert found["text"] == MeterReader(load_models(models)).read(read_photo(EXAMPLE)).text != ""
    manifest = json.loads((models / "manifest.json").read_text())
    assert found["model_version"] == manifest["model_version"]


def _is_ready(process, port, log):
    assert process.poll() is None and "cannot be used" not in log.read_text(), log.read_text()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
