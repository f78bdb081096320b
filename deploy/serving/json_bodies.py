"""JSON bodies: what they hold is counted before it is parsed, and lists of pixels never become Python objects."""

import gc
import json
import re
import secrets
import threading
from typing import NoReturn

import numpy as np

from .pixel_lists import EXPECTED, NotPixels, PixelLists
from .problems import BAD_REQUEST, TOO_LARGE, UNUSABLE, RequestProblem

# Values, keys and lists beside the pixels; each becomes an object of some hundred bytes.
MOST_VALUES = 100_000
_OPENING = re.compile(rb'["\[]')
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_PIXELS = re.compile(rb"\[\s*+\[\s*+\[\s*+[-\d]")
_SEPARATORS = (b",", b":", b"[", b"{")
# one at a time: while it parses, the interpreter does nothing else, and the garbage collector is off
_LOCK = threading.Lock()
# beside as many as there may be pictures: lists that begin like pixels and are none, of points for example
_MOST_OTHER_LISTS = 16

Pixels = np.ndarray | RequestProblem


def parse_json(
    body: bytes | bytearray, max_bytes: int, max_pixels: int, max_pictures: int
) -> tuple[object, dict[str, Pixels]]:
    """Returns what a JSON text says, with a key in place of each picture in nested lists, and the pictures by key.

    Args:
        body: the text, in UTF-8.
        max_bytes: the most beside the pixels.
        max_pixels: of a picture in lists.
        max_pictures: so many of them are looked for.

    Returns:
        The text's value, and {key: uint8 (height, width, 3), or why those numbers are no photo}.

    Raises:
        RequestProblem: 400 no JSON, 413 too long, 422 more values than a request has.
    """
    pieces, pictures = _cut_out_pixels(body, max_pixels, max_pictures)
    size = sum(map(len, pieces))
    if size > max_bytes:
        raise RequestProblem(
            TOO_LARGE, f"the body is larger than the {max_bytes / 2**20:g} MiB allowed beside lists of pixels"
        )
    # what stands in strings counts too: pictures in base64 have none of these
    if sum(piece.count(separator) for piece in pieces for separator in _SEPARATORS) > MOST_VALUES:
        raise _too_many()
    try:
        with _LOCK:
            text = b"".join(pieces).decode("utf-8-sig")
            return _load(text), pictures
    except (ValueError, RecursionError) as error:
        raise RequestProblem(BAD_REQUEST, f"the body is no valid JSON in UTF-8: {_reason(error)}"[:300]) from error


def _cut_out_pixels(
    body: bytes | bytearray, max_pixels: int, max_pictures: int
) -> tuple[list[bytes | bytearray], dict[str, Pixels]]:
    pieces: list[bytes | bytearray] = []
    pictures: dict[str, Pixels] = {}
    begin = position = looked_at = other_lists = 0
    while (
        len(pictures) < max_pictures
        and other_lists < max_pictures + _MOST_OTHER_LISTS
        and (opening := _OPENING.search(body, position))
    ):
        position, looked_at = opening.start(), looked_at + 1
        if looked_at > MOST_VALUES:
            raise _too_many()
        if opening.group() == b'"':
            string = _STRING.match(body, position)
            if string is None:
                break
            position = string.end()
            continue
        if not _PIXELS.match(body, position):
            position += 1
            continue
        try:
            picture, end = PixelLists(max_pixels).read(body, position)
        except NotPixels:
            position, other_lists = position + 1, other_lists + 1
            continue
        # nobody can guess it
        key = secrets.token_hex(16)
        pictures[key] = picture
        pieces += [bytes(memoryview(body)[begin:position]), json.dumps(key).encode()]
        begin = position = end
    pieces.append(bytes(memoryview(body)[begin:]) if pieces else body)
    return pieces, pictures


def _load(text: str) -> object:
    """Parses with the garbage collector out of the way.

    It goes through all objects of the process, TensorFlow's too, each time some thousands were made.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        return json.loads(text, parse_constant=_no_constant)
    finally:
        if was_on:
            gc.enable()


def _reason(error: ValueError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    # Python's own words tell how to change the server
    return "a number of thousands of digits" if "set_int_max_str_digits" in str(error) else str(error)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _too_many() -> RequestProblem:
    return RequestProblem(
        UNUSABLE, f"the body holds more than {MOST_VALUES:,} values, and they are not pixels: {EXPECTED}"
    )
