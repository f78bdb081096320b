"""The manifest of a folder of models: what they are, and whether the folder holds just that."""

import hashlib
import json
from pathlib import Path
from typing import Any

from .classes import STAGE1_CLASSES, STAGE2_CLASSES
from .confidence import FEATURES, LATER_FEATURES, ConfidenceModel
from .errors import UserError
from .settings import ReadingSettings, Settings, WindowSettings
from .suppression import Suppression

MANIFEST_NAME = "manifest.json"
# until version 2 SavedModels had suppression inside; now all formats give candidates
MANIFEST_VERSION = 3
STAGES = ("stage1", "stage2")
SAVEDMODEL, ONNX, OPENVINO = "savedmodel", "onnx", "openvino"
FLOAT32, FLOAT16, BFLOAT16, INT8 = "float32", "float16", "bfloat16", "int8"
# what prepare_model.py makes
PRECISIONS = {SAVEDMODEL: (FLOAT32,), ONNX: (FLOAT32,), OPENVINO: (FLOAT32, FLOAT16, BFLOAT16, INT8)}
_REFUSED = {
    (ONNX, INT8): "ONNX Runtime took twice as long for it as for float32; use --format openvino",
    (ONNX, BFLOAT16): "ONNX Runtime computes in float32 on processors; use --format openvino",
    (ONNX, FLOAT16): "processors compute in float32 all the same; use float32, or --format openvino for smaller files",
}
_LITERT = "on x86 LiteRT was no faster than OpenVINO, and ONNX Runtime runs on all else"

_HINT = "run `python deploy/prepare_model.py`"


def check_models(folder: str | Path, model_format: str = "", precision: str = "") -> dict[str, Any]:
    """Returns the manifest of a folder of models after comparing the folder with it, file by file.

    Args:
        folder: of the models.
        model_format: the format expected; any without.
        precision: the precision expected; any without.

    Raises:
        UserError: the folder is missing, of another version, format or precision, or a file in it is missing,
            changed or unknown.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    found = (manifest["format"], manifest["precision"])
    expected = (model_format or found[0], precision or found[1])
    if found != expected:
        raise UserError(
            f"{folder}: holds {' '.join(found)} models, expected {' '.join(expected)}: run `python "
            f"deploy/prepare_model.py --format {expected[0]} --precision {expected[1]}`"
        )
    for name, digest in manifest["files"].items():
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise UserError(f"{folder / name}: cannot be read: {error.strerror}; {_HINT}") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise UserError(f"{folder / name}: differs from what {MANIFEST_NAME} says; {_HINT} again")
    for stage in STAGES:
        files = {path.relative_to(folder).as_posix() for path in (folder / stage).rglob("*") if path.is_file()}
        for name in sorted(files - set(manifest["files"])):
            raise UserError(f"{folder / name}: {MANIFEST_NAME} knows of no such file; {_HINT} again")
    return manifest


def refusal(model_format: str, precision: str) -> str:
    """Returns why no models of a format and precision are made, and what is; empty where they are."""
    if precision in PRECISIONS.get(model_format, ()):
        return ""
    reason = _REFUSED.get((model_format, precision), "there are no such models")
    if model_format == "litert":
        reason = _LITERT
    return f"{reason}; expected one of {kinds()}"


def kinds() -> str:
    """Returns every format with its precisions, in words."""
    return "; ".join(f"{name}: {', '.join(precisions)}" for name, precisions in PRECISIONS.items())


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Returns the checked manifest of a folder of models.

    Raises:
        UserError: it is missing, no JSON, of another version, made for other classes, or of an unknown format.
    """
    path = Path(folder) / MANIFEST_NAME
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no exported models there: {_HINT}") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read as JSON: {error}; {_HINT} again") from error
    manifest = dict[str, Any](manifest if isinstance(manifest, dict) else {})
    version = manifest.get("format_version")
    if version != MANIFEST_VERSION:
        raise UserError(
            f"{path}: models of format version {version}, expected {MANIFEST_VERSION}: make them anew with "
            f"`{_command(manifest)}`"
        )
    if manifest.get("precision") not in PRECISIONS.get(manifest.get("format", ""), ()):
        found = f"{manifest.get('format')} {manifest.get('precision')}"
        raise UserError(f"{path}: {found} is unknown, expected one of {kinds()}: {_HINT} again")
    try:
        for stage, classes in zip(STAGES, (STAGE1_CLASSES, STAGE2_CLASSES), strict=True):
            found = manifest[stage]["classes"]
            if tuple(found) != classes:
                raise UserError(f"{path}: {stage} is for the classes {found}, expected {list(classes)}: {_HINT} again")
            height, width = manifest[stage]["input_size"]
            if min(int(height), int(width)) < 1 or (stage == "stage1" and height != width):
                raise ValueError(f"{stage} cannot have the input size {height} x {width}")
            suppression(manifest, stage)
        window_margin(manifest)
        dict(manifest["files"])
        confidence(manifest)
        confidence_integer(manifest)
        settings(manifest)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: incomplete ({error!r}): {_HINT} again") from error
    return manifest


def suppression(manifest: dict[str, Any], stage: str) -> Suppression:
    """Returns how the candidates of a stage become objects."""
    return Suppression.from_dict(manifest[stage]["suppression"])


def window_margin(manifest: dict[str, Any]) -> tuple[float, float]:
    """Returns by which shares of its width and height a window is cut out larger than it was found, on each side."""
    along, across = manifest["stage2"]["window_margin"]
    return float(along), float(across)


def confidence(manifest: dict[str, Any]) -> ConfidenceModel:
    """Returns the calibration of whole texts; that of uncalibrated models where there is none."""
    return _coefficients(manifest.get("confidence"))


def confidence_integer(manifest: dict[str, Any]) -> ConfidenceModel:
    """Returns the calibration of the digits before the comma; that of whole texts where only these were calibrated."""
    given = manifest.get("confidence")
    return _coefficients(None if given is None else given.get("integer", given))


def _coefficients(given: dict[str, Any] | None) -> ConfidenceModel:
    if given is None:
        return ConfidenceModel()
    fitted = {**dict.fromkeys(LATER_FEATURES, 0.0), **given["weights"]}
    weights = tuple(float(fitted[name]) for name in FEATURES)
    return ConfidenceModel(float(given["intercept"]), weights)


def fitted_to_others(calibration: Any, made_from: dict[str, str]) -> list[str]:
    """Returns the stages whose weights are not those that a calibration was fitted to.

    Args:
        calibration: what `confidence.json` holds; `fitted_to` has the SHA-256 of each stage's weights. Without it
            nothing is known, and none is returned.
        made_from: the SHA-256 of each stage's weights in use.
    """
    fitted_to = calibration.get("fitted_to", {})
    return [stage for stage in STAGES if fitted_to.get(stage, made_from[stage]) != made_from[stage]]


def settings(manifest: dict[str, Any]) -> Settings:
    """Returns the thresholds; defaults where the manifest has none."""
    given = manifest.get("settings", {})
    return Settings(
        WindowSettings(**_without_lists(given.get("window", {}))),
        ReadingSettings(**_without_lists(given.get("reading", {}))),
    )


def _without_lists(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _command(manifest: dict[str, Any]) -> str:
    """Returns the command that makes models of the manifest's format and precision."""
    command, made = "python deploy/prepare_model.py", str(manifest.get("format", SAVEDMODEL))
    precision = manifest.get("precision", FLOAT32)
    if precision not in PRECISIONS.get(made, ()) or made == SAVEDMODEL:
        return command
    return f"{command} --format {made}" + ("" if precision == FLOAT32 else f" --precision {precision}")
