"""Both stages as SavedModels, ONNX and OpenVINO models: the network and the decoding of its boxes.

Suppression stands outside, in `deploy.recognition.suppression`. Shapes of ONNX and OpenVINO models are fixed but for
the batch, and there are no loops and no conditions: ONNX Runtime's CUDA and TensorRT providers take the files as they
are. OpenVINO's are made from the same ONNX graph.
"""

import os
import tempfile
from pathlib import Path

import keras

from deploy.recognition.networks import needed, stderr_unless_it_fails

# the newest that TensorRT 8.6 and ONNX Runtime 1.14 know as well
OPSET = 17
BATCH = "batch"
INSTALL = "this format is made with it: `pip install -r requirements-export.txt`"


def write_savedmodel(model: keras.Model, folder: Path) -> None:
    """Writes the SavedModel, float32, with the inputs and outputs of the ONNX model."""
    import tensorflow as tf

    module = tf.Module()
    module.model = model
    tf.saved_model.save(module, os.fspath(folder), signatures={"serving_default": _graph(model)})


def write_onnx(model: keras.Model, path: Path) -> None:
    """Writes the ONNX model, float32, from `images`, uint8 RGB (batch, height, width, 3), to candidates by name.

    Raises:
        UserError: tf2onnx is not installed.
    """
    with needed("tf2onnx", INSTALL), stderr_unless_it_fails():
        import tf2onnx
    candidates = _graph(model)
    with stderr_unless_it_fails():
        proto, _ = tf2onnx.convert.from_function(candidates, candidates.input_signature, opset=OPSET)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    path.write_bytes(proto.SerializeToString())


def to_openvino(model: keras.Model):
    """Returns the OpenVINO model, float32, of the same inputs and outputs as the ONNX model.

    Raises:
        UserError: tf2onnx or OpenVINO is not installed.
    """
    with needed("openvino", INSTALL):
        from openvino.tools.ovc import convert_model
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(model, path)
        return convert_model(path)


def write_openvino(model, path: Path, half: bool = False) -> None:
    """Writes an OpenVINO model: the path's `.xml` and beside it `.bin`, the weights.

    Args:
        model: of OpenVINO.
        path: ends in `.xml`.
        half: whether weights are stored in float16; OpenVINO computes in float32 all the same.
    """
    import openvino

    openvino.save_model(model, path, compress_to_fp16=half)


def _graph(model: keras.Model):
    """Returns the TensorFlow function from `images`, uint8 RGB (batch, height, width, 3), to candidates by name."""
    import tensorflow as tf

    config = model.model_config
    signature = [tf.TensorSpec((None, config.input_height, config.input_width, 3), tf.uint8, name="images")]

    @tf.function(input_signature=signature)
    def candidates(images):
        return model.candidates(model.forward(tf.cast(images, tf.float32)))

    return candidates
