"""ONNX files under every execution provider of the ONNX Runtime that is installed."""

import numpy as np
import onnxruntime
import pytest

from deploy.recognition.manifest import ONNX
from deploy.recognition.networks import SavedModel
from deploy.recognition.photo_files import read_photo
from deploy.recognition.window import letterbox
from tests.containers import EXAMPLE
from tests.exported_models import exported_models

# Azure's sends pictures away
PROVIDERS = [name for name in onnxruntime.get_available_providers() if name != "AzureExecutionProvider"]
SIZES = {"stage1": (224, 224), "stage2": (128, 256)}


@pytest.mark.parametrize("stage", SIZES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_gives_the_candidates_of_the_savedmodel(provider, stage):
    file = exported_models(ONNX) / stage / "model.onnx"
    session = onnxruntime.InferenceSession(str(file), providers=[provider])
    # where a provider cannot start, ONNX Runtime goes on without it
    assert session.get_providers()[0] == provider
    height, width = SIZES[stage]
    images = np.stack([letterbox(read_photo(EXAMPLE), width).picture[:height]] * 2)
    expected = SavedModel(exported_models() / stage, SIZES[stage], "float32")(images)
    names = [output.name for output in session.get_outputs()]
    for name, value in zip(names, session.run(names, {"images": images}), strict=True):
        np.testing.assert_allclose(value, expected[name], atol=1e-3, err_msg=name)
