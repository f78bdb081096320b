"""Loading takes no longer than it must."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from deploy.recognition import exported_models
from tests.manifests import manifest

ROOT = Path(exported_models.__file__).parents[2]


@pytest.mark.parametrize("model_format", ["openvino", "onnx"])
def test_both_stages_are_made_ready_at_once(tmp_path, monkeypatch, model_format):
    meet = threading.Barrier(2, timeout=10)
    called = []

    class Network:
        batch = 1

        def __init__(self, folder, input_size, precision):
            assert precision == made["precision"]
            self.name = folder.name
            # one after the other, neither would come past this
            meet.wait()

        def __call__(self, images):
            called.append((self.name, images.shape))
            count = len(images)
            return {
                "boxes": np.zeros((count, 1, 4), np.float32),
                "corners": np.zeros((count, 1, 4, 2), np.float32),
                "half_turn": np.zeros((count, 1), np.float32),
                "class_scores": np.zeros((count, 1, 15), np.float32),
            }

    monkeypatch.setitem(exported_models._NETWORKS, model_format, Network)
    made = manifest(format=model_format)
    (tmp_path / "manifest.json").write_text(json.dumps(made))
    models = exported_models.load_models(tmp_path)
    sizes = {stage: (1, *made[stage]["input_size"], 3) for stage in ("stage1", "stage2")}
    # each was called once, so that the first photo waits for nothing
    assert dict(called) == sizes and len(called) == 2
    models.stage1(np.zeros(sizes["stage1"], np.uint8))
    models.stage2(np.zeros(sizes["stage2"], np.uint8))
    assert [name for name, _ in called[2:]] == ["stage1", "stage2"]


def test_openvino_is_imported_without_its_converter_which_can_be_had_afterwards():
    pytest.importorskip("openvino")
    program = """
import sys
from deploy.recognition.networks import _without_converter
with _without_converter():
    import openvino
assert openvino.Core
assert "openvino.tools.ovc" not in sys.modules
from openvino.tools.ovc import convert_model
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_a_table_of_readings_imports_nothing_for_drawing():
    program = """
import sys
import recognize
try:
    recognize.main(["resources/examples", "--models", "/nowhere"])
except recognize.UserError:
    pass
assert "deploy.recognition.photo_files" in sys.modules
assert "deploy.recognition.drawing" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
