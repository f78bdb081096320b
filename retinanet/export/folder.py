"""Makes the folder of models that recognition runs, checked against the Keras models, and its manifest."""

import dataclasses
import hashlib
import importlib.metadata
import json
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.exported_models import Models, load_stage
from deploy.recognition.geometry import expand_corners
from deploy.recognition.manifest import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    INT8,
    MANIFEST_NAME,
    MANIFEST_VERSION,
    ONNX,
    OPENVINO,
    SAVEDMODEL,
    STAGES,
    check_models,
    confidence,
    confidence_integer,
    fitted_to_others,
)
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.networks import OnnxNetwork, OpenVinoNetwork
from deploy.recognition.rectification import rectify_window
from deploy.recognition.settings import WINDOW_MARGIN, Settings
from deploy.recognition.window import letterbox
from retinanet.datasets.synthetic.photos import draw_photo
from retinanet.export import formats, int8
from retinanet.files import lock_folder, replace_folder
from retinanet.models.checkpoints import load_model
from retinanet.models.detector import detector

PACKAGES = {
    SAVEDMODEL: ("tensorflow", "keras", "keras-cv", "numpy"),
    ONNX: ("tensorflow", "keras", "keras-cv", "numpy", "tf2onnx", "onnx", "onnxruntime"),
    OPENVINO: ("tensorflow", "keras", "keras-cv", "numpy", "tf2onnx", "onnx", "openvino"),
}
# seed and index of the drawn photo on which exports are checked
CHECK_PHOTO = (22, 31)
# detections above it must agree in their class too
SURE = 0.3

# Two runs of the same graph, fused differently, differ by rounding alone. Of the coarse ones only sure detections are
# compared: one that hardly reaches the least score may be missing.
TOLERANCES = {FLOAT32: 1e-3, FLOAT16: 1e-2, BFLOAT16: 0.1, INT8: 0.1}
COARSE = (BFLOAT16, INT8)


def export_models(
    keras_dir: Path,
    output: Path,
    model_format: str = SAVEDMODEL,
    precision: str = FLOAT32,
    calibration: Path | None = None,
) -> None:
    """Writes `stage1/`, `stage2/` and `manifest.json` into the output folder, all or nothing.

    Each model takes `images`, uint8 RGB (batch, height, width, 3) of its input size, and gives candidates, of which
    `deploy.recognition.suppression` makes objects by the rules in the manifest. Each export is checked against its
    Keras model before the old folder is replaced. A kill at any moment leaves the old models or the new ones, whole.

    Args:
        keras_dir: folder with `stage1.keras` and `stage2.keras`.
        output: folder of the models; replaced when it exists.
        model_format: `savedmodel`, `onnx` or `openvino`.
        precision: one of those that PRECISIONS of deploy/recognition has for the format.
        calibration: for int8, a folder of photos to measure the ranges of activations on; drawn ones without.

    Raises:
        UserError: a `.keras` file is missing or not ours, the output is no folder of models or cannot be written,
            another export is at work, a package that makes the format is not installed, or an export does not answer
            like its Keras model.
    """
    keras_dir, output = Path(keras_dir), Path(output)
    # a link to a folder elsewhere: that one is replaced, and the link stays
    output = output.resolve()
    if output.exists() and not (output / MANIFEST_NAME).is_file() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output}: holds something other than exported models; expected a folder to replace")
    models = {f"stage{stage}": load_model(keras_dir / f"stage{stage}.keras", stage) for stage in (1, 2)}
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with lock_folder(output.parent):
            partial = output.with_name(f".{output.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            manifest: dict[str, Any] = {
                "format_version": MANIFEST_VERSION,
                "model_version": "",
                "format": model_format,
                "precision": precision,
            }
            for name, model in models.items():
                manifest[name] = _describe(model, keras_dir / f"{name}.keras")
            manifest |= _describe_all(keras_dir, model_format, {name: manifest[name]["made_from"] for name in STAGES})
            if precision == INT8:
                manifest["calibration"] = _export_int8(models, partial, manifest, calibration)
            else:
                for name, model in models.items():
                    print(f"{name}: exporting", flush=True)
                    _export(model, partial / name, model_format, precision in (FLOAT16, BFLOAT16))
            for model in models.values():
                _check(model, partial, manifest)
            manifest["files"] = {
                path.relative_to(partial).as_posix(): _digest(path)
                for path in sorted(partial.rglob("*"))
                if path.is_file()
            }
            manifest["model_version"] = _version(manifest)
            (partial / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            check_models(partial)
            replace_folder(partial, output)
    except OSError as error:
        raise UserError(f"{error.filename or output}: cannot be written: {error.strerror or error}") from error
    print(f"models: {output}, {model_format} {precision}, version {manifest['model_version']}")


def _describe(model, source: Path) -> dict:
    config = model.model_config
    return {
        "classes": list(config.class_names),
        "input_size": [config.input_height, config.input_width],
        "made_from": _digest(source),
        "suppression": dataclasses.asdict(model.suppression),
        "window_margin": list(WINDOW_MARGIN),
    }


def _describe_all(keras_dir: Path, model_format: str, made_from: dict[str, str]) -> dict:
    """Returns what is not of one stage: thresholds, the calibration if there is one, and packages."""
    described = {"settings": dataclasses.asdict(Settings())}
    calibration = keras_dir / "confidence.json"
    if calibration.is_file():
        described["confidence"] = _confidence(calibration, made_from)
    described["packages"] = {name: importlib.metadata.version(name) for name in PACKAGES[model_format]}
    return described


def _confidence(path: Path, made_from: dict[str, str]) -> dict:
    """Returns the calibration for the manifest; says on stderr where it was fitted to other weights.

    Raises:
        UserError: the file is none of `calibrate.py`.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        confidence({"confidence": values})
        confidence_integer({"confidence": values})
        others = fitted_to_others(values, made_from)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: not as calibrate.py writes it ({error!r}); run it again or remove the file"
        ) from error
    if others:
        print(
            f"warning: {path} was fitted to other weights of {' and '.join(others)}: confidences will be off. Run "
            "calibrate.py with these models, then this again",
            file=sys.stderr,
        )
    if "integer" not in values:
        print(
            f"warning: {path} knows nothing of the digits before the comma: their confidence rests on that of whole "
            "texts. Run calibrate.py with these models, then this again",
            file=sys.stderr,
        )
    return {name: values[name] for name in ("intercept", "weights", "integer") if name in values}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _version(manifest: dict) -> str:
    """Returns twelve digits that change with what decides on readings: weights, calibration, thresholds, precision."""
    deciding = [manifest[stage]["made_from"] for stage in STAGES] + [manifest.get("confidence"), manifest["settings"]]
    if manifest["format"] != SAVEDMODEL:
        deciding += [manifest["format"], manifest["precision"], manifest.get("calibration")]
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]


def _export(model, folder: Path, model_format: str, half: bool) -> None:
    if model_format == SAVEDMODEL:
        formats.write_savedmodel(model, folder)
        return
    folder.mkdir(parents=True)
    if model_format == ONNX:
        formats.write_onnx(model, folder / OnnxNetwork.FILE)
    else:
        formats.write_openvino(formats.to_openvino(model), folder / OpenVinoNetwork.FILE, half)


def _export_int8(models: dict, folder: Path, manifest: dict, calibration: Path | None) -> dict:
    """Writes OpenVINO models in int8 and returns what the manifest says of the pictures they were calibrated on."""
    int8.check_installed()
    # inside the folder, which a kill leaves behind and the next export removes
    exact = folder / FLOAT32
    converted = {}
    for name, model in models.items():
        print(f"{name}: exporting in float32", flush=True)
        converted[name] = formats.to_openvino(model)
        (exact / name).mkdir(parents=True)
        formats.write_openvino(converted[name], exact / name / OpenVinoNetwork.FILE)
    stage1, stage2 = (load_stage(exact, stage, manifest) for stage in STAGES)
    window, row = (models[stage].model_config for stage in STAGES)
    reader = MeterReader(Models(stage1, stage2, window.input_height, (row.input_height, row.input_width)))
    pictures = int8.calibration_pictures(reader, calibration)
    for name, model in converted.items():
        print(f"{name}: to int8, calibrated on {pictures.origin}; takes some minutes", flush=True)
        quantized = int8.quantize(model, pictures.of_stage(name))
        (folder / name).mkdir()
        formats.write_openvino(quantized, folder / name / OpenVinoNetwork.FILE)
    shutil.rmtree(exact)
    return pictures.describe()


def _check(model, folder: Path, manifest: dict) -> None:
    """Compares the export with its Keras model on a drawn meter, cut as the stage sees it, and on noise."""
    config, tolerance = model.model_config, TOLERANCES[manifest["precision"]]
    size = (config.input_height, config.input_width)
    photo = draw_photo(*CHECK_PHOTO)
    pixels = photo.load()
    if model.stage == 1:
        example = letterbox(pixels, config.input_width).picture
    else:
        example = rectify_window(pixels, expand_corners(photo.windows[0].outline, *WINDOW_MARGIN), size)
    noise = np.random.default_rng(0).integers(0, 256, example.shape, np.uint8)
    images = np.stack([example, noise])
    name = f"stage{model.stage}"
    expected, got = detector(model)(images.astype(np.float32)), load_stage(folder, name, manifest)(images)
    sure = expected["scores"] > SURE
    differences = np.abs(expected["scores"] - got["scores"])
    difference = float(differences[sure].max() if manifest["precision"] in COARSE else differences.max())
    # two of nearly the same score may change places, and one that is hardly sure may become unsure
    same = all(
        Counter(one["classes"][one["scores"] > SURE + tolerance].tolist())
        <= Counter(other["classes"][other["scores"] > SURE].tolist())
        for one, other in ((expected, got), (got, expected))
    )
    if not (difference <= tolerance and same):
        raise UserError(
            f"{folder / name}: answers unlike the Keras model: scores differ by {difference:.3g}, expected "
            f"{tolerance}{'' if same else ', and classes differ'}; export with the packages that the weights were "
            "trained with" + (", and calibrate on photos of meters" if manifest["precision"] == INT8 else "")
        )
    print(
        f"  {name} answers like the Keras model on an example (best score {expected['scores'].max():.2f}, "
        f"largest difference {difference:.1e})"
    )
