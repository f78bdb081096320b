"""What several threads that share the networks may rely on."""

import sys
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from deploy.recognition.networks import Detector, OpenVinoNetwork


def test_while_one_thread_suppresses_another_has_the_network():
    meet = threading.Barrier(2, timeout=10)
    inside = []

    class Network:
        batch = 1

        def __call__(self, images):
            inside.append(len(inside))
            assert len(inside) == 1, "two threads are in the network"
            found = {"mean": images.reshape(len(images), -1).mean(axis=1)}
            inside.clear()
            return found

    def find(candidates):
        # with the network's lock held, the other would never come here
        meet.wait()
        return candidates

    detector = Detector(Network(), find)
    images = [np.full((1, 4, 4, 3), value, np.uint8) for value in (10, 200)]
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda image: detector(image)["mean"].item(), images))
    assert found == [10, 200]


class FakeOutput:
    any_name = "mean"


class FakeRequest:
    """A request of OpenVINO: the mean of its picture, when it is waited for."""

    model_outputs = (FakeOutput(),)

    def __init__(self, log):
        self._log = log

    def infer(self, inputs, share_inputs):
        self._log.append("alone")
        return {self.model_outputs[0]: inputs["images"].mean(axis=(1, 2, 3))}

    def start_async(self, inputs, share_inputs):
        self._log.append("started")
        self._mean = inputs["images"].mean(axis=(1, 2, 3))

    def wait(self):
        self._log.append("waited")

    def get_tensor(self, output):
        return types.SimpleNamespace(data=self._mean)


@pytest.fixture
def openvino(monkeypatch):
    """OpenVINO's place; what it is told, and what its requests do, one after the other."""
    told = types.SimpleNamespace(settings=[], log=[], capabilities=["FP32", "BF16"])

    class Core:
        def get_property(self, device, name):
            return told.capabilities

        def read_model(self, path):
            return types.SimpleNamespace(reshape=lambda shape: None)

        def compile_model(self, model, device, settings):
            told.settings.append(settings)
            return types.SimpleNamespace(create_infer_request=lambda: FakeRequest(told.log))

    monkeypatch.setitem(sys.modules, "openvino", types.SimpleNamespace(Core=Core))
    return told


def test_several_pictures_lie_side_by_side_on_a_core_each(openvino, monkeypatch):
    monkeypatch.setenv("METER_CPU_THREADS", "3")
    network = OpenVinoNetwork(Path("stage2"), (4, 4), "float32")
    alone, side_by_side = openvino.settings
    assert alone["PERFORMANCE_HINT"] == "LATENCY" and "NUM_STREAMS" not in alone
    assert side_by_side["PERFORMANCE_HINT"] == "THROUGHPUT" and side_by_side["NUM_STREAMS"] == network.batch == 3
    images = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (10, 30, 20)])
    openvino.log.clear()
    assert network(images)["mean"].tolist() == [10, 30, 20]
    assert openvino.log == ["started"] * 3 + ["waited"] * 3
    assert network(images[1:2])["mean"].tolist() == [30] and openvino.log[6:] == ["alone"]


def test_one_core_takes_one_picture_after_the_other(openvino, monkeypatch):
    monkeypatch.setenv("METER_CPU_THREADS", "1")
    assert OpenVinoNetwork(Path("stage2"), (4, 4), "float32").batch == len(openvino.settings) == 1


@pytest.mark.parametrize(
    ("precision", "capabilities", "hint"),
    [
        ("bfloat16", ["FP32", "BF16"], "bf16"),
        ("bfloat16", ["FP32"], "f32"),
        ("float32", ["FP32", "BF16"], "f32"),
        ("int8", ["FP32", "BF16", "INT8"], "bf16"),
        ("int8", ["FP32", "INT8"], "f32"),
    ],
)
def test_bfloat16_is_computed_where_it_is_asked_for_and_there(openvino, precision, capabilities, hint):
    openvino.capabilities = capabilities
    OpenVinoNetwork(Path("stage2"), (4, 4), precision)
    assert {settings["INFERENCE_PRECISION_HINT"] for settings in openvino.settings} == {hint}


def test_no_two_threads_use_openvino_for_the_first_time_at_once(openvino, monkeypatch):
    """Each may wait for what the other holds: a server would never come up."""
    inside, most = [], []

    def infer(self, inputs, share_inputs):
        inside.append(1)
        time.sleep(0.05)
        most.append(len(inside))
        inside.pop()
        return {self.model_outputs[0]: np.zeros(1)}

    monkeypatch.setenv("METER_CPU_THREADS", "1")
    monkeypatch.setattr(FakeRequest, "infer", infer)
    with ThreadPoolExecutor(2) as pool:
        networks = list(pool.map(lambda stage: OpenVinoNetwork(Path(stage), (4, 4), "float32"), ("stage1", "stage2")))
    assert most == [1] * len(networks)
