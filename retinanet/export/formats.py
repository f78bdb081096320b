"""Both stages as ONNX and OpenVINO models: the network and the decoding of its boxes, without suppression.

Shapes are fixed but for the batch, and there are no loops and no conditions: ONNX Runtime's CUDA and TensorRT
providers take the files as they are. OpenVINO's are made from the same ONNX graph.
"""

import tempfile
from pathlib import Path

import keras
import numpy as np

from deploy.recognition.runtimes import needed, stderr_unless_it_fails
from deploy.recognition.suppression import Suppression
from retinanet.config import ModelConfig
from retinanet.models import detector
from retinanet.models.layers import anchor_boxes
from retinanet.models.stage2 import decode_boxes
from retinanet.models.window_targets import decode_windows

# the newest that TensorRT 8.6 and ONNX Runtime 1.14 know as well
OPSET = 17
BATCH = "batch"
INSTALL = "this format is made with it: `pip install -r requirements-export.txt`"


def stage1_candidates(predictions: dict, config: ModelConfig) -> dict:
    """Returns what `find_windows` of deploy/recognition takes, with a batch in front, as tensors."""
    anchors = anchor_boxes(config)
    boxes, corners = decode_windows(predictions["box"], anchors)
    return {
        "boxes": boxes,
        # no shape but the batch may be open
        "corners": keras.ops.reshape(corners, (-1, len(anchors), 4, 2)),
        "half_turn": predictions["half_turn"],
        "class_scores": keras.ops.sigmoid(predictions["classification"]),
    }


def stage2_candidates(predictions: dict, config: ModelConfig) -> dict:
    """Returns what `find_digits` of deploy/recognition takes, with a batch in front; boxes in shares of the window."""
    size = np.array([config.input_width, config.input_height] * 2, np.float32)
    return {
        "boxes": decode_boxes(predictions["box"], config) / size,
        "class_scores": keras.ops.sigmoid(predictions["classification"]),
    }


CANDIDATES = {1: stage1_candidates, 2: stage2_candidates}
_COMMON = {
    "min_score": detector.MIN_SCORE,
    "overlap": detector.OVERLAP,
    "candidates": detector.CANDIDATES,
}


def suppression_rules(config: ModelConfig) -> Suppression:
    """Returns how the candidates of a stage become objects: as in `retinanet.models.detector`."""
    if config.stage == 2:
        return Suppression(groups=detector.STAGE2_GROUPS, **_COMMON)
    groups = ((tuple(range(len(config.class_names))), detector.MAX_WINDOWS),)
    return Suppression(groups, voters=detector.VOTERS, voting_distance=detector.VOTING_DISTANCE, **_COMMON)


def write_onnx(model: keras.Model, path: Path) -> None:
    """Writes the ONNX model, float32, from `images`, uint8 RGB (batch, height, width, 3), to candidates by name.

    Raises:
        UserError: tf2onnx is not installed.
    """
    import tensorflow as tf

    with needed("tf2onnx", INSTALL), stderr_unless_it_fails():
        import tf2onnx
    config = model.model_config
    signature = [tf.TensorSpec((None, config.input_height, config.input_width, 3), tf.uint8, name="images")]

    @tf.function(input_signature=signature)
    def candidates(images):
        return CANDIDATES[config.stage](model.forward(tf.cast(images, tf.float32)), config)

    with stderr_unless_it_fails():
        proto, _ = tf2onnx.convert.from_function(candidates, signature, opset=OPSET)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    path.write_bytes(proto.SerializeToString())


def to_openvino(model: keras.Model):
    """Returns the OpenVINO model, float32, of the same inputs and outputs as the ONNX model.

    Raises:
        UserError: tf2onnx or OpenVINO is not installed.
    """
    with needed("openvino", INSTALL):
        import openvino
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        write_onnx(model, path)
        return openvino.convert_model(path)


def write_openvino(model, path: Path, half: bool = False) -> None:
    """Writes an OpenVINO model: the path's `.xml` and beside it `.bin`, the weights.

    Args:
        model: of OpenVINO.
        path: ends in `.xml`.
        half: whether weights are stored in float16; OpenVINO computes in float32 all the same.
    """
    import openvino

    openvino.save_model(model, path, compress_to_fp16=half)
