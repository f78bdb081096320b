"""Bodies of requests: how large they may be, and what is wrong with those that did not come whole."""

from typing import Any, BinaryIO

from gunicorn.http.errors import ParseException

from .bodies import is_json
from .problems import BAD_REQUEST, TOO_LARGE, TOO_MANY, TOO_SLOW, RequestProblem
from .settings import ServerSettings
from .tokens import is_known

_CHUNK = 2**20
# so many bytes tell JSON from a photo
_BEGIN = 64
_CLOSE = {"Connection": "close"}


def body_limit(settings: ServerSettings, fields: dict[bytes, bytes]) -> int:
    """Returns the largest body in bytes that a request may have, as far as its head tells.

    Args:
        settings: limits.
        fields: of the head, by their lower-case names.
    """
    if settings.token and not is_known(settings.token, fields.get(b"authorization", b"")):
        return 0
    may_be_json = is_json(fields.get(b"content-type", b"").decode("latin-1"), b"{")
    return settings.max_json_body if may_be_json else settings.max_body


def read_body(environment: dict[str, Any], content_type: str, settings: ServerSettings) -> bytearray:
    """Returns the body of a WSGI request, with a length or chunked.

    Raises:
        RequestProblem: 413 beyond the limit in bytes, 408 when it came too slowly, 429 when the memory for bodies is
            taken, 400 when it broke off.
    """
    length = None
    if not environment.get("HTTP_TRANSFER_ENCODING"):
        text = environment.get("CONTENT_LENGTH") or "0"
        if not (text.isascii() and text.isdecimal()):
            raise RequestProblem(BAD_REQUEST, "Content-Length: expected a whole number", _CLOSE)
        length = int(text)
    # gunicorn's, which has taken the body in already
    refusal = getattr(environment.get("gunicorn.socket"), "refusal", 0)
    body, limit = bytearray(), settings.max_json_body if is_json(content_type, b"{") else settings.max_body
    while not refusal and (length is None or len(body) < length) and len(body) <= limit:
        chunk = _read(environment["wsgi.input"], _CHUNK if length is None else min(_CHUNK, length - len(body)))
        if not chunk:
            break
        if not body and not is_json(content_type, chunk[:_BEGIN]):
            limit = settings.max_body
        body += chunk
    if refusal == TOO_LARGE or len(body) > limit:
        raise RequestProblem(
            TOO_LARGE, f"the body is larger than the {limit / 2**20:g} MiB allowed; make the photo smaller", _CLOSE
        )
    if refusal == TOO_MANY:
        raise RequestProblem(TOO_MANY, "too many large bodies at once; ask again later", {**_CLOSE, "Retry-After": "2"})
    if refusal == TOO_SLOW:
        raise RequestProblem(TOO_SLOW, "the body took too long to arrive", _CLOSE)
    if refusal or (length is not None and len(body) < length):
        raise RequestProblem(BAD_REQUEST, f"the body broke off before its {length} bytes", _CLOSE)
    return body


def _read(stream: BinaryIO, size: int) -> bytes:
    try:
        return stream.read(size)
    except (OSError, ParseException) as error:
        raise RequestProblem(BAD_REQUEST, "the body broke off or is no valid chunked body", _CLOSE) from error
