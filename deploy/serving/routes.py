"""The routes, and what every request goes through."""

import logging
import re
import time
import uuid

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from . import openapi
from .bodies import Submission, parse
from .closing import closing
from .decoders import Decoders
from .engine import Engine
from .logs import REQUEST_LOG
from .metrics import CONTENT_TYPE, Metrics
from .problems import BROKEN, NOT_AUTHORIZED, RequestProblem, word_of
from .reading import Reading
from .settings import DEPLOY, ServerSettings
from .states import READY
from .tokens import is_known
from .uploads import read_body

_LOG = logging.getLogger(REQUEST_LOG)
_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
_SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'",
}


def create_app(settings: ServerSettings, engine: Engine, metrics: Metrics, decoders: Decoders | None = None) -> Flask:
    """Returns the application; the engine may still be loading."""
    app = Flask("meter", static_folder=str(DEPLOY / "static"), static_url_path="/static")
    app.json.sort_keys = False
    app.wsgi_app = closing(app.wsgi_app)
    _add_frame(app, settings, metrics)
    app.config["METER_DECODERS"] = decoders = decoders or Decoders(settings)
    reading = Reading(settings, engine, metrics, decoders)

    @app.post("/recognize")
    def recognize() -> ResponseReturnValue:
        submission = _submission(settings, metrics, many=None)
        (result,) = reading.results(submission, g.start)
        if isinstance(result, RequestProblem):
            raise result
        g.outcome = "read" if result["success"] else result["reason"]
        g.fields = {"confidence": result["confidence"], "shape": result["original_image_shape"]}
        return {**result, "model_version": engine.model_version, "request_id": g.request_id}

    @app.post("/recognize/batch")
    def recognize_batch() -> ResponseReturnValue:
        submission = _submission(settings, metrics, many=settings.max_photos)
        results = reading.results(submission, g.start)
        read = sum(isinstance(result, dict) and result["success"] for result in results)
        g.outcome, g.fields = "batch", {"photos": len(results), "read": read}
        return {
            "results": [
                {"success": False, **result.to_dict(), "status": result.status}
                if isinstance(result, RequestProblem)
                else result
                for result in results
            ],
            "time": time.monotonic() - g.start,
            "model_version": engine.model_version,
            "request_id": g.request_id,
        }

    @app.get("/health/live")
    def live() -> ResponseReturnValue:
        return {"status": "live"}

    @app.get("/health/ready")
    def ready() -> ResponseReturnValue:
        status = engine.state
        return {"status": status, "model_version": engine.model_version}, 200 if status == READY else 503

    @app.get("/metrics")
    def render_metrics() -> ResponseReturnValue:
        return Response(metrics.render(), content_type=CONTENT_TYPE)

    document = openapi.document(settings)

    @app.get("/openapi.json")
    def describe() -> ResponseReturnValue:
        return document

    html = (DEPLOY / "static" / "index.html").read_text(encoding="utf-8")

    @app.get("/")
    def page() -> ResponseReturnValue:
        return html

    return app


def _submission(settings: ServerSettings, metrics: Metrics, many: int | None) -> Submission:
    start = time.monotonic()
    content_type = request.content_type or ""
    body = read_body(request.environ, content_type, settings)
    g.body_size = len(body)
    submission = parse(body, content_type, request.args, settings, many)
    metrics.observe_stage("upload", time.monotonic() - start)
    return submission


def _add_frame(app: Flask, settings: ServerSettings, metrics: Metrics) -> None:
    """Adds what every request goes through: its id, the token, errors as JSON, metrics and the log."""

    @app.before_request
    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.start = time.monotonic()
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.outcome, g.fields, g.body_size = "", {}, 0
        if settings.token and request.endpoint in ("recognize", "recognize_batch", "render_metrics"):
            if not is_known(settings.token, request.headers.get("Authorization", "").encode()):
                raise RequestProblem(
                    NOT_AUTHORIZED,
                    "expected the header Authorization: Bearer <token>",
                    {"WWW-Authenticate": "Bearer", "Connection": "close"},
                )

    @app.errorhandler(RequestProblem)
    def refuse(problem: RequestProblem) -> ResponseReturnValue:
        g.outcome = word_of(problem.status)
        return problem.to_dict() | {"request_id": g.request_id}, problem.status, problem.headers

    @app.errorhandler(HTTPException)
    def refuse_http(error: HTTPException) -> ResponseReturnValue:
        if error.code is None or error.code < 400:
            return error
        headers = [(name, value) for name, value in error.get_headers() if name.lower() != "content-type"]
        return refuse(RequestProblem(error.code, str(error.description), dict(headers)))

    @app.errorhandler(Exception)
    def fail(error: Exception) -> ResponseReturnValue:
        _LOG.error("a request failed", exc_info=error, extra={"fields": {"request_id": g.request_id}})
        return refuse(RequestProblem(BROKEN, "an error of the server; its log has more under this request_id"))

    @app.after_request
    def end(response: Response) -> Response:
        seconds = time.monotonic() - g.start
        endpoint = request.endpoint or "unknown"
        metrics.requests.labels(endpoint, response.status_code, g.outcome).inc()
        metrics.request_seconds.labels(endpoint).observe(seconds)
        response.headers["X-Request-ID"] = g.request_id
        response.headers.update(_SECURITY)
        if request.method == "POST":
            response.headers["Cache-Control"] = "no-store"
        # probes come every few seconds and say nothing
        level = logging.DEBUG if endpoint in ("live", "ready", "render_metrics") else logging.INFO
        _LOG.log(
            level,
            "%s %s %s",
            request.method,
            request.path,
            response.status_code,
            extra={
                "fields": {
                    "request_id": g.request_id,
                    "method": request.method,
                    "path": request.path,
                    "status": response.status_code,
                    "outcome": g.outcome,
                    "milliseconds": round(seconds * 1000, 1),
                    "bytes": g.body_size,
                    **g.fields,
                }
            },
        )
        return response
