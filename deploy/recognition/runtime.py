"""The exported models: checked against their manifest, and called with NumPy arrays."""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .classes import STAGE1_CLASSES, STAGE2_CLASSES
from .confidence import FEATURES, ConfidenceModel
from .errors import UserError
from .settings import ReadingSettings, Settings, WindowSettings

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1
STAGES = ("stage1", "stage2")

_HINT = "run `python deploy/prepare_model.py`"


@dataclasses.dataclass(frozen=True)
class Models:
    """Both stages and what recognition must know of them.

    Attributes:
        stage1: from uint8 RGB (n, size, size, 3) to `corners` (n, k, 4, 2) float32 x, y in pixels of the input,
            from the reading's top-left clockwise, `scores` (n, k) descending, 0 where unused, `classes` (n, k)
            and `boxes` (n, k, 4) xyxy in pixels.
        stage2: from uint8 RGB (n, height, width, 3) to `boxes` (n, k, 4) xyxy in shares 0..1 of the window,
            `class_scores` (n, k, 15), `scores` (n, k) descending, 0 where unused, and `classes` (n, k).
        stage1_size: side of stage 1's input in pixels.
        stage2_size: (width, height) of stage 2's input.
        confidence: coefficients calibrated for these models.
        settings: thresholds that were exported with them.
        version: tells these models from others; changes with weights, calibration and thresholds.
    """

    stage1: Callable[[np.ndarray], dict[str, np.ndarray]]
    stage2: Callable[[np.ndarray], dict[str, np.ndarray]]
    stage1_size: int
    stage2_size: tuple[int, int]
    confidence: ConfidenceModel = ConfidenceModel()
    settings: Settings = Settings()
    version: str = "unknown"


class Model:
    """One exported model in memory."""

    def __init__(self, folder: Path):
        with stderr_unless_it_fails():
            import tensorflow as tf

            # kept, as the signature does not keep the model alive
            self._model = tf.saved_model.load(str(folder))
        self._constant = tf.constant
        self._signature = self._model.signatures["serving_default"]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs by name for a batch of uint8 RGB images (n, height, width, 3)."""
        return {name: value.numpy() for name, value in self._signature(images=self._constant(images)).items()}


def load_models(folder: str | Path) -> Models:
    """Returns the models of a folder that `prepare_model.py` wrote.

    The folder holds `stage1/` and `stage2/`, SavedModels whose signature `serving_default` takes `images`, and
    `manifest.json`:

        {"format_version": 1,
         "model_version": text,
         "stage1": {"classes": [...], "input_size": [height, width]},
         "stage2": {"classes": [...], "input_size": [height, width]},
         "files": {"stage1/saved_model.pb": "<SHA-256>", ...},
         "settings": {"window": {threshold: number, ...}, "reading": {...}},
         "confidence": {"intercept": number, "weights": {feature: number}}}

    `confidence`, `model_version` and any of the settings may be missing.

    Raises:
        UserError: what `check_models` says, or the folder changed while it was read.
    """
    folder = Path(folder)
    manifest = check_models(folder)
    (stage1_height, _), (height, width) = (manifest[stage]["input_size"] for stage in STAGES)
    stage1, stage2 = Model(folder / "stage1"), Model(folder / "stage2")
    if read_manifest(folder) != manifest:
        raise UserError(f"{folder}: was replaced while it was being read: start again")
    # the first call of a graph takes seconds: they belong to loading, not to the first photo
    with stderr_unless_it_fails():
        stage1(np.zeros((1, stage1_height, stage1_height, 3), np.uint8))
        stage2(np.zeros((1, height, width, 3), np.uint8))
    return Models(
        stage1,
        stage2,
        stage1_height,
        (width, height),
        _confidence(manifest),
        _settings(manifest),
        manifest.get("model_version", "unknown"),
    )


def check_models(folder: str | Path) -> dict:
    """Returns the manifest of a folder of models after comparing the folder with it, file by file.

    Raises:
        UserError: the folder is missing, of another version, or a file in it is missing, changed or unknown.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    for name, digest in manifest["files"].items():
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise UserError(f"{folder / name}: cannot be read: {error.strerror}; {_HINT}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise UserError(f"{folder / name}: differs from what {MANIFEST_NAME} says; {_HINT} again")
    for stage in STAGES:
        found = {path.relative_to(folder).as_posix() for path in (folder / stage).rglob("*") if path.is_file()}
        for name in sorted(found - set(manifest["files"])):
            raise UserError(f"{folder / name}: {MANIFEST_NAME} knows of no such file; {_HINT} again")
    return manifest


@contextlib.contextmanager
def stderr_unless_it_fails() -> Iterator[None]:
    """Keeps back what native code writes to stderr, and shows it after all when the block raises.

    TensorFlow notes there which processor it found and which graphics card it did not, before any setting of its
    log level counts.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        original = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            with os.fdopen(os.dup(original), "wb") as stream:
                shutil.copyfileobj(kept, stream)
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)


def read_manifest(folder: Path) -> dict:
    """Returns the checked manifest of a folder of models.

    Raises:
        UserError: it is missing, no JSON, of another version, or made for other classes.
    """
    path = folder / MANIFEST_NAME
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no exported models there: {_HINT}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON: {error}; {_HINT} again") from error
    version = manifest.get("format_version") if isinstance(manifest, dict) else None
    if version != MANIFEST_VERSION:
        raise UserError(f"{path}: format version {version}, expected {MANIFEST_VERSION}: {_HINT} again")
    try:
        for stage, classes in zip(STAGES, (STAGE1_CLASSES, STAGE2_CLASSES), strict=True):
            found = manifest[stage]["classes"]
            if tuple(found) != classes:
                raise UserError(f"{path}: {stage} is for the classes {found}, expected {list(classes)}: {_HINT} again")
            height, width = manifest[stage]["input_size"]
            if min(int(height), int(width)) < 1 or (stage == "stage1" and height != width):
                raise ValueError(f"{stage} cannot have the input size {height} x {width}")
        dict(manifest["files"])
        _confidence(manifest)
        _settings(manifest)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: incomplete ({error!r}): {_HINT} again") from error
    return manifest


def _confidence(manifest: dict) -> ConfidenceModel:
    given = manifest.get("confidence")
    if given is None:
        return ConfidenceModel()
    weights = tuple(float(given["weights"][name]) for name in FEATURES)
    return ConfidenceModel(float(given["intercept"]), weights)


def _settings(manifest: dict) -> Settings:
    given = manifest.get("settings", {})
    return Settings(
        WindowSettings(**_without_lists(given.get("window", {}))),
        ReadingSettings(**_without_lists(given.get("reading", {}))),
    )


def _without_lists(values: dict) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
