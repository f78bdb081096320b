"""What libjpeg inside OpenCV says of a picture: it fills up what a file lacks, and tells only stderr."""

import os
import re
import tempfile
import threading
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

_LINE = re.compile(rb"^(?:Corrupt JPEG data: |Premature end of JPEG file).*\n?", re.MULTILINE)
# the data ended, are no codes, or codes of other places: the decoder made pixels up
_FILLED = re.compile(
    r"premature end.*|bad huffman code|bad arithmetic code|found marker 0x\w\w instead of RST\d"
    r"|\d+ extraneous bytes before marker 0xd[0-7]",
    re.IGNORECASE,
)
# between scans only: in the head, bytes that nobody asked for are harmless, and behind the last scan cameras pad
_FILLED_SCANS = re.compile(r"\d+ extraneous bytes before marker 0x(?:c4|da)")
_STDERR = 2


def damage(messages: str, scans: int) -> str | None:
    """Returns what is wrong with a JPEG by libjpeg's messages, None if no pixels were made up.

    Args:
        messages: a line each.
        scans: that the file has.
    """
    found = _FILLED.search(messages) or (_FILLED_SCANS.search(messages) if scans > 1 else None)
    return found.group() if found else None


class _Stderr:
    """The stderr of the process, led into a file while any thread decodes; what libjpeg did not write goes on to it."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        # threads that decode, those that began since the first of them, and whether one wants to be alone
        self._users, self._begun, self._is_taken = 0, 0, False
        self._file, self._original, self._passed_on = -1, -1, 0

    def listen(self, decode: Callable[[], Result], alone: bool) -> tuple[Result, str, bool]:
        """Returns what `decode` returns, libjpeg's messages meanwhile, and whether all of them must be from it.

        Args:
            decode: what writes them.
            alone: whether to wait until no other thread decodes, and keep others waiting.
        """
        with self._change:
            self._change.wait_for(lambda: not self._is_taken)
            self._is_taken = alone
            if alone:
                self._change.wait_for(lambda: not self._users)
            if not self._users:
                self._open()
            self._users += 1
            self._begun += 1
            was_alone, turn = self._users == 1, self._begun
            start = os.fstat(self._file).st_size
        messages = ""
        try:
            result = decode()
        finally:
            with self._change:
                messages = self._messages(start)
                was_alone &= self._begun == turn
                self._users -= 1
                if not self._users:
                    self._close()
                if alone:
                    self._is_taken = False
                self._change.notify_all()
        return result, messages, was_alone

    def _open(self) -> None:
        if hasattr(os, "memfd_create"):
            self._file = os.memfd_create("stderr")
        else:
            with tempfile.TemporaryFile() as file:
                self._file = os.dup(file.fileno())
        self._passed_on = 0
        try:
            self._original = os.dup(_STDERR)
        except OSError:
            # a service may have closed it
            self._original = -1
        os.dup2(self._file, _STDERR)

    def _messages(self, start: int) -> str:
        """Returns libjpeg's messages from a place in the file on, and passes on what is new and not libjpeg's."""
        end = os.fstat(self._file).st_size
        if end > self._passed_on and self._original >= 0:
            new = os.pread(self._file, end - self._passed_on, self._passed_on)
            os.write(self._original, _LINE.sub(b"", new))
        self._passed_on = end
        written = os.pread(self._file, end - start, start) if end > start else b""
        return b"".join(_LINE.findall(written)).decode(errors="replace")

    def _close(self) -> None:
        if self._original >= 0:
            os.dup2(self._original, _STDERR)
            os.close(self._original)
        else:
            os.close(_STDERR)
        os.close(self._file)


_stderr = _Stderr()


def decode_listening(decode: Callable[[], Result], scans: int) -> tuple[Result, str | None]:
    """Returns what `decode` returns, and what is wrong with the JPEG that it decodes.

    Threads decode beside one another. Where libjpeg says something meanwhile, each decodes again alone, as it does not
    say of which picture.

    Args:
        decode: decodes with OpenCV.
        scans: that the file has.
    """
    result, messages, is_sure = _stderr.listen(decode, alone=False)
    if damage(messages, scans) and not is_sure:
        result, messages, _ = _stderr.listen(decode, alone=True)
    return result, damage(messages, scans)
