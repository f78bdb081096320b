"""What clients can do to the server under gunicorn, and what they cannot."""

import errno
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from deploy.serving import metric_files, metrics
from deploy.serving.board import Board
from deploy.serving.budget import Budget
from deploy.serving.connections import ClientSocket
from deploy.serving.problems import WORDS
from deploy.serving.settings import SHARED_FOLDER, ServerSettings
from tests import fake_server
from tests.fake_server import PNG, ROOT, TEXT, live_server

# a busy machine takes its time; what these tests are about took from five seconds to minutes
AT_ONCE = 2.0


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    limits = {"METER_MAX_BODY_MB": "1", "METER_UPLOAD_SECONDS": "30", "METER_THREADS": "8"}
    with live_server(tmp_path_factory.mktemp("defences") / "models", **limits) as found:
        yield found


def connect(server, *parts):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    for part in parts:
        connection.sendall(part)
    return connection


def answers(connection):
    """Everything until the other side closes: (status, fields, body) of each answer."""
    content = b""
    while chunk := connection.recv(65536):
        content += chunk
    connection.close()
    found = []
    while content.strip():
        head, _, content = content.partition(b"\r\n\r\n")
        start, *lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(fields.get("content-length", 0))
        found.append((int(start.split()[1]), fields, content[:length]))
        content = content[length:]
    return found


def request(path="/recognize", *lines, method="POST", body=b""):
    fields = ["Host: x", "Content-Type: image/png", *lines]
    if not any(line.startswith(("Content-Length", "Transfer-Encoding")) for line in lines):
        fields.append(f"Content-Length: {len(body)}")
    return (f"{method} {path} HTTP/1.1\r\n" + "".join(f"{line}\r\n" for line in fields) + "\r\n").encode() + body


@contextmanager
def watched_probes(server, most=AT_ONCE):
    """Asks whether the server lives, again and again while the block runs: never shall it take longer than that."""
    ends, waits = threading.Event(), []

    def ask():
        while not ends.is_set():
            begin = time.monotonic()
            try:
                assert server.get("/health/live")[0] == 200
                waits.append(time.monotonic() - begin)
            except OSError:
                waits.append(float("inf"))
            ends.wait(0.05)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield waits
    finally:
        ends.set()
        thread.join()
    assert waits and max(waits) < most, f"{len(waits)} probes, the slowest took {max(waits):.1f} s"


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/7.0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno field\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA : b\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"a" * 100_000, 414),
        (request("/", "Expect: a miracle", method="GET"), 417),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 60 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 20_000 + b"\r\n\r\n", 431),
        (request("/", "Transfer-Encoding: klingon"), 501),
        (request("/recognize", "Transfer-Encoding: chunked", "Content-Length: 3"), 400),
        (request("/recognize", "Transfer-Encoding: chunked") + b"zz\r\n", 400),
    ],
)
def test_what_gunicorn_refuses_is_json_too(server, content, status):
    begin = time.monotonic()
    (answer,) = answers(connect(server, content))
    assert answer[0] == status
    assert answer[1]["content-type"] == "application/json" and answer[1]["connection"] == "close"
    found = json.loads(answer[2])
    assert set(found) == {"error", "detail", "request_id"} and found["error"] == WORDS[status]
    assert found["request_id"] == answer[1]["x-request-id"]
    assert time.monotonic() - begin < 10


def test_every_status_is_documented():
    documented = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
    for status in WORDS:
        assert f"| {status} |" in documented or f"{status}," in documented or f", {status}" in documented, status


def test_a_range_that_is_none(server):
    status, headers, found = server.send("GET", "/static/page.js", headers={"Range": "bytes=99999999-"})
    assert (status, found["error"]) == (416, "range_not_satisfiable")
    assert headers["Content-Range"].startswith("bytes */")
    assert server.send("GET", "/static/page.js", headers={"Range": "bytes=0-9"})[0] == 206


@pytest.mark.parametrize("name", ["SCRIPT_NAME", "Script-Name", "PATH_INFO", "X-Script-Name"])
def test_a_prefix_in_a_field_changes_nothing(server, name):
    (answer,) = answers(connect(server, request("/health/live", f"{name}: /other", "Connection: close", method="GET")))
    assert answer[0] == 200


def test_the_connection_is_closed_where_the_server_says_so(server):
    (answer,) = answers(connect(server, request(body=bytes(2_000_000))))
    assert (answer[0], answer[1]["connection"]) == (413, "close")
    # otherwise it stays open
    connection = connect(server, request("/health/live", method="GET"))
    first = b""
    while b'"live"}' not in first:
        first += connection.recv(65536)
    assert b"keep-alive" in first
    connection.sendall(request("/health/live", "Connection: close", method="GET"))
    assert answers(connection)[0][0] == 200


def test_requests_that_come_together_are_answered_in_turn(server):
    last = request("/health/live", "Connection: close", method="GET")
    found = answers(connect(server, request(body=PNG) + request("/nowhere", method="GET") + request(body=PNG) + last))
    assert [status for status, _, _ in found] == [200, 404, 200, 200]
    assert json.loads(found[2][2])["text"] == TEXT


def test_bytes_that_come_one_by_one(server):
    content = request("/recognize", "Transfer-Encoding: chunked", "Connection: close")
    content += b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in (PNG[:7], PNG[7:])) + b"0\r\nX: y\r\n\r\n"
    connection = connect(server)
    for start in range(0, 300):
        connection.sendall(content[start : start + 1])
    for start in range(300, len(content), 997):
        connection.sendall(content[start : start + 997])
    assert json.loads(answers(connection)[0][2])["text"] == TEXT


def test_clients_that_ask_before_they_send(server):
    connection = connect(server, request("/recognize", "Expect: 100-continue", f"Content-Length: {len(PNG)}"))
    assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(PNG + request("/health/live", "Connection: close", method="GET"))
    assert [status for status, _, _ in answers(connection)] == [200, 200]
    # in vain, so nothing is sent
    (answer,) = answers(connect(server, request("/recognize", "Expect: 100-continue", "Content-Length: 9000000")))
    assert answer[0] == 413


def test_silent_and_slow_connections_hold_up_nobody(server):
    with ExitStack() as opened:
        begin = time.monotonic()
        for _ in range(1000):
            opened.enter_context(connect(server))
        for number in range(200):
            slow = request("/recognize", "Content-Length: 5000", body=b"x")
            slow = [slow, slow[:40], request("/recognize", "Transfer-Encoding: chunked") + b"5\r\nab"][number % 3]
            opened.enter_context(connect(server, slow))
        with watched_probes(server) as waits:
            for _ in range(5):
                assert server.recognize()[0] == 200
            while len(waits) < 20:
                time.sleep(0.05)
        assert time.monotonic() - begin < 25


def test_more_connections_than_there_may_be(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 6000:
        pytest.skip("so many files cannot be opened here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 6000), hard))
    with ExitStack() as opened:
        for _ in range(4500):
            opened.enter_context(connect(server))
        with watched_probes(server):
            assert server.recognize()[0] == 200


def test_an_answer_that_nobody_takes(server):
    with ExitStack() as opened:
        for _ in range(12):
            # more answers than fit between the two
            connection = opened.enter_context(connect(server))
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    connection.send(request("/openapi.json", method="GET") * 50)
        with watched_probes(server):
            time.sleep(1)


def pair(limit, total):
    class Client(ClientSocket):
        limit_of = staticmethod(lambda fields: limit)
        budget = Budget(total)

    ours, theirs = socket.socketpair()
    client = Client(fileno=theirs.detach())
    client.setblocking(False)
    client.begin()
    return ours, client


def send(ours, client, content):
    """Sends bit by bit; returns whether the request is whole."""
    done = False
    for start in range(0, len(content), 50_000):
        ours.sendall(content[start : start + 50_000])
        done = client.take_in()
    return done


def test_large_bodies_share_the_memory():
    ours, client = pair(10_000_000, 5 * 2**20)
    with ours, client:
        assert send(ours, client, request(body=bytes(4_000_000)))
        assert client.refusal == 0 and 5 * 2**20 - client.budget._free > 3_900_000
        client.release()
        assert client.budget._free == 5 * 2**20
    ours, client = pair(10_000_000, 2**20)
    with ours, client:
        assert send(ours, client, request(body=bytes(4_000_000)))
        # what was kept is let go, the rest thrown away, and the client reads why
        assert client.refusal == 429 and client.budget._free == 2**20
        client.hand_over()
        assert client.recv(10_000).startswith(b"POST") and client.recv(10_000) == b""


def test_thousands_of_small_parts_take_little():
    ours, client = pair(10_000_000, 2**20)
    with ours, client:
        # each of 4,096 connections may hold as much without asking
        assert not send(ours, client, request("/recognize", "Content-Length: 1000000", body=bytes(60_000)))
        assert client.budget._free == 2**20
        assert not send(ours, client, bytes(10_000))
        assert client.budget._free < 2**20


def test_tiny_chunks_are_counted_and_kept_together():
    ours, client = pair(10_000_000, 2**30)
    with ours, client:
        head = request("/recognize", "Transfer-Encoding: chunked")
        assert send(ours, client, head + b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
        assert client.is_whole and not client.refusal and len(client._parts) < 100
    ours, client = pair(10_000_000, 2**30)
    with ours, client:
        begin = time.process_time()
        assert send(ours, client, head + b"1\r\nx\r\n" * 300_000)
        assert client.refusal == 413 and not client.is_whole
        assert time.process_time() - begin < 3
    ours, client = pair(10_000_000, 2**30)
    with ours, client:
        for byte in request(body=bytes(3000)):
            ours.sendall(bytes([byte]))
            client.take_in()
        assert client.is_whole and len(client._parts) == 2


@pytest.mark.parametrize("size", [1, 100, 65_535, 65_536, 65_537, 200_000, 1_000_000])
@pytest.mark.parametrize("pause", [0, 1, 60_000, 100_000])
def test_what_is_sent_is_received(size, pause):
    body = os.urandom(size)
    ours, client = pair(10_000_000, 2**30)
    head = request("/recognize", f"Content-Length: {size}")
    with ours, client:
        ours.sendall(head)
        assert not client.take_in()
        ours.sendall(body[:pause])
        client.take_in()
        assert client.is_whole or send(ours, client, body[pause:])
        client.hand_over()
        received = b""
        while part := client.recv(50_000):
            received += part
        assert received == head + body


def test_what_is_announced_takes_no_memory():
    ours, client = pair(2**30, 4 * 2**20)
    with ours, client:
        assert not send(ours, client, request("/recognize", "Content-Length: 1000000000", body=bytes(1000)))
        assert client.budget._free == 4 * 2**20 and client.refusal == 0


def test_a_worker_that_loads_leaves_requests_to_the_one_that_is_ready(tmp_path):
    options = {"METER_WORKERS": "2", "METER_QUEUE_LENGTH": "64", fake_server.LOADING_SECONDS: "2"}
    with live_server(tmp_path / "models", **options) as server:
        fake_server.wait_for(lambda: "meter_ready_processes 2.0" in server.get("/metrics")[2])
        statuses = []
        for _ in range(2):
            before = set(server.workers())
            os.kill(min(before), signal.SIGKILL)
            fake_server.wait_for(lambda before=before: len(set(server.workers()) - before) == 1)
            loading = time.monotonic()
            while time.monotonic() - loading < 2:
                statuses.append(server.recognize()[0])
            fake_server.wait_for(lambda: "meter_ready_processes 2.0" in server.get("/metrics")[2])
        assert set(statuses) == {200} and len(statuses) > 5
        # the dead ones' files are gone, and what they had counted is not
        figures = server.get("/metrics")[2]
        assert sum_of(figures, 'meter_photos_total{counter_class="analog",outcome="read"}') >= len(statuses)
        files = list(metrics_folder(server).glob("*.db"))
        # of two processes and of those that have ended, all of them in full from the beginning
        assert len(files) == 3 + 3 + 2
        assert {file.stat().st_size for file in files} == {metric_files._FILE_BYTES}


def sum_of(figures, name):
    return sum(float(line.rsplit(" ", 1)[1]) for line in figures.splitlines() if line.startswith(name))


def metrics_folder(server):
    """Where a process of the server has mapped its figures from."""
    mapped = Path(f"/proc/{server.workers()[0]}/maps").read_text().split()
    (folder,) = {Path(name).parent for name in mapped if "/meter-metrics-" in name}
    return folder


def test_models_that_cannot_be_loaded_are_not_tried_again_at_once(tmp_path):
    options = {fake_server.LOADING_SECONDS: "-1"}
    with live_server(tmp_path / "models", is_up=lambda server: server.is_live(), **options) as server:
        time.sleep(7)
        fake_server.wait_for(server.is_live)
        tries = server.log.read_text().count("models: damaged")
        # after 1, 2 and 4 seconds; there were 17
        assert 2 <= tries <= 5
        assert server.get("/health/ready")[0] == 503


def test_the_board():
    board = Board()
    assert board.delay == 0 and not board.another_is_ready(1)
    board.mark_ready(1)
    assert board.another_is_ready(2) and not board.another_is_ready(1)
    board.mark_ended(1)
    assert board.delay == 0 and not board.another_is_ready(2)
    delays = []
    for number in range(2, 12):
        board.mark_ended(number)
        delays.append(board.delay)
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    board.mark_ready(12)
    assert board.delay == 0


def test_figures_without_room(tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv(SHARED_FOLDER, str(tmp_path))
    monkeypatch.setattr(os, "posix_fallocate", full)
    figures = metrics.make_metrics()
    figures.admitted.inc()
    assert b"meter_queue_requests 1.0" in figures.render()
    assert "no room for figures" in caplog.text
    assert metric_files.make_folder(4, ["/nowhere"]) == ""
    assert metric_files.make_folder(10**9, ["/tmp"]) == ""


def test_figures_of_servers_that_were_killed_are_removed(tmp_path):
    code = "from deploy.serving.metric_files import make_folder; print(make_folder(1, [%r])); %s"
    ended = [sys.executable, "-c", code % (str(tmp_path), "")]
    folder = subprocess.run(ended, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert Path(folder).is_dir()
    lives = [sys.executable, "-c", code % (str(tmp_path), "import sys; sys.stdout.flush(); input()")]
    with subprocess.Popen(lives, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        other = process.stdout.readline().strip()
        assert not Path(folder).exists() and Path(other).is_dir()
        third = subprocess.run(ended, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        assert Path(other).is_dir() and Path(third).is_dir()
        process.stdin.close()


def test_figures_lie_on_disk_in_full(tmp_path):
    metric_files.reserve(str(tmp_path), 7)
    for file in tmp_path.iterdir():
        assert file.stat().st_blocks * 512 >= file.stat().st_size > 0


def test_a_port_that_is_taken(tmp_path, server):
    variables = {**os.environ, "METER_HOST": "127.0.0.1", "METER_PORT": str(server.port)}
    variables["METER_MODELS"] = str(server.log.parent)
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "serve.py")], env=variables, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"error: METER_PORT={server.port}: another program listens there: end it, or choose another port"
    ]


def test_the_settings_of_memory_fit_each_other(monkeypatch):
    monkeypatch.setattr("deploy.serving.settings.memory", lambda: 4 * 2**30)
    monkeypatch.setattr("deploy.serving.settings.cores", lambda: 64)
    settings = ServerSettings()
    assert settings.photo_memory == 2**30 and settings.decoder_count == 2
    assert ServerSettings(workers=4).photo_memory == 450_000_000
    assert ServerSettings(photo_memory_mb=4096).decoder_count == 9
    assert ServerSettings(decoders=3).decoder_count == 3
    monkeypatch.setattr("deploy.serving.settings.cores", lambda: 1)
    assert settings.decoder_count == 1
    # 12 megapixels as Python writes them
    assert settings.max_json_body > 12_000_000 * 17 > settings.max_body
