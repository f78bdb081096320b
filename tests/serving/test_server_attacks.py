"""Bodies that knocked the server over, sent to it under gunicorn: `make test-attacks`."""

import functools
import io
import json
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from PIL import Image

from tests import fake_server
from tests.fake_server import PNG, TEXT, encode, live_server
from tests.load.client import memory
from tests.serving.memory_limit import MOST_MEMORY
from tests.serving.test_server_defences import connect, request, watched_probes

pytestmark = pytest.mark.attacks
JSON = "application/json"


@functools.cache
def long_string_among_pixels():
    return json.dumps({"image": [["a" * 1_000_000] + ["b"] * 800]}).encode()


@functools.cache
def empty_lists():
    return b'{"image":[' + b"[]," * 10_000_000 + b"[]]}"


@functools.cache
def twelve_megapixels():
    # as json.dumps writes it, which takes its time
    row = b"[" + b", ".join([b"[117, 117, 117]"] * 4000) + b"]"
    return b'{"image": [' + b", ".join([row] * 3000) + b"]}"


@functools.cache
def many_scans(side=7000, scans=1500):
    data = encode(Image.new("L", (side, side), 128), "JPEG", progressive=True, quality=1)
    last = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last * scans + b"\xff\xd9"


@functools.cache
def fifty_megapixels():
    file = io.BytesIO()
    Image.new("RGBA", (7071, 7071)).save(file, "PNG")
    return file.getvalue()


@functools.cache
def slow_progressive():
    """As many scans of as many pixels as are let through."""
    data = encode(Image.new("L", (7000, 7000), 128), "JPEG", progressive=True, quality=1)
    last = data[data.rfind(b"\xff\xda") : -2]
    return data[:-2] + last * 5 + b"\xff\xd9"


@functools.cache
def tiny_png_chunks():
    content = encode(Image.new("L", (40, 40)), "PNG")
    return content[:33] + b"\0\0\0\0teSt\xe2\x9d\xb5\x8f" * 2_500_000 + content[33:]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    options = {"METER_QUEUE_LENGTH": "24", "METER_BATCH_SIZE": "8"}
    with live_server(tmp_path_factory.mktemp("attacks") / "models", **options) as found:
        found.recognize()
        yield found


@contextmanager
def watched_memory(server, most):
    """Asserts that the server and all its processes take no more MiB beside what they have."""
    ends, seen = threading.Event(), [memory(server.process.pid)]

    def look():
        while not ends.wait(0.02):
            try:
                seen.append(memory(server.process.pid))
            except OSError:
                # a process ended meanwhile
                continue

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ends.set()
        thread.join()
    assert max(seen) - seen[0] < most, f"{seen[0]:.0f} MiB before, {max(seen):.0f} at the most"


@pytest.mark.parametrize(
    ("body", "kind", "statuses", "most_memory", "seconds"),
    [
        (long_string_among_pixels, JSON, {422}, 60, 2),
        (empty_lists, JSON, {413, 422}, 300, 2),
        (twelve_megapixels, JSON, {200}, 1024, 5),
        (many_scans, "image/jpeg", {413}, 100, 2),
        (fifty_megapixels, "image/png", {200}, 450, 4),
        (tiny_png_chunks, "image/png", {200, 400, 413, 422}, 300, 12),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_one(server, body, kind, statuses, most_memory, seconds):
    content = body()
    with watched_probes(server), watched_memory(server, most_memory):
        begin = time.monotonic()
        status, _, found = server.recognize(content, kind)
        taken = time.monotonic() - begin
    assert status in statuses, found
    # four times as long on a machine that does other things too
    assert taken < 4 * seconds, f"{taken:.1f} s"
    assert server.recognize()[2]["text"] == TEXT


@pytest.mark.parametrize(
    ("body", "kind", "count", "most_memory"),
    [
        (empty_lists, JSON, 8, 700),
        (long_string_among_pixels, JSON, 16, 300),
        (twelve_megapixels, JSON, 4, 1200),
        (fifty_megapixels, "image/png", 5, 1500),
        (fifty_megapixels, "image/png", 20, MOST_MEMORY),
        (slow_progressive, "image/jpeg", 12, 1400),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_many_at_once(server, body, kind, count, most_memory):
    content = body()
    with watched_probes(server, 3), watched_memory(server, most_memory), ThreadPoolExecutor(count) as pool:
        found = list(pool.map(lambda _: server.recognize(content, kind, timeout=120)[0], range(count)))
    assert set(found) <= {200, 413, 422, 429, 504}, found
    if body is fifty_megapixels:
        assert 200 in found
    assert server.recognize()[2]["text"] == TEXT


@pytest.mark.parametrize(("body", "count"), [(many_scans, 30), (slow_progressive, 8)])
def test_files_that_are_slow_to_decode_keep_nobody_from_being_read(server, body, count):
    content, ends = body(), threading.Event()

    def attack():
        while not ends.is_set():
            server.recognize(content, "image/jpeg", timeout=120)

    attackers = [threading.Thread(target=attack) for _ in range(4)]
    for attacker in attackers:
        attacker.start()
    try:
        statuses = [server.recognize(timeout=120)[0] for _ in range(count)]
    finally:
        ends.set()
        for attacker in attackers:
            attacker.join()
    # 167 of 167 were refused
    assert statuses.count(200) >= count - 1


def test_a_decoder_has_a_limit_of_time(tmp_path):
    with live_server(tmp_path / "models", METER_DECODE_SECONDS="0.2", METER_DECODERS="1") as server:
        # the first one waits for the process to start
        assert server.recognize()[0] == 200
        begin = time.monotonic()
        status, _, found = server.recognize(slow_progressive(), "image/jpeg")
        assert (status, found["error"]) == (413, "too_large") and "too long to decode" in found["detail"]
        assert time.monotonic() - begin < 30
        # the next one gets a new process
        assert server.recognize()[2]["text"] == TEXT


def test_slow_uploads_of_all_kinds_at_once(server):
    connections = [
        connect(server, request("/recognize", "Content-Length: 30000000", body=bytes(2**21))) for _ in range(60)
    ]
    try:
        with watched_probes(server):
            for _ in range(10):
                assert server.recognize()[0] == 200
    finally:
        for connection in connections:
            connection.close()


# a container whose disks are full: nothing can be written but what lies there already
FULL = 'mount -t tmpfs -o size=32k tmpfs /dev/shm && mount -t tmpfs -o size=32k tmpfs /var/tmp && exec "$@"'


def test_full_disks(tmp_path):
    prefix = ["unshare", "--mount", "bash", "-c", FULL, "server"]
    if shutil.which("unshare") is None or subprocess.run([*prefix, "true"], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    if fake_server.ROOT.is_relative_to("/tmp"):
        pytest.skip("a full disk over /tmp would hide the project, which lies there")
    prefix[4] = FULL.replace(" && exec", " && mount -t tmpfs -o size=32k tmpfs /tmp && exec")
    folder = fake_server.ROOT / "output" / "full disk"
    folder.parent.mkdir(exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    with live_server(folder, prefix=prefix) as server:
        for _ in range(20):
            assert server.recognize()[0] == 200
        assert server.get("/metrics")[0] == 200
        assert "no room for figures" in server.log.read_text() and "SIGBUS" not in server.log.read_text()
    shutil.rmtree(folder)


def test_the_server_is_as_it_was(server):
    assert server.recognize(PNG)[2]["text"] == TEXT
    assert "meter_queue_requests 0.0" in server.get("/metrics")[2]
    assert "Traceback" not in server.log.read_text()
