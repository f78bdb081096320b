"""gunicorn's thread worker, which neither slow nor silent clients hold up, and which accepts when it is ready."""

import contextlib
import errno
import json
import logging
import selectors
import socket
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from gunicorn import util
from gunicorn.http import errors
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from .board import Board
from .budget import Budget
from .connections import ClientSocket
from .problems import BAD_REQUEST, BROKEN, TOO_SLOW, RequestProblem
from .settings import ENGINE, read_settings
from .states import DRAINING, READY
from .uploads import body_limit

_LOG = logging.getLogger("meter.worker")
_PROBE_THREADS = 2
# connections accepted before others are looked at
_ACCEPTED_AT_ONCE = 64
# how long what a client still sends is thrown away, so that it can read its answer
_LINGER_SECONDS = 2.0
_STOPPING_STEP = 0.1
_STATUS = {
    errors.LimitRequestLine: (414, "URI Too Long"),
    errors.LimitRequestHeaders: (431, "Request Header Fields Too Large"),
    errors.ExpectationFailed: (417, "Expectation Failed"),
    errors.UnsupportedTransferCoding: (501, "Not Implemented"),
    errors.ForbiddenProxyRequest: (403, "Forbidden"),
}


class Worker(ThreadWorker):
    """A thread worker of which the accepting thread takes requests in; a thread gets them when they are whole.

    Attributes:
        board: of all workers; set before the fork.
    """

    board: Board | None = None

    def init_process(self) -> None:
        """Reads the limits and starts."""
        settings = read_settings()
        self._upload_seconds = settings.upload_seconds
        ClientSocket.limit_of = staticmethod(partial(body_limit, settings))
        ClientSocket.budget = Budget(settings.upload_memory)
        self._probes = ThreadPoolExecutor(_PROBE_THREADS, thread_name_prefix="probes")
        # connections that no thread works on, the one that has waited longest first
        self._waiting: dict[TConn, None] = {}
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accepts, or not: while the models are loaded, another process that is ready gets the connections."""
        super().set_accept_enabled(enabled and self._may_accept())

    def become_ready(self) -> None:
        """Tells the others, and accepts; called in the engine's thread."""
        if self.board is not None:
            self.board.mark_ready(self.age)
        # wakes the accepting thread
        self.method_queue.defer(lambda: None)

    def _may_accept(self) -> bool:
        is_ready = self.wsgi.config[ENGINE].state in (READY, DRAINING)
        if is_ready and self.board is not None:
            self.board.mark_ready(self.age)
        return is_ready or self.board is None or not self.board.another_is_ready(self.age)

    def accept(self, listener: socket.socket) -> None:
        """Accepts the connections that wait; where there are too many, the longest silent ones go."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, address = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE) and self._waiting:
                    self._drop_longest_silent()
                return
            client = ClientSocket(fileno=accepted.detach())
            self.nr_conns += 1
            conn = TConn(self.cfg, client, address, listener.getsockname())
            self._await_request(conn)
            self._make_room()

    def _make_room(self) -> None:
        while self.nr_conns >= self.worker_connections - _ACCEPTED_AT_ONCE and self._waiting:
            self._drop_longest_silent()

    def _drop_longest_silent(self) -> None:
        silent = (conn for conn in self._waiting if not conn.sock.has_begun)
        self._drop(next(silent, next(iter(self._waiting))))

    def _await_request(self, conn: TConn) -> None:
        """Takes in a connection's next request, which may have come already."""
        conn.lingers = False
        conn.sock.setblocking(False)
        if conn.sock.begin():
            self._hand_over(conn)
            return
        begun = conn.sock.has_begun
        self._watch(
            conn, self._upload_seconds if begun else self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
        )

    def _watch(self, conn: TConn, seconds: float) -> None:
        conn.timeout = time.monotonic() + seconds
        self._waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._on_readable, conn))

    def _forget(self, conn: TConn) -> None:
        del self._waiting[conn]
        with contextlib.suppress(OSError, KeyError, ValueError):
            self.poller.unregister(conn.sock)

    def _drop(self, conn: TConn) -> None:
        self._forget(conn)
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self.nr_conns -= 1
        conn.sock.release()
        util.close(conn.sock)

    def _on_readable(self, conn: TConn, client: ClientSocket) -> None:
        if conn.lingers:
            if client.throw_away():
                self._drop(conn)
            return
        had_begun = client.has_begun
        if client.take_in():
            self._forget(conn)
            if client.has_begun:
                self._hand_over(conn)
            else:
                self._close(conn)
        elif client.has_begun and not had_begun:
            conn.timeout = time.monotonic() + self._upload_seconds

    def _hand_over(self, conn: TConn, refusal: int = BAD_REQUEST) -> None:
        conn.sock.hand_over(refusal)
        conn.data_ready = True
        pool = self._probes if conn.sock.is_probe else self.tpool
        future = pool.submit(self.handle, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def finish_request(self, conn: TConn, future: Future[tuple[bool, TConn]]) -> None:
        """Goes on with a connection after its request was answered."""
        keep = not future.cancelled() and future.exception() is None and bool(future.result())
        client = conn.sock
        client.release()
        try:
            if keep and client.is_whole:
                self._await_request(conn)
            elif client.is_whole:
                self._close(conn)
            else:
                client.setblocking(False)
                client.shutdown(socket.SHUT_WR)
                conn.lingers = True
                self._watch(conn, _LINGER_SECONDS)
        except (OSError, ValueError, KeyError):
            self._waiting.pop(conn, None)
            self._close(conn)

    def murder_pending(self) -> None:
        """Ends what has waited too long; gunicorn calls it about once a second."""
        if self.alive:
            # a worker that has become ready accepts, and says so
            self.set_accept_enabled(self.nr_conns < self.worker_connections)
        now = time.monotonic()
        for conn in [conn for conn in self._waiting if conn.timeout <= now]:
            client = conn.sock
            if conn.lingers or not client.has_begun:
                self._drop(conn)
            elif client.has_head:
                self._forget(conn)
                self._hand_over(conn, TOO_SLOW)
            else:
                self._answer(client, TOO_SLOW, "Request Timeout", "the request took too long to arrive")
                self._drop(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Waits for events; less long where the worker stops and only waits for its clients."""
        super().wait_for_and_dispatch_events(timeout if self.alive else min(timeout, _STOPPING_STEP))

    def _cap_keepalive(self, deadline: float) -> None:
        """Ends silent connections by then, for the worker stops."""
        super()._cap_keepalive(deadline)
        for conn in self._waiting:
            if not conn.sock.has_begun:
                conn.timeout = min(conn.timeout, deadline)

    def handle_error(self, req: Any, client: ClientSocket, addr: Any, exc: Exception) -> None:
        """Answers what gunicorn itself refuses, as JSON."""
        status, reason = next((found for kind, found in _STATUS.items() if isinstance(exc, kind)), (400, "Bad Request"))
        if not isinstance(exc, errors.ParseException):
            _LOG.error("a request failed outside the application", exc_info=exc)
            status, reason = BROKEN, "Internal Server Error"
        detail = "an error of the server" if status == BROKEN else str(exc)[:300]
        if getattr(client, "refusal", 0) == TOO_SLOW:
            status, reason, detail = TOO_SLOW, "Request Timeout", "the request took too long to arrive"
        self._answer(client, status, reason, detail)

    def _answer(self, client: ClientSocket, status: int, reason: str, detail: str) -> None:
        request_id = uuid.uuid4().hex
        _LOG.info("refused with %s", status, extra={"fields": {"request_id": request_id, "status": status}})
        body = json.dumps(RequestProblem(status, detail).to_dict() | {"request_id": request_id}).encode()
        head = (
            f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"X-Request-ID: {request_id}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with contextlib.suppress(OSError):
            client.sendall(head.encode() + body)
