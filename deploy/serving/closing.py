"""`Connection: close` from the application, which gunicorn would not pass on."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # there for type checkers alone
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def closing(application: "WSGIApplication") -> "WSGIApplication":
    """Returns the WSGI application so that connections are closed after answers that say so."""

    def call(environment: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *exception: Any) -> Callable[[bytes], object]:
            if ("connection", "close") in {(name.lower(), value.lower()) for name, value in headers}:
                # gunicorn's own response, which then says so itself
                force_close = getattr(getattr(start_response, "__self__", None), "force_close", None)
                if force_close:
                    force_close()
            return start_response(status, headers, *exception)

        return application(environment, start)

    return call
