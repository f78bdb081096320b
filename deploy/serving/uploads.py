"""Taking in request bodies: no larger than allowed, and no slower."""

import heapq
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gunicorn.http.errors import ParseException

from .problems import BAD_REQUEST, TOO_LARGE, TOO_SLOW, RequestProblem

_CHUNK = 65536
# A client reads the answer only after it has sent its body: what is too large is read and thrown away, up to this
# many times the limit, before the answer goes out.
_DISCARD = 4
# so many bytes tell JSON from a photo
_BEGIN = 64
_CLOSE = {"Connection": "close"}


class UploadTimer:
    """Ends the receiving half of connections whose request takes too long to arrive; answers can still be sent.

    A timeout of the socket would not do: it starts anew with every byte.
    """

    def __init__(self) -> None:
        self._due: list[tuple[float, int, socket.socket]] = []
        self._done: set[int] = set()
        self._late: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._changed = threading.Condition()
        self._count = 0
        self._thread: threading.Thread | None = None

    @contextmanager
    def watch(self, connection: socket.socket, seconds: float) -> Iterator[None]:
        """Gives the peer this long, from now to the end of the block, to send its request."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="upload timer", daemon=True)
                self._thread.start()
            self._count += 1
            number = self._count
            heapq.heappush(self._due, (time.monotonic() + seconds, number, connection))
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._done.add(number)

    def is_late(self, connection: socket.socket | None) -> bool:
        """Returns whether the connection's receiving half was ended."""
        return connection is not None and connection in self._late

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                _, number, connection = heapq.heappop(self._due)
                if number in self._done:
                    self._done.discard(number)
                    continue
                self._late.add(connection)
                try:
                    connection.shutdown(socket.SHUT_RD)
                except OSError:
                    # the peer was faster and hung up
                    continue


TIMER = UploadTimer()


def read_body(environment: dict, limit_of: Callable[[bytes], int]) -> bytearray:
    """Returns the body of a WSGI request, with a length or chunked.

    Args:
        environment: the request's.
        limit_of: returns the largest body in bytes, from its first bytes.

    Raises:
        RequestProblem: 413 beyond the limit in bytes, 408 when it came too slowly, 400 when it broke off.
    """
    length = None
    if not environment.get("HTTP_TRANSFER_ENCODING"):
        text = environment.get("CONTENT_LENGTH") or "0"
        if not (text.isascii() and text.isdecimal()):
            raise RequestProblem(BAD_REQUEST, "Content-Length: expected a whole number", _CLOSE)
        length = int(text)
    stream, connection = environment["wsgi.input"], environment.get("gunicorn.socket")
    body, size, limit = bytearray(), 0, None
    while length is None or size < length:
        chunk = _read(stream, _CHUNK if length is None else min(_CHUNK, length - size), connection)
        if not chunk:
            break
        if limit is None:
            limit = limit_of(chunk[:_BEGIN])
        size += len(chunk)
        if size <= limit:
            body += chunk
        elif size > _DISCARD * limit:
            break
    if limit is not None and size > limit:
        raise RequestProblem(
            TOO_LARGE, f"the body is larger than the {limit / 2**20:g} MiB allowed; make the photo smaller", _CLOSE
        )
    if TIMER.is_late(connection) and (length is None or size < length):
        raise RequestProblem(TOO_SLOW, "the body took too long to arrive", _CLOSE)
    if length is not None and size < length:
        raise RequestProblem(BAD_REQUEST, f"the body broke off after {size} of {length} bytes", _CLOSE)
    return body


def _read(stream, size: int, connection: socket.socket | None) -> bytes:
    try:
        return stream.read(size)
    except (OSError, ParseException) as error:
        if TIMER.is_late(connection):
            raise RequestProblem(TOO_SLOW, "the body took too long to arrive", _CLOSE) from error
        raise RequestProblem(BAD_REQUEST, "the body broke off or is no valid chunked body", _CLOSE) from error
