"""Makes the folder of models that recognition runs: SavedModels with decoding inside, and their manifest."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from deploy.recognition.errors import UserError
from deploy.recognition.runtime import MANIFEST_NAME, MANIFEST_VERSION, Model
from retinanet.detection import DETECTIONS, Detector
from retinanet.persistence import load_model

# Two runs of the same graph, fused differently, differ by rounding alone.
TOLERANCE = 1e-3


def export_models(keras_dir: Path, output: Path) -> None:
    """Writes `stage1/`, `stage2/` and `manifest.json` into the output folder, all or nothing.

    Each model takes `images`, uint8 RGB (batch, height, width, 3) of its input size, and gives the detections of
    `retinanet.detection`. Each export is checked against its Keras model before the old folder is replaced.

    Args:
        keras_dir: folder with `stage1.keras` and `stage2.keras`.
        output: folder of the models; replaced when it exists.

    Raises:
        UserError: a `.keras` file is missing or not ours, the output is no folder of models, or an export does not
            answer like its Keras model.
    """
    output = Path(output)
    if output.exists() and not (output / MANIFEST_NAME).is_file() and any(output.iterdir()):
        raise UserError(f"{output}: holds something other than exported models; expected a folder to replace")
    models = {stage: load_model(Path(keras_dir) / f"stage{stage}.keras", stage) for stage in (1, 2)}
    partial = output.with_name(f".{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    manifest = {"format_version": MANIFEST_VERSION, "files": {}}
    for stage, model in models.items():
        name = f"stage{stage}"
        print(f"{name}: exporting")
        _export(model, partial / name)
        _check(model, partial / name)
        config = model.model_config
        source = (Path(keras_dir) / f"{name}.keras").read_bytes()
        manifest[name] = {
            "classes": list(config.class_names),
            "input_size": [config.input_height, config.input_width],
            "made_from": hashlib.sha256(source).hexdigest(),
        }
    for path in sorted(partial.rglob("*")):
        if path.is_file():
            manifest["files"][path.relative_to(partial).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    calibration = Path(keras_dir) / "confidence.json"
    if calibration.is_file():
        manifest["confidence"] = json.loads(calibration.read_text(encoding="utf-8"))
    (partial / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    _replace_folder(partial, output)
    print(f"models: {output}")


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
    """Compares the export with its Keras model on two pictures: noise and a grey ramp."""
    config = model.model_config
    shape = (2, config.input_height, config.input_width, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    images[1] = np.linspace(0, 255, config.input_width, dtype=np.uint8)[:, None]
    expected, got = Detector(model)(images.astype(np.float32)), Model(folder)(images)
    difference = float(np.abs(expected["scores"] - got["scores"]).max())
    if not difference <= TOLERANCE:
        raise UserError(f"{folder}: scores differ by {difference:.3g} from the Keras model; expected {TOLERANCE}")
    print(f"  answers like the Keras model (largest difference of a score {difference:.1e})")


def _replace_folder(new: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        os.rename(target, old)
    os.rename(new, target)
    shutil.rmtree(old, ignore_errors=True)
