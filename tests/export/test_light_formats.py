"""The formats without TensorFlow: what is in the files, and that they read like the SavedModel."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from deploy import prepare_model
from deploy.recognition import manifest as manifests
from deploy.recognition.errors import UserError
from deploy.recognition.exported_models import load_models
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.networks import chosen_providers, cpu_threads
from deploy.recognition.photo_files import read_photo
from retinanet.export import int8
from retinanet.export.folder import export_models
from retinanet.export.formats import OPSET
from tests.exported_models import SHIPPED, exported_models

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "resources" / "examples"
PHOTOS = (
    "upside_down.jpg",
    "white_wheels_red_fraction.jpg",
    "turned_on_its_side.jpg",
    "clock_without_meter.jpg",
)
# Of a whole reading's scores: corners that differ by a thousandth of a pixel cut other pixels.
SCORES_FLOAT32, SCORES_BFLOAT16, SCORES_INT8 = 0.01, 0.05, 0.1
# All of them run in ONNX Runtime's CUDA provider and in TensorRT; none has a shape that depends on the picture.
OPERATORS = {
    *("Add", "Cast", "Clip", "Concat", "Conv", "Exp", "Gather", "Min", "Mul", "Pad", "Relu", "Reshape", "Shape"),
    *("Sigmoid", "Slice", "Squeeze", "Sub", "Tile", "Transpose", "Unsqueeze"),
}


@pytest.fixture(scope="module")
def onnx_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx") / "models"
    export_models(SHIPPED, folder, manifests.ONNX)
    return folder


@pytest.fixture(scope="module")
def int8_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8") / "models"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8, "DRAWN_PHOTOS", 25)
        export_models(SHIPPED, folder, manifests.OPENVINO, manifests.INT8)
    return folder


@pytest.fixture(scope="module")
def bfloat16_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bfloat16") / "models"
    export_models(SHIPPED, folder, manifests.OPENVINO, manifests.BFLOAT16)
    return folder


@pytest.fixture(scope="module")
def expected():
    return read(load_models(exported_models()))


def read(models):
    reader = MeterReader(models)
    return [reader.read(read_photo(EXAMPLES / name)) for name in PHOTOS]


def assert_same(found, expected, tolerance):
    assert [one.text for one in found] == [one.text for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.counter_class == other.counter_class
        assert one.counter_score == pytest.approx(other.counter_score, abs=tolerance)
        for digit, right in zip(one.digits, other.digits, strict=True):
            assert digit.score == pytest.approx(right.score, abs=tolerance)


def test_onnx_reads_like_the_savedmodel(onnx_models, expected):
    assert_same(read(load_models(onnx_models)), expected, SCORES_FLOAT32)


def test_int8_reads_like_the_savedmodel(int8_models, expected):
    assert_same(read(load_models(int8_models)), expected, SCORES_INT8)


def test_bfloat16_reads_like_the_savedmodel_in_half_the_bytes(bfloat16_models, expected):
    assert_same(read(load_models(bfloat16_models, "openvino", "bfloat16")), expected, SCORES_BFLOAT16)
    assert all((bfloat16_models / stage / "model.bin").stat().st_size < 8_000_000 for stage in manifests.STAGES)


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_onnx_holds_nothing_that_cuda_and_tensorrt_lack(onnx_models, stage):
    model = onnx.load(onnx_models / stage / "model.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import if one.domain == ""] == [("", OPSET)]
    assert {node.op_type for node in model.graph.node} <= OPERATORS
    assert {node.domain for node in model.graph.node} == {""}
    kinds = {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.INT32}
    assert {constant.data_type for constant in model.graph.initializer} <= kinds
    (images,) = model.graph.input
    assert images.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    for value in (images, *model.graph.output):
        batch, *rest = value.type.tensor_type.shape.dim
        assert batch.dim_param == "batch"
        assert all(side.dim_value > 0 for side in rest), value.name


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_int8_holds_its_weights_in_bytes(int8_models, stage):
    import openvino

    model = openvino.Core().read_model(int8_models / stage / "model.xml")
    weights = [node for node in model.get_ops() if node.get_type_name() == "Constant" and len(node.shape) in (4, 5)]
    sizes = {"i8": 0, "f32": 0}
    for node in weights:
        kind = node.get_element_type().get_type_name()
        sizes[kind] = sizes.get(kind, 0) + int(np.prod(node.shape))
    # pyramid and heads, a tenth of the weights, stay as they are
    assert 0.9 > sizes["i8"] / sum(sizes.values()) > 0.88
    assert (int8_models / stage / "model.bin").stat().st_size < 5_000_000


def test_a_batch_answers_like_its_images(onnx_models, bfloat16_models, monkeypatch):
    monkeypatch.setenv("METER_CPU_THREADS", "2")
    images = np.random.default_rng(3).integers(0, 256, (3, 128, 256, 3), np.uint8)
    models = load_models(onnx_models)
    together = models.stage2(images)
    for index in range(3):
        for name, value in models.stage2(images[index : index + 1]).items():
            np.testing.assert_array_equal(value[0], together[name][index])
    # one alone is computed otherwise than side by side
    models = load_models(bfloat16_models)
    together = models.stage2(images)
    for index in range(3):
        alone = models.stage2(images[index : index + 1])
        np.testing.assert_allclose(alone["scores"][0], together["scores"][index], atol=0.01)


def test_the_manifest_says_what_they_are(int8_models, onnx_models):
    manifest = manifests.check_models(int8_models, "openvino", "int8")
    assert manifest["calibration"]["origin"] == "25 drawn photos"
    assert manifest["model_version"] != manifests.check_models(onnx_models)["model_version"]
    message = "holds openvino int8 models, expected onnx float32: run `python deploy/prepare_model.py --format onnx"
    with pytest.raises(UserError, match=message):
        load_models(int8_models, "onnx", "float32")


READ_WITHOUT = """
import sys
sys.modules |= dict.fromkeys(("tensorflow", "keras", "tf2onnx", "onnx", "nncf", *sys.argv[3:]))
from deploy.recognition.errors import UserError
from deploy.recognition.photo_files import read_photo
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.exported_models import load_models
try:
    print(MeterReader(load_models(sys.argv[1])).read(read_photo(sys.argv[2])).text)
    assert not sys.modules.get("openvino_telemetry"), "OpenVINO reports that it is used"
except UserError as error:
    print(error)
"""


def read_without(models, *packages):
    command = [sys.executable, "-c", READ_WITHOUT, str(models), str(EXAMPLES / PHOTOS[0]), *packages]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_neither_tensorflow_nor_keras_is_needed(int8_models, onnx_models, expected):
    assert read_without(int8_models, "onnxruntime") == expected[0].text != ""
    assert read_without(onnx_models, "openvino") == expected[0].text


def test_a_runtime_that_is_not_installed(int8_models, onnx_models):
    for models, package in ((int8_models, "openvino"), (onnx_models, "onnxruntime"), (exported_models(), "tensorflow")):
        said = read_without(models, package)
        assert said.startswith(f"{package}: not installed; the models are made for it: `pip install {package}")
        assert "\n" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--format litert --precision int8", "LiteRT was .* expected one of savedmodel: float32; onnx"),
        ("--format tflite", "--format tflite .* there are no such models; expected one of"),
        ("--format savedmodel --precision int8", "there are no such models; expected one of savedmodel: float32"),
        ("--format onnx --precision int8", "use --format openvino"),
        ("--format onnx --precision bfloat16", "computes in float32 on processors; use --format openvino"),
        ("--calibration .", "only int8 is calibrated"),
        ("--format openvino --precision int8 --calibration none", "none: no such file or folder"),
    ],
)
def test_what_is_not_made(arguments, message):
    with pytest.raises(UserError, match=message):
        prepare_model.main(arguments.split())


def test_too_few_photos_for_calibration(onnx_models):
    message = r"meters were found on \d of 1 photos, expected at least 10"
    with pytest.raises(UserError, match=message):
        int8.calibration_pictures(MeterReader(load_models(onnx_models)), EXAMPLES / PHOTOS[0])


def test_providers():
    everywhere = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert chosen_providers(["CPUExecutionProvider"], {}) == ["cpu"]
    assert chosen_providers(everywhere, {}) == ["cuda", "cpu"]
    assert chosen_providers(everywhere, {"METER_PROVIDERS": "tensorrt,cuda"}) == ["tensorrt", "cuda"]
    with pytest.raises(UserError, match="METER_PROVIDERS=gpu: 'gpu' is unknown, expected some of cpu,cuda,tensorrt"):
        chosen_providers(everywhere, {"METER_PROVIDERS": "gpu"})
    with pytest.raises(UserError, match="cuda is not in this ONNX Runtime: `pip install onnxruntime-gpu`"):
        chosen_providers(["CPUExecutionProvider"], {"METER_PROVIDERS": "cuda"})


def test_threads(monkeypatch):
    monkeypatch.setenv("METER_CPU_THREADS", "3")
    assert cpu_threads() == 3
    monkeypatch.setenv("METER_CPU_THREADS", "0")
    assert cpu_threads() >= 1
    monkeypatch.setenv("METER_CPU_THREADS", "many")
    with pytest.raises(UserError, match="METER_CPU_THREADS=many: expected a whole number"):
        cpu_threads()


def test_a_missing_converter(tmp_path):
    code = "import sys; sys.modules['tf2onnx'] = None; from deploy import prepare_model; from retinanet import cli; "
    code += "cli.run(lambda: prepare_model.main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "--format", "onnx", "--output", str(tmp_path / "models")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "error: tf2onnx: not installed; this format is made with it: `pip install -r requirements-export.txt`" in (
        done.stderr
    )
    assert not (tmp_path / "models").exists()
