"""Connections whose requests are taken in without a thread: slow and silent clients cost a file descriptor each."""

import collections
import re
import socket
from collections.abc import Callable
from typing import Any

from .budget import Budget, Reservation
from .problems import TOO_LARGE, TOO_MANY

# gunicorn refuses longer heads
_MOST_HEAD = 32 * 1024
_RECEIVE = 256 * 1024
# Of a body that is too large this is read and thrown away: many clients read the answer only after they have sent all.
_DISCARD = 128 * 2**20
# what a body may take without asking, thousands at once as they may be, and by how much it asks then
_FREE, _STEP = 64 * 1024, 256 * 1024
# an answer that is not taken for so long is given up
_SEND_SECONDS = 20.0
_HEAD_END = b"\r\n\r\n"
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,12}(?=[; \t\r])")
_MOST_LINE = 8192
# each is some work, however little it holds; 32 MiB in chunks of 500 bytes are 70,000
_MOST_CHUNKS = 200_000
# parts of the body that are smaller are kept together
_PART = 64 * 1024
_LENGTH_FIELDS = (b"content-length", b"transfer-encoding")
_PROBE = b"GET /health/"

_HEAD, _LENGTH, _CHUNK_LINE, _CHUNK, _TRAILER = range(5)

LimitOf = Callable[[dict[bytes, bytes]], int]


class ClientSocket(socket.socket):
    """A client's connection, which holds one request until it is whole.

    The accepting thread calls `take_in` whenever there is something to read; a thread of the pool then gets the request
    from `recv`, which never waits. What makes no sense is handed on as it is: gunicorn's parser refuses it.

    Attributes:
        limit_of: returns the largest body in bytes, from the head's fields by their lower-case names.
        budget: memory of large bodies.
        refusal: the status for a body that was not kept or did not come in time; 0 otherwise.
        is_whole: whether the request is there, with all that belongs to it.
        is_probe: whether it asks for health.
    """

    limit_of: LimitOf = staticmethod(lambda fields: 0)
    budget = Budget(0)

    def setblocking(self, flag: bool) -> None:
        """Sets the mode; where it waits, it does not do so for ever."""
        self.settimeout(_SEND_SECONDS if flag else 0.0)

    def begin(self) -> bool:
        """Makes ready for the next request; returns whether it came along with the one before."""
        rest, self._rest = getattr(self, "_rest", b""), b""
        self._phase, self._buffer = _HEAD, bytearray()
        self._parts: collections.deque[Any] = collections.deque()
        self._memory: list[Reservation] = []
        self._size = self._missing = self._limit = self._chunks = 0
        self.refusal, self.is_whole, self.is_probe = 0, False, False
        return bool(rest) and self._feed(rest)

    @property
    def has_begun(self) -> bool:
        """Whether something of a request is there."""
        return bool(self._buffer) or self._phase != _HEAD

    @property
    def has_head(self) -> bool:
        """Whether the request's head is there."""
        return self._phase != _HEAD

    def take_in(self) -> bool:
        """Receives what is there; returns whether the request is whole, or never will be."""
        try:
            data = super().recv(_RECEIVE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            data = b""
        return self._feed(data) if data else True

    def throw_away(self) -> bool:
        """Receives what nobody will read; returns whether the client has ended."""
        try:
            return not super().recv(_RECEIVE)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def hand_over(self, refusal: int = 0) -> None:
        """Makes `recv` give what has come.

        Args:
            refusal: the status if that is not the whole request.
        """
        if not self.is_whole:
            self.refusal = self.refusal or refusal
        if self._phase == _HEAD:
            self._parts.append(bytes(self._buffer))

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Returns more of the request; nothing at its end."""
        if not self._parts:
            return b""
        part = self._parts.popleft()
        if len(part) > size:
            self._parts.appendleft(part[size:])
            part = part[:size]
        return bytes(part)

    def release(self) -> None:
        """Gives back the memory of the request."""
        for held in self._memory:
            held.shrink(0)
        self._memory = []
        self._parts.clear()

    def _feed(self, data: bytes) -> bool:
        if self._phase == _HEAD:
            self._buffer += data
            end = self._buffer.find(_HEAD_END, max(0, len(self._buffer) - len(data) - len(_HEAD_END)))
            if end < 0:
                return len(self._buffer) > _MOST_HEAD
            end += len(_HEAD_END)
            head, data = bytes(self._buffer[:end]), bytes(self._buffer[end:])
            self._buffer.clear()
            self._read_head(head)
        position = 0
        while position < len(data) and not self.is_whole and self._chunks <= _MOST_CHUNKS:
            if self._phase in (_LENGTH, _CHUNK):
                size = min(self._missing, len(data) - position)
                self._missing -= size
                self.is_whole = self._phase == _LENGTH and not self._missing
                if self._phase == _CHUNK and not self._missing:
                    self._phase = _CHUNK_LINE
            else:
                size = (data.find(b"\n", position) + 1 or len(data)) - position
                self._buffer += data[position : position + size]
                self._read_line()
            position += size
        if self._chunks > _MOST_CHUNKS:
            self.refusal = TOO_LARGE
        self._keep(data[:position])
        self._rest = data[position:] if self.is_whole else b""
        return self.is_whole or self._chunks > _MOST_CHUNKS or self._size > self._limit + _DISCARD

    def _read_head(self, head: bytes) -> None:
        """Finds out how long the body is."""
        fields: dict[bytes, bytes] = {}
        lengths = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
            lengths += name.lower() in _LENGTH_FIELDS
        length, coding = fields.get(b"content-length", b"0"), fields.get(b"transfer-encoding")
        self._phase = _LENGTH if coding is None else _CHUNK_LINE
        if coding is None and length.isdigit() and len(length) < 16:
            self._missing = int(length)
        self.is_whole = not self._missing if coding is None else coding.lower() != b"chunked"
        # two lengths are none: gunicorn refuses them
        self.is_whole |= lengths > 1
        self.is_probe = head.startswith(_PROBE)
        self._limit = type(self).limit_of(fields)
        if self._missing > self._limit:
            self.refusal = TOO_LARGE
        if not self.is_whole and _EXPECT.search(head):
            # gunicorn must not say "continue" a second time
            head = _EXPECT.sub(b"", head)
            # whoever asks before sending is told at once that it would be in vain
            self.is_whole = bool(self.refusal) or not self._say_continue()
        self._parts.append(head)

    def _say_continue(self) -> bool:
        try:
            self.send(_CONTINUE)
        except OSError:
            return False
        return True

    def _read_line(self) -> None:
        """Takes in a line between chunks."""
        if not self._buffer.endswith(b"\n"):
            self.is_whole = len(self._buffer) > _MOST_LINE
            return
        line = bytes(self._buffer)
        self._buffer.clear()
        if self._phase == _TRAILER:
            self.is_whole = line == b"\r\n"
            return
        self._chunks += 1
        size = _CHUNK_SIZE.match(line)
        if size is None:
            self.is_whole = True
        elif int(size.group(), 16):
            # the line's end after the chunk too
            self._phase, self._missing = _CHUNK, int(size.group(), 16) + 2
        else:
            self._phase = _TRAILER

    def _keep(self, part: bytes) -> None:
        """Keeps a part of the body, unless there is too much of it for the limit or the memory."""
        if not part:
            # nothing is what `recv` gives at the end
            return
        self._size += len(part)
        if not self.refusal and self._size > self._limit:
            self.refusal = TOO_LARGE
        while not self.refusal and self._size > _FREE + _STEP * len(self._memory):
            held = self.budget.reserve(_STEP)
            if held is None:
                self.refusal = TOO_MANY
            else:
                self._memory.append(held)
        if not self.refusal:
            if len(self._parts) > 1 and len(self._parts[-1]) + len(part) <= _PART:
                self._parts[-1] += part
            else:
                self._parts.append(bytearray(part) if len(part) < _PART else part)
        elif len(self._parts) > 1:
            head = self._parts[0]
            self.release()
            self._parts.append(head)
