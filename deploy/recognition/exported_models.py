"""The exported models: checked against their manifest, and called with NumPy arrays."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .confidence import ConfidenceModel
from .errors import UserError
from .manifest import (
    ONNX,
    OPENVINO,
    SAVEDMODEL,
    STAGES,
    check_models,
    confidence,
    confidence_integer,
    read_manifest,
    settings,
    suppression,
    window_margin,
)
from .networks import Detector, Network, OnnxNetwork, OpenVinoNetwork, SavedModel, stderr_unless_it_fails
from .settings import WINDOW_MARGIN, Settings
from .suppression import find_digits, find_windows

_NETWORKS: dict[str, Callable[[Path, tuple[int, int], str], Network]] = {
    SAVEDMODEL: SavedModel,
    ONNX: OnnxNetwork,
    OPENVINO: OpenVinoNetwork,
}
_FINDERS = {"stage1": find_windows, "stage2": find_digits}


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
        stage2_size: (height, width) of stage 2's input.
        window_margin: by which shares of its width and height a window is cut out larger for stage 2, on each side.
        confidence: coefficients calibrated for these models, of the whole text.
        confidence_integer: those of the digits before the comma.
        settings: thresholds that were exported with them.
        made_from: by stage the SHA-256 of the weights that they were exported from; empty where that is not known.
        version: tells these models from others; changes with weights, calibration, thresholds, format and precision.
    """

    stage1: Callable[[np.ndarray], dict[str, np.ndarray]]
    stage2: Callable[[np.ndarray], dict[str, np.ndarray]]
    stage1_size: int
    stage2_size: tuple[int, int]
    window_margin: tuple[float, float] = WINDOW_MARGIN
    confidence: ConfidenceModel = ConfidenceModel()
    confidence_integer: ConfidenceModel = ConfidenceModel()
    settings: Settings = Settings()
    made_from: Mapping[str, str] = dataclasses.field(default_factory=dict, hash=False)
    version: str = "unknown"

    def watched(self, see: Callable[[str, np.ndarray], None]) -> "Models":
        """Returns the same models; `see` is called first with the stage, one of STAGES, and what it is to look at."""

        def watched_stage(stage: str) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
            model: Callable[[np.ndarray], dict[str, np.ndarray]] = getattr(self, stage)

            @functools.wraps(model)
            def look(pictures: np.ndarray) -> dict[str, np.ndarray]:
                see(stage, pictures)
                return model(pictures)

            return look

        return dataclasses.replace(self, stage1=watched_stage("stage1"), stage2=watched_stage("stage2"))


def load_models(folder: str | Path, model_format: str = "", precision: str = "") -> Models:
    """Returns the models of a folder that `prepare_model.py` wrote.

    The folder holds `stage1/` and `stage2/`, each a SavedModel, whose signature `serving_default` takes `images`, or
    `model.onnx`, or `model.xml` and `model.bin` for OpenVINO; and `manifest.json`:

        {"format_version": 3,
         "model_version": text,
         "format": "savedmodel" | "onnx" | "openvino",
         "precision": "float32" | "float16" | "bfloat16" | "int8",
         "stage1": {"classes": [...], "input_size": [height, width], "suppression": {...}},
         "stage2": {"classes": [...], "input_size": [height, width], "suppression": {...}, "window_margin": [...]},
         "files": {"stage1/model.xml": "<SHA-256>", ...},
         "settings": {"window": {threshold: number, ...}, "reading": {...}},
         "confidence": {"intercept": number, "weights": {feature: number}, "integer": {"intercept": ..., ...}}}

    `confidence`, `model_version` and any of the settings may be missing.

    Args:
        folder: of the models.
        model_format: the format expected; any without.
        precision: the precision expected; any without.

    Raises:
        UserError: what `check_models` says, the runtime for the format is not installed, or the folder changed while
            it was read.
    """
    folder = Path(folder)
    manifest = check_models(folder, model_format, precision)
    (stage1_height, _), (height, width) = (manifest[stage]["input_size"] for stage in STAGES)
    # these two compile in one thread each, both at once; TensorFlow's loading changes what the whole process has
    with ThreadPoolExecutor(1 if manifest["format"] == SAVEDMODEL else len(STAGES)) as pool:
        stage1, stage2 = pool.map(lambda stage: _ready_stage(folder, stage, manifest), STAGES)
    if read_manifest(folder) != manifest:
        raise UserError(f"{folder}: was replaced while it was being read: start again")
    return Models(
        stage1,
        stage2,
        stage1_height,
        (height, width),
        window_margin(manifest),
        confidence(manifest),
        confidence_integer(manifest),
        settings(manifest),
        {stage: manifest[stage]["made_from"] for stage in STAGES if "made_from" in manifest[stage]},
        manifest.get("model_version", "unknown"),
    )


def _ready_stage(folder: Path, stage: str, manifest: dict[str, Any]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    network = load_stage(folder, stage, manifest)
    blank = np.zeros((1, *manifest[stage]["input_size"], 3), np.uint8)
    # the first call of a graph takes longer, TensorFlow's seconds: it belongs to loading, not to the first photo
    with stderr_unless_it_fails() if manifest["format"] == SAVEDMODEL else contextlib.nullcontext():
        network(blank)
    return network


def load_stage(folder: Path, stage: str, manifest: dict[str, Any]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Returns one model of a folder: what `Models` holds as `stage1` or `stage2`.

    Args:
        folder: of both models.
        stage: one of STAGES.
        manifest: its `format` and `precision`, and the stage's `input_size` and `suppression`, are needed.

    Raises:
        UserError: the runtime for the format is not installed.
    """
    network = _NETWORKS[manifest["format"]](folder / stage, manifest[stage]["input_size"], manifest["precision"])
    return Detector(network, functools.partial(_FINDERS[stage], rules=suppression(manifest, stage)))
