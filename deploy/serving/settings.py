"""What the server can be told: environment variables, their defaults and their ranges."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..recognition.errors import UserError
from ..recognition.machine import cores, memory

PREFIX = "METER_"
# Set by gunicorn.conf.py: the processes write their metrics there, and any of them answers for all. prometheus_client
# looks for it when it is imported.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# Set by it too: seconds to wait before loading, after processes that did not become ready.
DELAY = "LOADING_DELAY"
# Where the application keeps its engine, for the worker that serves it.
ENGINE = "METER_ENGINE"
DEPLOY = Path(__file__).resolve().parent.parent
# The longest that json.dumps writes for a pixel of whole numbers: "[255, 255, 255], ".
BYTES_A_PIXEL = 17
# A pixel's bytes at the most while a photo is decoded: a progressive JPEG's coefficients, and the pixels.
DECODING_BYTES = 9
LOG_LEVELS = ("debug", "info", "warning", "error")


def _setting(default: Any, text: str, least: float | None = None, most: float | None = None) -> Any:
    return dataclasses.field(default=default, metadata={"help": text, "range": (least, most)})


@dataclasses.dataclass(frozen=True)
class ServerSettings:
    """Every setting; the environment variable is METER_ and the name in capitals."""

    host: str = _setting("0.0.0.0", "address to listen on")
    port: int = _setting(8080, "port to listen on", 1, 65535)
    models: str = _setting(str(DEPLOY / "models"), "folder that prepare_model.py wrote")
    format: str = _setting("", "if set, models of another format are refused: savedmodel, onnx or openvino")
    precision: str = _setting("", "if set, models of another precision are refused: float32, float16, bfloat16 or int8")
    providers: str = _setting("", "for ONNX, in this order, some of tensorrt,cuda,cpu; empty: cuda if there, and cpu")
    token: str = _setting("", "if set, /recognize, /recognize/batch and /metrics want `Authorization: Bearer <token>`")
    workers: int = _setting(1, "processes, each with its own copy of the models", 1, 64)
    threads: int = _setting(32, "connections that a process works on at once", 4, 1024)
    cpu_threads: int = _setting(0, "processor threads for the models of a process; 0: the cores / workers", 0, 256)
    queue_length: int = _setting(1, "requests that may wait while others are recognized; more get 429", 0, 10_000)
    batch_size: int = _setting(1, "photos that go through the models together, if as many wait", 1, 64)
    recognizers: int = _setting(
        0, "batches that a process recognizes at once; 0: two, or one where it has a single core", 0, 64
    )
    max_body_mb: float = _setting(32.0, "largest body in MiB; larger ones get 413", 0.001, 2048)
    max_megapixels: float = _setting(50.0, "largest photo; larger ones get 413 before they are decoded", 0.01, 1000)
    max_megapixels_lists: float = _setting(
        13.0, "largest photo in nested lists, for which bodies may be larger than METER_MAX_BODY_MB", 0.01, 100
    )
    max_photos: int = _setting(16, "most photos in one request to /recognize/batch", 1, 1000)
    decoders: int = _setting(0, "photos that are decoded at once; 0: as many as cores and memory allow", 0, 64)
    decode_seconds: float = _setting(10.0, "a photo that takes longer to decode gets 413", 0.1, 600)
    photo_memory_mb: int = _setting(
        0, "MiB that decoded photos of a process may take; 0: a quarter of the memory / workers, at most 1024", 0, 65536
    )
    request_seconds: float = _setting(30.0, "a request that waits longer for its turn gets 504", 0.1, 3600)
    upload_seconds: float = _setting(20.0, "a request that takes longer to arrive is ended with 408", 0.1, 3600)
    graceful_seconds: int = _setting(30, "after SIGTERM, how long the requests in work may take", 1, 3600)
    log_level: str = _setting("info", "debug, info, warning or error")

    @property
    def max_body(self) -> int:
        """The largest body in bytes."""
        return int(self.max_body_mb * 2**20)

    @property
    def max_list_pixels(self) -> int:
        """The largest photo in nested lists, in pixels."""
        return int(min(self.max_megapixels, self.max_megapixels_lists) * 1e6)

    @property
    def max_json_body(self) -> int:
        """The largest JSON body in bytes."""
        return max(self.max_body, BYTES_A_PIXEL * self.max_list_pixels + 2**20)

    @property
    def photo_memory(self) -> int:
        """The bytes that decoded photos may take, with room for one at least."""
        chosen = self.photo_memory_mb * 2**20 or min(2**30, memory() // 4 // self.workers)
        return max(chosen, DECODING_BYTES * self.max_pixels)

    @property
    def upload_memory(self) -> int:
        """The bytes that large bodies may take together, with room for two at least."""
        return max(2**29, 2 * self.max_json_body)

    @property
    def decoder_count(self) -> int:
        """How many photos are decoded at once."""
        fits = self.photo_memory // (DECODING_BYTES * self.max_pixels)
        return self.decoders or max(1, min(cores() // self.workers, fits))

    @property
    def recognizer_count(self) -> int:
        """How many batches are recognized at once; two keep the cores busy."""
        return self.recognizers or max(1, min(cores() // self.workers, 2))

    @property
    def max_pixels(self) -> int:
        """The largest photo in pixels."""
        return int(self.max_megapixels * 1e6)


def read_settings(environment: Mapping[str, str] = os.environ) -> ServerSettings:
    """Returns the settings that the environment variables give.

    Raises:
        UserError: a value is no number or out of range, or a variable METER_... is none of ours.
    """
    fields = {PREFIX + field.name.upper(): field for field in dataclasses.fields(ServerSettings)}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in fields)
    if unknown:
        raise UserError(f"{unknown[0]}: no such setting; there are {', '.join(fields)}")
    given: dict[str, Any] = {
        field.name: _read(name, environment[name], field) for name, field in fields.items() if name in environment
    }
    settings = ServerSettings(**given)
    if settings.log_level not in LOG_LEVELS:
        raise UserError(f"{PREFIX}LOG_LEVEL={settings.log_level}: expected one of {', '.join(LOG_LEVELS)}")
    if settings.token and not (settings.token.isascii() and settings.token.isprintable() and " " not in settings.token):
        raise UserError(f"{PREFIX}TOKEN: expected printable ASCII without spaces, as a header must carry it")
    return settings


def _read(name: str, text: str, field: dataclasses.Field[Any]) -> str | int | float:
    if field.type is str:
        return text
    least, most = field.metadata["range"]
    kind = "a whole number" if field.type is int else "a number"
    try:
        value = int(text) if field.type is int else float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise UserError(f"{name}={text}: expected {kind} from {least:g} to {most:g}")
    return value


def describe() -> list[tuple[str, str, str]]:
    """Returns (variable, default, meaning) of every setting."""
    rows = []
    for field in dataclasses.fields(ServerSettings):
        default = "models" if field.name == "models" else f"{field.default:g}" if field.type is float else field.default
        rows.append((PREFIX + field.name.upper(), str(default), field.metadata["help"]))
    return rows
