"""The runtimes that run exported models. Each is imported when a model of its format is loaded, not before."""

import contextlib
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from .errors import UserError
from .machine import cores
from .manifest import BFLOAT16, INT8

THREADS_VARIABLE = "METER_CPU_THREADS"
PROVIDERS_VARIABLE = "METER_PROVIDERS"
# TensorRT builds an engine for minutes when it first meets a model, so it is used only when asked for.
PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
DEFAULT_PROVIDERS = ("cuda", "cpu")
# Photos in one call of a graphics card; TensorRT builds its engine for up to so many.
GPU_BATCH = 16
# Pictures that a processor takes at once, if it has the cores: most windows are looked at closer in two to four parts.
SIDE_BY_SIDE = 4
# OpenVINO's Python package fills tables of its own when it is first used: two threads that do so at once may wait for
# each other for ever, the one for the table, the other for Python's lock.
_ONE_AT_A_TIME = threading.Lock()
_INSTALL = (
    "the models are made for it: `pip install {}`, or make others with `python deploy/prepare_model.py --format "
    "savedmodel|onnx|openvino`"
)


class Network(Protocol):
    """An exported network: from pictures to candidates by name.

    Attributes:
        batch: so many pictures it takes in one call.
    """

    batch: int

    def __call__(self, images: np.ndarray) -> Mapping[str, np.ndarray]:
        """Returns the outputs by name for at most `batch` uint8 RGB images (n, height, width, 3), n from 1.

        The arrays are the caller's: the next call, which may come from another thread meanwhile, leaves them alone.
        """
        ...


class SavedModel:
    """A TensorFlow SavedModel.

    Args:
        folder: of the SavedModel, whose signature `serving_default` takes `images`.
        input_size: (height, width) in pixels.
        precision: float32.
    """

    batch = GPU_BATCH

    def __init__(self, folder: Path, input_size: tuple[int, int], precision: str):
        with stderr_unless_it_fails(), needed("tensorflow", _INSTALL.format("tensorflow-cpu")):
            import tensorflow as tf

        with stderr_unless_it_fails():
            # kept, as the signature does not keep the model alive
            self._model = tf.saved_model.load(str(folder))
        self._constant = tf.constant
        self._signature = self._model.signatures["serving_default"]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs by name for at most `batch` uint8 RGB images (n, height, width, 3)."""
        return {name: value.numpy() for name, value in self._signature(images=self._constant(images)).items()}


class OnnxNetwork:
    """An ONNX file under ONNX Runtime, on a graphics card where there is one.

    Args:
        folder: with `model.onnx`.
        input_size: (height, width) in pixels.
        precision: float32.
    """

    FILE = "model.onnx"

    def __init__(self, folder: Path, input_size: tuple[int, int], precision: str):
        with needed("onnxruntime", _INSTALL.format("onnxruntime")):
            import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = cpu_threads()
        # between two calls the cores belong to OpenCV and to other processes
        options.add_session_config_entry("session.force_spinning_stop", "1")
        providers = chosen_providers(onnxruntime.get_available_providers(), os.environ)
        if providers[0] == "cpu":
            self.batch = 1
            # one shape for all calls: what follows from it is computed once
            options.add_free_dimension_override_by_name("batch", 1)
        else:
            self.batch = GPU_BATCH
            # finds the CUDA libraries that pip installed
            onnxruntime.preload_dlls()
        settings = [(PROVIDERS[name], _provider_options(name, input_size)) for name in providers]
        self._session = onnxruntime.InferenceSession(str(folder / self.FILE), options, providers=settings)
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs by name for at most `batch` uint8 RGB images (n, height, width, 3)."""
        return dict(zip(self._names, self._session.run(self._names, {"images": images}), strict=True))


class OpenVinoNetwork:
    """An OpenVINO model on the processor: one picture has all cores, several lie side by side on a core each.

    Args:
        folder: with `model.xml` and `model.bin`.
        input_size: (height, width) in pixels.
        precision: one that the manifest knows. Where the processor has no bfloat16, models of that precision, and what
            int8 leaves in numbers with a point, are computed in float32.
    """

    FILE = "model.xml"

    def __init__(self, folder: Path, input_size: tuple[int, int], precision: str):
        with _ONE_AT_A_TIME:
            # it would tell its makers that OpenVINO is used here; OpenVINO does without
            sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
            with needed("openvino", _INSTALL.format("openvino")), _without_converter():
                import openvino
            core = openvino.Core()
            # without instructions for it, bfloat16 is imitated, slower than float32
            has_bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            model = core.read_model(folder / self.FILE)
            model.reshape([1, *input_size, 3])
        settings = {
            "INFERENCE_NUM_THREADS": cpu_threads(),
            # what OpenVINO would choose by itself depends on the processor, and so would the readings
            "INFERENCE_PRECISION_HINT": "bf16" if precision in (BFLOAT16, INT8) and has_bfloat16 else "f32",
            # every process would pin its threads to the same first cores
            "ENABLE_CPU_PINNING": False,
        }
        alone = core.compile_model(model, "CPU", {**settings, "PERFORMANCE_HINT": "LATENCY"})
        self._request = alone.create_infer_request()
        self.batch = min(cpu_threads(), SIDE_BY_SIDE)
        self._requests = []
        if self.batch > 1:
            streams = {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": self.batch}
            side_by_side = core.compile_model(model, "CPU", {**settings, **streams})
            self._requests = [side_by_side.create_infer_request() for _ in range(self.batch)]
        with _ONE_AT_A_TIME:
            self(np.zeros((self.batch, *input_size, 3), np.uint8))

    def __call__(self, images: np.ndarray) -> Mapping[str, np.ndarray]:
        """Returns the outputs by name for at most `batch` uint8 RGB images (n, height, width, 3)."""
        if len(images) == 1:
            found = self._request.infer({"images": images}, share_inputs=True)
            return {output.any_name: value for output, value in found.items()}
        requests = self._requests[: len(images)]
        for index, request in enumerate(requests):
            request.start_async({"images": images[index : index + 1]}, share_inputs=True)
        for request in requests:
            request.wait()
        return {
            output.any_name: np.concatenate([request.get_tensor(output).data for request in requests])
            for output in requests[0].model_outputs
        }


class Detector:
    """A network and what makes objects of its candidates; may be called by several threads.

    Args:
        network: from at most `network.batch` images to candidates by name, the first axis the images'.
        find: from the candidates of one image to its objects by name.
    """

    def __init__(
        self,
        network: Network,
        find: Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]],
    ):
        self._network, self._find = network, find
        self._lock = threading.Lock()

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the outputs by name for a batch of uint8 RGB images (n, height, width, 3), n from 1."""
        found = []
        for start in range(0, len(images), self._network.batch):
            part = images[start : start + self._network.batch]
            with self._lock:
                candidates = self._network(part)
            found += [
                self._find({name: value[index] for name, value in candidates.items()}) for index in range(len(part))
            ]
        return {name: np.stack([one[name] for one in found]) for name in found[0]}


def cpu_threads() -> int:
    """Returns how many processor threads a model may use: METER_CPU_THREADS, or the cores of this process."""
    text = os.environ.get(THREADS_VARIABLE, "")
    if text and not text.isdecimal():
        raise UserError(f"{THREADS_VARIABLE}={text}: expected a whole number; 0: all cores")
    return int(text or 0) or cores()


def chosen_providers(available: list[str], environment: Mapping[str, str]) -> list[str]:
    """Returns which of PROVIDERS ONNX Runtime is to try, in that order.

    Raises:
        UserError: METER_PROVIDERS names an unknown one, or one that is not installed.
    """
    text = environment.get(PROVIDERS_VARIABLE, "")
    if not text:
        return [name for name in DEFAULT_PROVIDERS if PROVIDERS[name] in available]
    names = text.lower().split(",")
    for name in names:
        if name not in PROVIDERS:
            raise UserError(f"{PROVIDERS_VARIABLE}={text}: {name!r} is unknown, expected some of {','.join(PROVIDERS)}")
        if PROVIDERS[name] not in available:
            raise UserError(
                f"{PROVIDERS_VARIABLE}={text}: {name} is not in this ONNX Runtime: `pip install onnxruntime-gpu` in "
                "place of onnxruntime"
            )
    return names


def _provider_options(name: str, input_size: tuple[int, int]) -> dict[str, str]:
    """Returns what a provider is told; TensorRT must know the shapes to come, and keeps its engines beside others."""
    if name != "tensorrt":
        return {}
    height, width = input_size
    shape = f"images:{{}}x{height}x{width}x3"
    return {
        "trt_profile_min_shapes": shape.format(1),
        "trt_profile_opt_shapes": shape.format(1),
        "trt_profile_max_shapes": shape.format(GPU_BATCH),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(Path(tempfile.gettempdir()) / "meter-tensorrt"),
    }


@contextlib.contextmanager
def _without_converter() -> Iterator[None]:
    """Spares the block OpenVINO's converter of models, a third of all that is imported to read a photo.

    OpenVINO imports it where it can. Afterwards it can be imported from `openvino.tools.ovc` as ever.
    """
    name = "openvino.tools.ovc"
    if name in sys.modules:
        yield
        return
    # so marked, it counts as not installed
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.modules.pop(name, None)


@contextlib.contextmanager
def needed(package: str, advice: str) -> Iterator[None]:
    """Turns the lack of a package that the block imports into one line, which ends with the advice.

    Raises:
        UserError: the package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise UserError(f"{package}: not installed; {advice}") from error


@contextlib.contextmanager
def stderr_unless_it_fails() -> Iterator[None]:
    """Keeps back what native code writes to stderr, and shows it after all when the block raises.

    TensorFlow notes there which processor it found and which graphics card it did not, before any setting of its
    log level counts.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        original = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            with os.fdopen(os.dup(original), "wb") as stream:
                shutil.copyfileobj(kept, stream)
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
