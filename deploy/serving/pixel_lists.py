"""Nested lists of pixels in JSON, read with NumPy chunk by chunk: no Python object a pixel, and little memory.

The text of a chunk is reduced to its brackets, its commas and one mark for each number. What is left of a picture so
many pixels wide is the same row again and again, so comparing it with that row finds everything that is out of place.
"""

import warnings

import numpy as np

from ..recognition.photo_files import MIN_SIDE
from .problems import TOO_LARGE, UNUSABLE, RequestProblem

EXPECTED = "image: expected rows of pixels of 3 numbers from 0 to 255, all rows of one length"
# fits a processor's cache
_CHUNK = 128 * 1024
# longer numbers are no values of pixels: Python writes floats in 24 characters at most
_LONGEST_NUMBER = 32
_DIGIT, _PART, _SPACE, _OTHER = b"0. x"
_NUMBER_BYTES = b"+-.eE"
_DROPPED = bytes([_SPACE, _DIGIT | 128, _PART | 128])
_BEGIN, _PIXEL, _END = b"[[", b"[0,0,0],", b"]]]"


def _kinds() -> bytes:
    table = bytearray([_OTHER]) * 256
    for kind, characters in ((_DIGIT, b"0123456789"), (_PART, _NUMBER_BYTES), (_SPACE, b" \t\r\n")):
        for character in characters:
            table[character] = kind
    for character in b"[],":
        table[character] = character
    return bytes(table)


_KINDS = _kinds()
_NUMBERS_ONLY = bytes(character if chr(character) in "0123456789+-.eE" else 0x20 for character in range(256))


class NotPixels(ValueError):
    """What begins like lists of pixels is something else."""


class PixelLists:
    """Reads one picture out of a JSON text.

    Args:
        max_pixels: the largest picture.
    """

    def __init__(self, max_pixels: int):
        self._max_pixels = max_pixels
        self._width = 0
        # the first row as the others should be, and the comma after it
        self._row = b""
        self._tokens, self._last_token = 0, b""
        self._last = b""
        self._values: list[np.ndarray] = []
        self._count, self._floats, self._largest = 0, False, 0.0
        self._problem: RequestProblem | None = None

    def read(self, text: bytes | bytearray, start: int) -> tuple[np.ndarray | RequestProblem, int]:
        """Returns uint8 (height, width, 3), or why these numbers are no photo, and the place after its last bracket.

        Args:
            text: JSON.
            start: where the picture's first bracket stands in it.

        Raises:
            NotPixels: the brackets, commas and numbers there are not those of a picture.
        """
        view, end = memoryview(text), None
        while end is None:
            piece = bytes(view[start : start + _CHUNK])
            kinds = piece.translate(_KINDS)
            if start + len(piece) < len(text):
                # a number is not cut in two
                length = max(kinds.rfind(b","), kinds.rfind(b"]"), kinds.rfind(b"[")) + 1
                piece, kinds = piece[:length], kinds[:length]
            if not piece:
                raise NotPixels
            read = self._read_chunk(piece, kinds)
            end = None if read is None else start + read
            start += len(piece)
        return self._picture(), end

    def _read_chunk(self, piece: bytes, kinds: bytes) -> int | None:
        """Takes in a chunk; returns where in it the picture ends, or None."""
        kind = np.frombuffer(kinds, np.uint8)
        is_number = kind - np.uint8(_PART) <= _DIGIT - _PART
        goes_on = np.zeros(len(kind), bool)
        np.logical_and(is_number[:-1], is_number[1:], out=goes_on[:-1])
        # of each number, its last character stays
        marks = kind | (goes_on.view(np.uint8) << np.uint8(7))
        tokens = marks.tobytes().translate(None, _DROPPED)
        found = (self._last + tokens).find(_END)
        length = None
        if found >= 0:
            count = found + len(_END) - len(self._last)
            tokens = tokens[:count]
            length = int(np.flatnonzero((marks < 128) & (marks != _SPACE))[count - 1]) + 1
            is_number, goes_on, piece, kinds = is_number[:length], goes_on[:length], piece[:length], kinds[:length]
        self._last = (self._last + tokens)[-2:]
        has_parts = b"." in kinds
        self._compare(tokens.replace(b".", b"0") if has_parts else tokens, found >= 0)
        if self._problem is None:
            ends = np.flatnonzero(is_number & ~goes_on)
            values = _floats(piece, is_number, len(ends)) if has_parts else _whole_numbers(piece, is_number, ends)
            self._take(values, has_parts)
        return length

    def _compare(self, tokens: bytes, is_last: bool) -> None:
        """Checks that brackets, commas and numbers go on as they began."""
        if not self._width:
            tokens = self._compare_first_row(tokens)
        if not self._width:
            if is_last or self._tokens > len(_PIXEL) * self._max_pixels:
                raise NotPixels
            return
        compared = tokens[:-1] if is_last else tokens
        # the outer bracket comes before the rows
        phase = (self._tokens - 1) % len(self._row)
        if compared != (self._row * ((phase + len(compared)) // len(self._row) + 1))[phase : phase + len(compared)]:
            raise NotPixels
        self._tokens += len(compared)
        # after the last row a bracket stands in the comma's place
        if is_last and (self._tokens - 1) % len(self._row) != len(self._row) - 1:
            raise NotPixels

    def _compare_first_row(self, tokens: bytes) -> bytes:
        """Checks the first row, however long it is; returns what comes from its last bracket on."""
        end = (self._last_token + tokens).find(b"]]") + 1 - len(self._last_token)
        ends = end >= 1 - len(self._last_token)
        compared = tokens[:end] if ends else tokens
        begin = max(0, len(_BEGIN) - self._tokens)
        phase = (self._tokens + begin - len(_BEGIN)) % len(_PIXEL)
        pixels = (_PIXEL * (len(compared) // len(_PIXEL) + 2))[phase:]
        if compared != (_BEGIN[self._tokens :] + pixels)[: len(compared)]:
            raise NotPixels
        self._tokens += len(compared)
        self._last_token = compared[-1:] or self._last_token
        if not ends:
            return b""
        # the bracket stands where the comma after a pixel would
        self._width, rest = divmod(self._tokens - len(_BEGIN) + 1, len(_PIXEL))
        if rest:
            raise NotPixels
        self._row = b"[" + (_PIXEL * self._width)[:-1] + b"],"
        return tokens[len(compared) :]

    def _take(self, values: np.ndarray | None, are_floats: bool) -> None:
        self._count += 0 if values is None else len(values)
        if values is None or (len(values) and not (values.min() >= 0 and values.max() <= 255)):
            self._refuse(UNUSABLE, EXPECTED)
        elif self._count > 3 * self._max_pixels:
            self._refuse(TOO_LARGE, f"image: more than the {self._max_pixels / 1e6:g} megapixels allowed in lists")
        else:
            self._floats |= are_floats
            self._largest = max(self._largest, float(values.max(initial=0)))
            self._values.append(values.astype(np.uint8))

    def _refuse(self, status: int, detail: str) -> None:
        self._problem = RequestProblem(status, detail)
        self._values.clear()

    def _picture(self) -> np.ndarray | RequestProblem:
        if self._problem is None and self._floats and self._largest <= 1:
            self._refuse(UNUSABLE, "image: numbers from 0 to 1: expected 0 to 255; multiply them by 255")
        if self._problem is not None:
            return self._problem
        pixels = np.concatenate(self._values).reshape(-1, self._width, 3)
        if min(pixels.shape[:2]) < MIN_SIDE:
            return RequestProblem(UNUSABLE, f"image: at least {MIN_SIDE} pixels a side are needed")
        return pixels


def _whole_numbers(piece: bytes, is_digit: np.ndarray, ends: np.ndarray) -> np.ndarray | None:
    """Returns the numbers of a chunk; None where one has more than three digits, or one that begins with a needless 0.

    Args:
        piece: begins at a number's first byte or ends with no digit, so that no number reaches round its ends.
        is_digit: of each byte.
        ends: places of the numbers' last digits.
    """
    digits = np.frombuffer(piece, np.uint8) - np.uint8(48)
    has_tens = is_digit.take(ends - 1)
    has_hundreds = has_tens & is_digit.take(ends - 2)
    if (has_hundreds & is_digit.take(ends - 3)).any():
        return None
    values = digits.take(ends).astype(np.uint16)
    values += digits.take(ends - 1) * has_tens * np.uint16(10)
    values += digits.take(ends - 2) * has_hundreds * np.uint16(100)
    if (has_tens & (values < 10)).any() or (has_hundreds & (values < 100)).any():
        return None
    return values


def _floats(piece: bytes, is_number: np.ndarray, count: int) -> np.ndarray | None:
    """Returns the numbers of a chunk, None where one is none or there are not so many."""
    borders = np.flatnonzero(~is_number)
    if np.diff(borders, prepend=-1, append=len(is_number)).max() > _LONGEST_NUMBER:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)
            values = np.fromstring(piece.translate(_NUMBERS_ONLY), sep=" ")
    except (ValueError, DeprecationWarning):
        return None
    return values if len(values) == count else None
