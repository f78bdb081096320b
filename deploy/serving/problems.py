"""What a request can fail by, each with its status and its word in the JSON answer."""

from typing import Any

BAD_REQUEST = 400
NOT_AUTHORIZED = 401
TOO_SLOW = 408
TOO_LARGE = 413
UNSUPPORTED = 415
UNUSABLE = 422
TOO_MANY = 429
BROKEN = 500
NOT_READY = 503
OUT_OF_TIME = 504

WORDS = {
    BAD_REQUEST: "undecodable",
    NOT_AUTHORIZED: "unauthorized",
    TOO_SLOW: "upload_too_slow",
    TOO_LARGE: "too_large",
    UNSUPPORTED: "unsupported_format",
    UNUSABLE: "unusable_field",
    TOO_MANY: "queue_full",
    BROKEN: "internal_error",
    NOT_READY: "not_ready",
    OUT_OF_TIME: "out_of_time",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    414: "address_too_long",
    416: "range_not_satisfiable",
    417: "expectation_failed",
    431: "headers_too_large",
    501: "not_implemented",
}
# of statuses that only a library could come up with
OTHER_WORD = "refused"


def word_of(status: int) -> str:
    """Returns the word of a status, whichever it is."""
    return WORDS.get(status, OTHER_WORD)


class RequestProblem(Exception):
    """A request that gets no reading.

    Attributes:
        status: the HTTP status, one of this module's.
        detail: one sentence for the person who wrote the client.
        headers: added to the answer.
    """

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None):
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON answer."""
        return {"error": word_of(self.status), "detail": self.detail}
