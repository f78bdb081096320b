"""Decoding in processes of their own: as many at once as memory allows, each with a limit of time.

No file, however it is made, holds up more than one of them, and that one not for long; none breaks the server.
"""

import json
import mmap
import os
import queue
import socket
import subprocess
import sys
import threading
import time
import weakref

import numpy as np

from ..recognition import errors
from ..recognition.photo_files import Photo
from .budget import Budget, Reservation
from .decoder_process import MESSAGE
from .problems import OUT_OF_TIME, TOO_MANY, RequestProblem
from .settings import DECODING_BYTES, DEPLOY, ServerSettings

_START_SECONDS = 20
_TOO_LONG = "image: takes too long to decode; save it anew as an ordinary JPEG"


class Decoders:
    """Some processes that decode, and the memory that decoded photos may hold.

    Args:
        settings: limits.
    """

    def __init__(self, settings: ServerSettings):
        self._max_pixels, self._seconds = settings.max_pixels, settings.decode_seconds
        self._budget = Budget(settings.photo_memory)
        self._idle: queue.LifoQueue[_Decoder] = queue.LifoQueue()
        decoders = [_Decoder(settings.max_pixels) for _ in range(settings.decoder_count)]
        for decoder in decoders:
            self._idle.put(decoder)
        # so many may wait for each of them; nobody waits long for what others send
        self._most_waiting = 4 * len(decoders) + settings.queue_length + settings.batch_size
        self._waiting, self._lock = 0, threading.Lock()
        self._end = weakref.finalize(self, _end, decoders)
        self._decoders = decoders

    def start(self) -> None:
        """Starts the processes; without it, each starts when it is first needed."""
        for decoder in self._decoders:
            decoder.start()

    def stop(self) -> None:
        """Ends the processes."""
        self._end()

    def decode(
        self, content: bytes | bytearray, deadline: float, waits: bool = True
    ) -> tuple[Photo, Reservation] | None:
        """Returns a photo, and the memory that it holds, to be given back when it is done with.

        Args:
            content: of its file.
            deadline: of time.monotonic().
            waits: whether to wait for memory; otherwise None is returned if there is none. Who holds some must not.

        Raises:
            UserError: what `decode_large_photo` says.
            RequestProblem: 429 too many wait already, 504 the turn did not come in time.
        """
        with self._lock:
            if self._waiting >= self._most_waiting:
                raise RequestProblem(
                    TOO_MANY, "too many photos wait to be decoded; ask again later", {"Retry-After": "2"}
                )
            self._waiting += 1
        try:
            held = self._budget.reserve(DECODING_BYTES * self._max_pixels, deadline if waits else None)
            if held is None:
                if waits:
                    raise _out_of_time()
                return None
            try:
                decoder = self._idle.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                held.shrink(0)
                raise _out_of_time() from None
        finally:
            with self._lock:
                self._waiting -= 1
        try:
            photo = decoder.decode(content, self._seconds)
            held.shrink(photo.pixels.nbytes)
            return photo, held
        except BaseException:
            held.shrink(0)
            raise
        finally:
            self._idle.put(decoder)


class _Decoder:
    """One process, started when needed and again after it was ended."""

    def __init__(self, max_pixels: int) -> None:
        self._max_pixels = max_pixels
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._starts = threading.Lock()
        self._is_ready = False

    def start(self) -> None:
        with self._starts:
            if self._process is not None:
                return
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            # no settings: among them is the token
            variables = {name: value for name, value in os.environ.items() if not name.startswith("METER_")}
            variables |= {"PYTHONPATH": str(DEPLOY.parent), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            command = [sys.executable, "-m", f"{__package__}.decoder_process", str(theirs.fileno())]
            command.append(str(self._max_pixels))
            with theirs:
                # of a session of its own: Ctrl-C is for the server, which ends it
                self._process = subprocess.Popen(
                    command, pass_fds=[theirs.fileno()], env=variables, start_new_session=True, stdin=subprocess.DEVNULL
                )
            self._socket, self._is_ready = ours, False

    def decode(self, content: bytes | bytearray, seconds: float) -> Photo:
        """Returns a photo; see `Decoders.decode`."""
        with os.fdopen(os.memfd_create("photo"), "wb") as file:
            file.write(content)
            file.flush()
            message, descriptors = self._ask(file.fileno(), seconds)
        if not message:
            self.end()
            raise errors.DamagedPhoto("image: damaged: it breaks the decoder; copy or take the photo again")
        answer = json.loads(message)
        if "error" in answer:
            raise getattr(errors, answer["error"], errors.DamagedPhoto)(answer["message"])
        with os.fdopen(descriptors[0], "rb") as file:
            # unmapped with the last array that looks at it
            mapped = mmap.mmap(file.fileno(), 0)
        return Photo(np.frombuffer(mapped, np.uint8).reshape(answer["pixels"]), tuple(answer["shape"]))

    def _ask(self, descriptor: int, seconds: float) -> tuple[bytes, list[int]]:
        os.lseek(descriptor, 0, os.SEEK_SET)
        for is_last in (False, True):
            self.start()
            try:
                assert self._socket  # it was started
                # the first one after a start waits for the imports
                self._socket.settimeout(seconds + _START_SECONDS * (not self._is_ready))
                socket.send_fds(self._socket, [b"decode"], [descriptor])
                break
            except OSError:
                # it was ended while it had nothing to do
                self.end()
                if is_last:
                    raise
        try:
            assert self._socket  # it was started
            found = socket.recv_fds(self._socket, MESSAGE, 1)[:2]
        except TimeoutError:
            self.end()
            raise errors.TooMuchWork(_TOO_LONG) from None
        except ConnectionResetError:
            found = b"", []
        self._is_ready = True
        return found

    def end(self) -> None:
        with self._starts:
            process, self._process = self._process, None
            if process is not None and self._socket is not None:
                self._socket.close()
                process.kill()
                process.wait()


def _end(decoders: list[_Decoder]) -> None:
    for decoder in decoders:
        decoder.end()


def _out_of_time() -> RequestProblem:
    return RequestProblem(OUT_OF_TIME, "the photo's turn did not come in time; ask again later")
