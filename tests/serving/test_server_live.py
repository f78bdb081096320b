"""The server under gunicorn, as it runs in production but for the models: limits, signals, processes."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tests import fake_server
from tests.fake_server import PNG, ROOT, TEXT, live_server

BUSY = {"METER_QUEUE_LENGTH": "64", "METER_THREADS": "24"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    limits = {"METER_MAX_BODY_MB": "1", "METER_UPLOAD_SECONDS": "2", "METER_TOKEN": ""}
    with live_server(tmp_path_factory.mktemp("live") / "models", **limits) as found:
        yield found


def talk(server, *parts, pause=0.0):
    """Everything that comes back after these bytes were sent, some seconds apart."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        return receive_all(connection)


def receive_all(connection):
    answer = b""
    try:
        while chunk := connection.recv(65536):
            answer += chunk
    except ConnectionResetError:
        pass
    return answer


def head(*lines, length=None):
    start = "POST /recognize HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: image/png\r\n"
    lines = [*lines, *([f"Content-Length: {length}"] if length is not None else [])]
    return (start + "".join(f"{line}\r\n" for line in lines) + "\r\n").encode()


def chunked(content, size=500):
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def test_a_photo(server):
    status, headers, found = server.recognize()
    assert (status, found["text"]) == (200, TEXT)
    assert headers["X-Request-ID"] == found["request_id"]


def test_chunked_bodies(server):
    answer = talk(server, head("Transfer-Encoding: chunked"), chunked(PNG))
    assert answer.startswith(b"HTTP/1.1 200") and TEXT.encode() in answer


def test_chunked_bodies_have_a_limit_too(server):
    answer = talk(server, head("Transfer-Encoding: chunked"), chunked(bytes(1_200_000), 50_000))
    assert answer.startswith(b"HTTP/1.1 413") and b"too_large" in answer


def test_a_client_that_sends_too_much_reads_why(server):
    status, headers, found = server.recognize(bytes(3_000_000))
    assert (status, found["error"]) == (413, "too_large")
    assert headers["Connection"] == "close"


def test_a_body_without_any_length_is_empty(server):
    answer = talk(server, head() + PNG)
    assert answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    "request_head",
    [head(length="x"), head(length=-1), head(length="5, 6"), head("Content-Length: 3", length=4)]
    + [head("Transfer-Encoding: chunked", length=5), head("Transfer-Encoding: gzip"), b"\0\1\2\3\r\n\r\n"],
)
def test_heads_that_make_no_sense(server, request_head):
    answer = talk(server, request_head + b"abc")
    assert answer == b"" or answer.split()[1] in (b"400", b"501")
    assert b"Traceback" not in answer


@pytest.mark.parametrize("body", [b"zz\r\n", b"5\r\nab", b"3\r\nabcdef\r\n0\r\n\r\n", b"-5\r\nabcde\r\n"])
def test_broken_chunks(server, body):
    begin = time.monotonic()
    answer = talk(server, head("Transfer-Encoding: chunked") + body)
    assert answer.split()[1] in (b"400", b"408")
    assert time.monotonic() - begin < 8


def test_a_slow_body_is_ended(server):
    begin = time.monotonic()
    answer = talk(server, head(length=len(PNG)), *[PNG[:1]] * 25, pause=0.15)
    assert answer.startswith(b"HTTP/1.1 408") and b"upload_too_slow" in answer
    assert time.monotonic() - begin < 10


def test_a_slow_head_is_ended(server):
    begin = time.monotonic()
    answer = talk(server, b"POST /recognize HTTP/1.1\r\n", *[b"X: 1\r\n"] * 25, pause=0.15)
    assert b"200 OK" not in answer
    assert time.monotonic() - begin < 10


def test_a_body_that_breaks_off(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head(length=len(PNG)) + PNG[:100])
        connection.shutdown(socket.SHUT_WR)
        answer = receive_all(connection)
    assert answer.startswith(b"HTTP/1.1 400") and b"broke off" in answer


def test_slow_clients_hold_up_nobody(server):
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(12)]
    for connection in slow:
        connection.sendall(head(length=1000))
    assert server.recognize()[0] == 200
    for connection in slow:
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.close()


def test_one_connection_many_requests(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    for _ in range(3):
        connection.request("POST", "/recognize", PNG, {"Content-Type": "image/png"})
        answer = connection.getresponse()
        assert answer.status == 200 and TEXT.encode() in answer.read()
    connection.close()


def test_the_log_is_json_without_pictures(server):
    server.send("POST", "/recognize", PNG, {"Content-Type": "image/png", "X-Request-ID": "look-for-me"})
    entries = [entry for entry in server.log_entries() if entry.get("request_id") == "look-for-me"]
    assert [(entry["status"], entry["outcome"], entry["bytes"]) for entry in entries] == [(200, "read", len(PNG))]
    assert TEXT not in server.log.read_text()


class Load:
    """Clients that ask, each one request after the other, until the block ends."""

    def __init__(self, server, clients):
        self.server, self.ends, self.outcomes = server, threading.Event(), []
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        for thread in self.threads:
            thread.join()

    def read(self):
        """When the readings came."""
        return [moment for moment, status, text in self.outcomes if status == 200 and text == TEXT]

    def run(self):
        while not self.ends.is_set():
            try:
                status, _, found = self.server.recognize()
                self.outcomes.append((time.monotonic(), status, found.get("text")))
            except OSError as error:
                self.outcomes.append((time.monotonic(), type(error).__name__, str(error)))
                time.sleep(0.01)


def test_a_killed_process_is_replaced_while_the_other_answers(tmp_path):
    with live_server(tmp_path / "models", 0.02, METER_WORKERS="2", **BUSY) as server, Load(server, 4) as load:
        fake_server.wait_for(lambda: "meter_ready_processes 2.0" in server.get("/metrics")[2])
        fake_server.wait_for(lambda: len(load.read()) > 10)
        before = set(server.workers())
        assert len(before) == 2
        os.kill(min(before), signal.SIGKILL)
        killed = time.monotonic()
        fake_server.wait_for(lambda: len(server.workers()) == 2 and set(server.workers()) != before)
        fake_server.wait_for(lambda: sum(moment > killed for moment in load.read()) > 20)
        fake_server.wait_for(lambda: "meter_ready_processes 2.0" in server.get("/metrics")[2])
        assert len(set(server.workers()) & before) == 1
    failed = [outcome for outcome in load.outcomes if outcome[1] not in (200, 503)]
    # only what the killed one held in its hands is lost: four clients have a request each
    assert len(failed) <= 4, failed


def test_sigterm_finishes_what_was_accepted(tmp_path):
    with live_server(tmp_path / "models", 0.1, **BUSY) as server, Load(server, 8) as load:
        fake_server.wait_for(lambda: len(load.read()) > 16)
        server.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        assert server.process.wait(30) == 0
        load.ends.set()
    assert {status for _, status, _ in load.outcomes if isinstance(status, int)} == {200}
    # eight were in work: they were answered after the signal
    assert sum(moment > told for moment in load.read()) >= 7
    # every request that the server took up was answered; the others found no listener
    entries = server.log_entries()
    assert sum(entry.get("outcome") == "read" for entry in entries) == len(load.read())


def test_serve_refuses_models_that_do_not_match(tmp_path):
    command = [sys.executable, str(ROOT / "deploy" / "serve.py")]
    done = subprocess.run(
        command, env={**os.environ, "METER_MODELS": str(tmp_path)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "no exported models there" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = subprocess.run(command, env={**os.environ, "METER_PORT": "none"}, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["error: METER_PORT=none: expected a whole number from 1 to 65535"],
    )


def test_serve_lists_its_settings():
    done = subprocess.run([sys.executable, str(ROOT / "deploy" / "serve.py"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "METER_QUEUE_LENGTH" in done.stdout and "METER_TOKEN" in done.stdout
