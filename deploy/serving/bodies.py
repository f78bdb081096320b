"""What a request brings: photos in any of the accepted shapes, and the fields beside them."""

import base64
import binascii
import dataclasses
import io
import json
import re
import threading
from collections.abc import Mapping
from decimal import Decimal

import numpy as np
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from ..recognition.photo_files import (
    MIN_SIDE,
    DamagedPhoto,
    MissingLibrary,
    TooFewPixels,
    TooManyPixels,
    TooMuchWork,
    UnknownFormat,
    decode_photo,
)
from .plausibility import read_number
from .problems import BAD_REQUEST, TOO_LARGE, UNSUPPORTED, UNUSABLE, RequestProblem

JSON, FORM = "application/json", "multipart/form-data"
PHOTO_TYPES = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff")
# what clients send that name no type, curl's -d and --data-binary among them: the content tells
_UNTOLD = ("", "application/octet-stream", "application/x-www-form-urlencoded")
_PHOTO_STATUS = {
    UnknownFormat: UNSUPPORTED,
    DamagedPhoto: BAD_REQUEST,
    TooManyPixels: TOO_LARGE,
    TooMuchWork: TOO_LARGE,
    MissingLibrary: UNSUPPORTED,
    TooFewPixels: UNUSABLE,
}
_DATA_URL = re.compile(r"data:[\w/+.-]*;base64,", re.ASCII)
# Parsing holds the interpreter and takes some twenty times the body's size: one at a time.
_JSON_LOCK = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Options:
    """The fields beside the photos.

    Attributes:
        previous: the last reading, or None.
        max_increase: the most that can have come since, or None.
        annotated: whether the photo with what was found drawn on it is wanted.
        crop: whether the rectified window is wanted.
    """

    previous: Decimal | None = None
    max_increase: Decimal | None = None
    annotated: bool = False
    crop: bool = False


@dataclasses.dataclass(frozen=True)
class Submission:
    """Photos, still as they came (bytes of a file, or nested lists), and options."""

    photos: list[bytes | list]
    options: Options


def parse(body: bytes, content_type: str, query: Mapping[str, str], many: int | None = None) -> Submission:
    """Returns what a request brings.

    Args:
        body: its body.
        content_type: its header of that name.
        query: its query fields.
        many: the most photos, in fields `image` or a list `images`; None where exactly one is expected.

    Raises:
        RequestProblem: 400 for what cannot be parsed, 415 for another type, 422 for fields of no use.
    """
    kind, _ = parse_options_header(content_type)
    kind = kind.lower()
    if kind in _UNTOLD:
        kind = JSON if body.lstrip()[:1] == b"{" else PHOTO_TYPES[0]
    if kind == JSON:
        fields = _parse_json(body)
        photos = _photos_of_json(fields, many)
    elif kind == FORM:
        fields, photos = _parse_form(body, content_type, many)
    elif kind in PHOTO_TYPES and many is None:
        fields, photos = {}, [body]
    else:
        kinds = (JSON, FORM, *(PHOTO_TYPES if many is None else ()))
        raise RequestProblem(UNSUPPORTED, f"Content-Type: expected one of {', '.join(kinds)}")
    return Submission(photos, _options(query, fields))


def decode(photo: bytes | list, max_pixels: int) -> np.ndarray:
    """Returns a photo, upright, as uint8 RGB (height, width, 3).

    Raises:
        RequestProblem: 400 damaged, 413 too many pixels, 415 no accepted format, 422 too small or no RGB lists.
    """
    if isinstance(photo, list):
        return _from_lists(photo, max_pixels)
    if not photo:
        raise RequestProblem(BAD_REQUEST, "image: empty")
    try:
        return decode_photo(photo, "image", max_pixels)
    except tuple(_PHOTO_STATUS) as error:
        raise RequestProblem(_PHOTO_STATUS[type(error)], str(error)) from error


def _from_lists(lists: list, max_pixels: int) -> np.ndarray:
    expected = "image: expected rows of pixels of 3 numbers from 0 to 255, all rows of one length"
    rows = len(lists)
    columns = len(lists[0]) if rows and isinstance(lists[0], list) else 0
    if rows * columns > max_pixels:
        raise RequestProblem(TOO_LARGE, f"image: more than the {max_pixels / 1e6:g} megapixels allowed")
    try:
        values = np.array(lists)
    except (ValueError, OverflowError) as error:
        raise RequestProblem(UNUSABLE, expected) from error
    if values.ndim != 3 or values.shape[2] != 3 or values.dtype.kind not in "iuf":
        raise RequestProblem(UNUSABLE, expected)
    if min(values.shape[:2]) < MIN_SIDE:
        raise RequestProblem(UNUSABLE, f"image: at least {MIN_SIDE} pixels a side are needed")
    # NaN fails too
    if not (values.min() >= 0 and values.max() <= 255):
        raise RequestProblem(UNUSABLE, expected)
    return values.astype(np.uint8)


def _no_constant(name: str):
    raise ValueError(f"{name} is not JSON")


def _parse_json(body: bytes) -> dict:
    try:
        with _JSON_LOCK:
            found = json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise RequestProblem(BAD_REQUEST, f"the body is no valid JSON in UTF-8: {reason}"[:300]) from error
    if not isinstance(found, dict):
        raise RequestProblem(UNUSABLE, 'expected a JSON object, {"image": ...}')
    return found


def _photos_of_json(fields: dict, many: int | None) -> list[bytes | list]:
    if many is None:
        given = [fields.get("image")]
    else:
        given = fields.get("images")
        if not isinstance(given, list) or not 1 <= len(given) <= many:
            raise RequestProblem(UNUSABLE, f"images: expected a list of 1 to {many} photos")
    return [photo if isinstance(photo, list) else _from_base64(photo) for photo in given]


def _from_base64(text: object) -> bytes:
    expected = "image: expected nested lists of RGB pixels, or a picture file in base64"
    if not isinstance(text, str):
        raise RequestProblem(UNUSABLE, expected)
    prefix = _DATA_URL.match(text)
    try:
        return base64.b64decode("".join(text[prefix.end() if prefix else 0 :].split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestProblem(UNUSABLE, f"{expected}: {error}") from error


def _parse_form(body: bytes, content_type: str, many: int | None) -> tuple[dict, list[bytes]]:
    parser = FormDataParser(
        # in memory: the body is already bounded, and nothing of a photo shall reach a disk
        stream_factory=lambda *_, **__: io.BytesIO(),
        max_form_memory_size=100_000,
        max_form_parts=(many or 1) + 20,
        silent=False,
    )
    kind, parameters = parse_options_header(content_type)
    try:
        _, form, files = parser.parse(io.BytesIO(body), kind, len(body), parameters)
    except RequestEntityTooLarge as error:
        raise RequestProblem(TOO_LARGE, "the form has too many or too large fields") from error
    except (ValueError, LookupError) as error:
        raise RequestProblem(BAD_REQUEST, f"the form cannot be parsed: {error}"[:300]) from error
    photos = [file.stream.getvalue() for file in files.getlist("image")]
    if not 1 <= len(photos) <= (many or 1):
        expected = "exactly one file" if many is None else f"1 to {many} files"
        raise RequestProblem(UNUSABLE, f"image: expected {expected} in a field of that name, found {len(photos)}")
    return form.to_dict(), photos


def _options(*sources: Mapping[str, object]) -> Options:
    """Returns the options of several sources, later ones before earlier ones."""
    found = {}
    for fields in sources:
        # fields of a form that were left empty count as not given
        given = {name: fields[name] for name in _READERS if fields.get(name) not in (None, "")}
        found |= {name: _READERS[name](name, value) for name, value in given.items()}
    options = Options(**found)
    if options.max_increase is not None and options.previous is None:
        raise RequestProblem(UNUSABLE, "max_increase: says nothing without previous, the last reading")
    return options


def _flag(name: str, value: object) -> bool:
    # JSON's true, and what Python and HTML forms make of it
    text = str(value)
    if text in ("true", "True", "1"):
        return True
    if text in ("false", "False", "0"):
        return False
    raise RequestProblem(UNUSABLE, f"{name}: expected true or false")


_READERS = {"previous": read_number, "max_increase": read_number, "annotated": _flag, "crop": _flag}
