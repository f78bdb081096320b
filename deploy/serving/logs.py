"""Structured logs: one JSON object a line, without pictures and without readings."""

import json
import logging
import time
from typing import Any

REQUEST_LOG = "meter.request"


class JsonFormatter(logging.Formatter):
    """Formats records as JSON; fields come in `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns one line."""
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def configuration(level: str) -> dict[str, Any]:
    """Returns the set-up of logging for gunicorn and ours: everything goes to stdout."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
        "root": {"level": "WARNING", "handlers": ["stdout"]},
        "loggers": {
            name: {"level": level.upper(), "handlers": ["stdout"], "propagate": False}
            for name in ("meter", "gunicorn.error")
        },
    }
