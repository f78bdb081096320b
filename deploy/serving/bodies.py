"""What a request brings: photos in any of the accepted shapes, and the fields beside them."""

import base64
import binascii
import dataclasses
import io
import re
import string
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from .json_bodies import Pixels, parse_json
from .pixel_lists import EXPECTED
from .plausibility import read_number
from .problems import BAD_REQUEST, TOO_LARGE, UNSUPPORTED, UNUSABLE, RequestProblem
from .settings import ServerSettings

JSON, FORM = "application/json", "multipart/form-data"
PHOTO_TYPES = ("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/heic", "image/heif")
# what clients send that name no type, curl's -d and --data-binary among them: the content tells
_UNTOLD = ("", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded")
# whatever kind of picture it is called, the content tells too: image/jpg, image/pjpeg, image/*
_ANY_PHOTO = re.compile(r"image/[\w.+*-]+", re.ASCII)
_JSON_BEGINS = (b"{", b"[")
_DATA_URL = re.compile(r"data:[\w/+.-]*;base64,", re.ASCII)
_EXPECTED_JSON = "image: expected nested lists of RGB pixels, or a picture file in base64"
# what a photo is before it is decoded: a file, pixels, or why it is neither
Given = bytes | bytearray | Pixels


@dataclasses.dataclass(frozen=True)
class Options:
    """The fields beside the photos.

    Attributes:
        previous: the last reading, or None.
        max_increase: the most that can have come since, or None.
        max_decrease: the most that it may be below previous and count as unchanged, or None.
        annotated: whether the photo with what was found drawn on it is wanted.
        crop: whether the rectified window is wanted.
    """

    previous: Decimal | None = None
    max_increase: Decimal | None = None
    max_decrease: Decimal | None = None
    annotated: bool = False
    crop: bool = False


@dataclasses.dataclass(frozen=True)
class Submission:
    """Photos, still as they came (bytes of a file, pixels of nested lists, or what is wrong), and options."""

    photos: list[Given]
    options: Options


def is_json(content_type: str, begin: bytes) -> bool:
    """Returns whether a body counts as JSON.

    Args:
        content_type: its header of that name.
        begin: its first bytes.
    """
    kind, _ = parse_options_header(content_type)
    return kind.lower() == JSON or (kind.lower() in _UNTOLD and begin.lstrip()[:1] in _JSON_BEGINS)


def parse(
    body: bytes | bytearray,
    content_type: str,
    query: Mapping[str, str],
    settings: ServerSettings,
    many: int | None = None,
) -> Submission:
    """Returns what a request brings.

    Args:
        body: its body.
        content_type: its header of that name.
        query: its query fields.
        settings: limits.
        many: the most photos, in fields `image` or a list `images`; None where exactly one is expected.

    Raises:
        RequestProblem: 400 for what cannot be parsed, 413 for what is too large, 415 for another type, 422 for fields
            of no use.
    """
    kind, _ = parse_options_header(content_type)
    kind = kind.lower()
    if is_json(content_type, bytes(body[:64])):
        fields, photos = _parse_json(body, settings, many)
    elif kind == FORM:
        fields, photos = _parse_form(body, content_type, many)
    elif many is None and (_ANY_PHOTO.fullmatch(kind) or kind in _UNTOLD):
        fields, photos = {}, [body]
    else:
        kinds = (JSON, FORM, *(PHOTO_TYPES if many is None else ()))
        raise RequestProblem(UNSUPPORTED, f"Content-Type: expected one of {', '.join(kinds)}")
    return Submission(photos, _options(query, fields))


def _parse_json(
    body: bytes | bytearray, settings: ServerSettings, many: int | None
) -> tuple[dict[str, Any], list[Given]]:
    found, pictures = parse_json(body, settings.max_body, settings.max_list_pixels, many or 1)
    if isinstance(found, str) and found in pictures:
        # nothing but the picture
        found = {"image": found, "images": [found]}
    elif isinstance(found, list):
        found = {"image": found, "images": found}
    if not isinstance(found, dict):
        raise RequestProblem(UNUSABLE, 'expected a JSON object, {"image": ...}, or a photo in nested lists')
    photos = _photos_of_json(found, many)
    return found, [_from_json(photo, pictures) for photo in photos]


def _photos_of_json(fields: dict[str, Any], many: int | None) -> list[Any]:
    if many is None:
        return [fields.get("image")]
    given = fields.get("images")
    if not isinstance(given, list) or not 1 <= len(given) <= many:
        raise RequestProblem(UNUSABLE, f"images: expected a list of 1 to {many} photos")
    return given


def _from_json(photo: object, pictures: Mapping[str, Pixels]) -> Given:
    """Returns a photo of a JSON body, or what is wrong with it: in a batch the others are read all the same.

    Raises:
        RequestProblem: 422, it is neither list nor text.
    """
    if isinstance(photo, list):
        return RequestProblem(UNUSABLE, EXPECTED)
    if not isinstance(photo, str):
        raise RequestProblem(UNUSABLE, _EXPECTED_JSON)
    if photo in pictures:
        return pictures[photo]
    prefix = _DATA_URL.match(photo)
    try:
        text = photo[prefix.end() if prefix else 0 :].encode("ascii").translate(None, string.whitespace.encode())
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        return RequestProblem(UNUSABLE, f"{_EXPECTED_JSON}: {error}")


def _parse_form(body: bytes | bytearray, content_type: str, many: int | None) -> tuple[dict[str, Any], list[Given]]:
    parser = FormDataParser(
        # in memory: the body is already bounded, and nothing of a photo shall reach a disk
        stream_factory=lambda *_, **__: io.BytesIO(),
        max_form_memory_size=100_000,
        max_form_parts=(many or 1) + 100,
        silent=False,
    )
    kind, parameters = parse_options_header(content_type)
    try:
        _, form, files = parser.parse(io.BytesIO(body), kind, len(body), parameters)
    except RequestEntityTooLarge as error:
        raise RequestProblem(TOO_LARGE, "the form has too many or too large fields") from error
    except (ValueError, LookupError) as error:
        raise RequestProblem(BAD_REQUEST, f"the form cannot be parsed: {error}"[:300]) from error
    if misplaced := sorted(files.keys() & _READERS.keys()):
        raise RequestProblem(UNUSABLE, f"{', '.join(misplaced)}: expected text in a field of that name, found a file")
    photos = [file.stream.getvalue() for file in files.getlist("image")]
    if not 1 <= len(photos) <= (many or 1):
        expected = "exactly one file" if many is None else f"1 to {many} files"
        raise RequestProblem(UNUSABLE, f"image: expected {expected} in a field of that name, found {len(photos)}")
    return form.to_dict(), photos


def _options(*sources: Mapping[str, object]) -> Options:
    """Returns the options of several sources, later ones before earlier ones."""
    found: dict[str, Any] = {}
    for fields in sources:
        # fields of a form that were left empty count as not given
        given = {name: fields[name] for name in _READERS if fields.get(name) not in (None, "")}
        found |= {name: _READERS[name](name, value) for name, value in given.items()}
    options = Options(**found)
    for name in ("max_increase", "max_decrease"):
        if getattr(options, name) is not None and options.previous is None:
            raise RequestProblem(UNUSABLE, f"{name}: says nothing without previous, the last reading")
    return options


def _flag(name: str, value: object) -> bool:
    # JSON's true, and what Python and HTML forms make of it
    text = str(value)
    if text in ("true", "True", "1"):
        return True
    if text in ("false", "False", "0"):
        return False
    raise RequestProblem(UNUSABLE, f"{name}: expected true or false")


_READERS = {
    "previous": read_number,
    "max_increase": read_number,
    "max_decrease": read_number,
    "annotated": _flag,
    "crop": _flag,
}
