"""Makes the folder of models that recognition runs: SavedModels with decoding inside, and their manifest."""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import shutil
from pathlib import Path

import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.geometry import WINDOW_MARGIN, expand_corners
from deploy.recognition.rectification import rectify_window
from deploy.recognition.runtime import MANIFEST_NAME, MANIFEST_VERSION, STAGES, Model, check_models
from deploy.recognition.settings import Settings
from deploy.recognition.window import letterbox
from retinanet.config import ModelConfig
from retinanet.datasets.synthetic.photos import draw_photo
from retinanet.detection import DETECTIONS, Detector
from retinanet.folder_exchange import lock_folder, replace_folder
from retinanet.persistence import load_model

PACKAGES = ("tensorflow", "keras", "keras-cv", "numpy")
# seed and index of the drawn photo on which exports are checked
CHECK_PHOTO = (22, 31)
# detections above it must agree in their class too
SURE = 0.3

# Two runs of the same graph, fused differently, differ by rounding alone.
TOLERANCE = 1e-3


def export_models(keras_dir: Path, output: Path) -> None:
    """Writes `stage1/`, `stage2/` and `manifest.json` into the output folder, all or nothing.

    Each model takes `images`, uint8 RGB (batch, height, width, 3) of its input size, and gives the detections of
    `retinanet.detection`. Each export is checked against its Keras model before the old folder is replaced. A kill
    at any moment leaves the old models or the new ones, whole.

    Args:
        keras_dir: folder with `stage1.keras` and `stage2.keras`.
        output: folder of the models; replaced when it exists.

    Raises:
        UserError: a `.keras` file is missing or not ours, the output is no folder of models or cannot be written,
            another export is at work, or an export does not answer like its Keras model.
    """
    keras_dir, output = Path(keras_dir), Path(output)
    # a link to a folder elsewhere: that one is replaced, and the link stays
    output = output.resolve()
    if output.exists() and not (output / MANIFEST_NAME).is_file() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output}: holds something other than exported models; expected a folder to replace")
    models = {stage: load_model(keras_dir / f"stage{stage}.keras", stage) for stage in (1, 2)}
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with lock_folder(output.parent):
            partial = output.with_name(f".{output.name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            manifest = {"format_version": MANIFEST_VERSION, "model_version": ""}
            for stage, model in models.items():
                name = f"stage{stage}"
                print(f"{name}: exporting")
                _export(model, partial / name)
                _check(model, partial / name)
                manifest[name] = _describe(model.model_config, keras_dir / f"{name}.keras")
            manifest |= _describe_all(keras_dir)
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
    print(f"models: {output}, version {manifest['model_version']}")


def _describe(config: ModelConfig, source: Path) -> dict:
    return {
        "classes": list(config.class_names),
        "input_size": [config.input_height, config.input_width],
        "made_from": _digest(source),
    }


def _describe_all(keras_dir: Path) -> dict:
    """Returns what is not of one stage: thresholds, the calibration if there is one, and packages."""
    described = {"settings": dataclasses.asdict(Settings())}
    calibration = keras_dir / "confidence.json"
    if calibration.is_file():
        described["confidence"] = json.loads(calibration.read_text(encoding="utf-8"))
    described["packages"] = {name: importlib.metadata.version(name) for name in PACKAGES}
    return described


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _version(manifest: dict) -> str:
    """Returns twelve digits that change with what decides on readings: weights, calibration and thresholds."""
    deciding = [manifest[stage]["made_from"] for stage in STAGES] + [manifest.get("confidence"), manifest["settings"]]
    return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:12]


def _export(model, folder: Path) -> None:
    import tensorflow as tf

    config = model.model_config
    module = tf.Module()
    module.model = model
    shape = (None, config.input_height, config.input_width, 3)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.uint8, name="images")])
    def serve(images):
        return DETECTIONS[config.stage](model.forward(tf.cast(images, tf.float32)), config)

    tf.saved_model.save(module, os.fspath(folder), signatures={"serving_default": serve})


def _check(model, folder: Path) -> None:
    """Compares the export with its Keras model on a drawn meter, cut as the stage sees it, and on noise."""
    config = model.model_config
    size = (config.input_width, config.input_height)
    photo = draw_photo(*CHECK_PHOTO)
    pixels = photo.load()
    if config.stage == 1:
        example = letterbox(pixels, config.input_width).picture
    else:
        example = rectify_window(pixels, expand_corners(photo.windows[0].corners, *WINDOW_MARGIN), size)
    noise = np.random.default_rng(0).integers(0, 256, example.shape, np.uint8)
    images = np.stack([example, noise])
    expected, got = Detector(model)(images.astype(np.float32)), Model(folder)(images)
    difference = float(np.abs(expected["scores"] - got["scores"]).max())
    sure = expected["scores"] > SURE
    same = np.array_equal(expected["classes"][sure], got["classes"][sure])
    if not (difference <= TOLERANCE and same):
        raise UserError(
            f"{folder}: answers unlike the Keras model: scores differ by {difference:.3g}, expected {TOLERANCE}"
            f"{'' if same else ', and classes differ'}; export with the packages that the weights were trained with"
        )
    print(
        f"  answers like the Keras model on an example (best score {expected['scores'].max():.2f}, "
        f"largest difference {difference:.1e})"
    )
