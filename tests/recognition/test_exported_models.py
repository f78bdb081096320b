import hashlib
import json
import os
import shutil

import numpy as np
import pytest

from deploy.recognition import exported_models
from deploy.recognition.classes import STAGE1_CLASSES, STAGE2_CLASSES
from deploy.recognition.confidence import FEATURES, ConfidenceModel
from deploy.recognition.errors import UserError
from deploy.recognition.exported_models import load_models, read_manifest
from deploy.recognition.settings import ReadingSettings, Settings, WindowSettings
from tests.manifests import RULES, manifest


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A model with two anchors, of which the first is as sure of class 0 as the image is bright."""
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("saved")

    class Brightness(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")])
        def serve(self, images):
            mean = tf.reduce_mean(tf.cast(images, tf.float32), axis=(1, 2, 3))[:, None, None] / 255
            boxes = tf.constant([[0, 0, 1, 1], [2, 2, 3, 3]], tf.float32)
            return {
                "boxes": boxes + 0 * mean,
                "corners": tf.zeros((2, 4, 2)) + 0 * mean[..., None],
                "half_turn": tf.zeros((2,)) + 0 * mean[..., 0],
                "class_scores": mean * tf.one_hot([0, 0], 15) * [[1.0], [0.0]],
            }

    module = Brightness()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


def write(folder, content):
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def test_load_models(tmp_path, saved_model):
    files = {}
    for stage in ("stage1", "stage2"):
        shutil.copytree(saved_model, tmp_path / stage)
        for path in (tmp_path / stage).rglob("*"):
            if path.is_file():
                files[path.relative_to(tmp_path).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    weights = dict(zip(FEATURES, (1, 2, 3, 4, 5, 6), strict=True))
    settings = {"window": {"min_score": 0.4}, "reading": {"height_range": [0.5, 2]}}
    calibration = {"intercept": -1, "weights": weights, "integer": {"intercept": -2, "weights": weights}}
    write(tmp_path, manifest(files=files, confidence=calibration, settings=settings, model_version="v7"))
    models = load_models(tmp_path)
    assert models.version == "v7"
    assert models.settings == Settings(WindowSettings(min_score=0.4), ReadingSettings(height_range=(0.5, 2)))
    assert models.stage1_size == 320
    assert models.stage2_size == (128, 256)
    assert models.confidence == ConfidenceModel(-1, (1, 2, 3, 4, 5, 6))
    assert models.confidence_integer == ConfidenceModel(-2, (1, 2, 3, 4, 5, 6))
    images = np.stack([np.full((4, 5, 3), value, np.uint8) for value in (7, 200)])
    found = models.stage2(images)
    assert all(isinstance(value, np.ndarray) for value in found.values())
    np.testing.assert_allclose(found["scores"], [[7 / 255, 0], [200 / 255, 0]], rtol=1e-6)


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_changed_files(tmp_path, damage):
    content = b"model"
    digest = hashlib.sha256(content).hexdigest()
    write(tmp_path, manifest(files={"weights": digest}))
    if damage == "changed":
        (tmp_path / "weights").write_bytes(content + b"!")
    with pytest.raises(UserError, match="weights: (differs from what|cannot be read).*python deploy/prepare_model.py"):
        load_models(tmp_path)


def test_missing_folder(tmp_path):
    with pytest.raises(UserError, match="no exported models there: run `python deploy/prepare_model.py`"):
        load_models(tmp_path / "none")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format_version": 2}, "of format version 2, expected 3: .* `python deploy/prepare_model.py`$"),
        (
            {"format_version": 2, "format": "openvino", "precision": "int8"},
            "anew with `python deploy/prepare_model.py --format openvino --precision int8`$",
        ),
        (
            {"format": "litert", "precision": "int8"},
            "litert int8 is unknown, expected one of savedmodel: ",
        ),
        ({"format": "savedmodel", "precision": "int8"}, "savedmodel int8 is unknown"),
        ({"stage1": {"classes": list(STAGE1_CLASSES), "input_size": [320, 320]}}, "incomplete .*suppression"),
        (
            {"stage2": {"classes": list(STAGE2_CLASSES), "input_size": [128, 256], "suppression": RULES}},
            "incomplete .*window_margin",
        ),
        ({"stage1": {"classes": ["a"], "input_size": [320, 320]}}, "stage1 is for the classes"),
        ({"stage1": {"classes": list(STAGE1_CLASSES), "input_size": [320, 300]}}, "incomplete"),
        ({"stage2": {"classes": list(STAGE2_CLASSES)}}, "incomplete"),
        ({"files": None}, "incomplete"),
        ({"settings": {"window": {"unknown": 1}}}, "incomplete"),
        ({"confidence": {"intercept": 0, "weights": {}}}, "incomplete"),
    ],
)
def test_manifests_of_another_kind(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        read_manifest(write(tmp_path, manifest(**changes)))


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_manifests_that_are_none(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match="manifest.json: (cannot be read as JSON|models of format version None)"):
        read_manifest(tmp_path)


def test_a_folder_may_be_given_as_text(tmp_path):
    folder = write(tmp_path, manifest(precision="float32"))
    assert read_manifest(str(folder)) == read_manifest(folder)


def test_native_messages_are_shown_only_after_a_failure(capfd):
    with exported_models.stderr_unless_it_fails():
        os.write(2, b"found a processor\n")
    os.write(2, b"own line\n")
    with pytest.raises(ValueError, match="broken"), exported_models.stderr_unless_it_fails():
        os.write(2, b"cannot load\n")
        raise ValueError("broken")
    assert capfd.readouterr().err == "own line\ncannot load\n"
