"""Several devices and processes train as one device does."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from deploy.recognition.errors import UserError
from retinanet.config import TrainingConfig
from retinanet.models.backbones import BACKBONES
from retinanet.models.checkpoints import load_model, save_atomically
from retinanet.models.optimizers import AdamW, LossScaling
from retinanet.models.stages import MODELS
from retinanet.training.devices import Devices, device_errors
from retinanet.training.schedule import compile_model
from tests.training import tiny_training

ROOT = Path(__file__).resolve().parents[2]
LOSSES = ("loss", "val_loss", "box_loss", "classification_loss", "val_box_loss", "val_classification_loss")


@pytest.fixture(autouse=True)
def tiny_networks_can_be_read(monkeypatch):
    monkeypatch.setitem(BACKBONES, "tiny", tiny_training.TINY)


def start(mode, folder, **environment):
    """A process of tiny_training."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.tiny_training", mode, folder],
        cwd=ROOT,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(*processes):
    """What the processes wrote; none may have failed."""
    try:
        written = [process.communicate(timeout=600)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(written)[-4000:]
    return written


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("devices")


@pytest.fixture(scope="module")
def figures(folder):
    ended(start("devices", folder))
    return json.loads((folder / "figures.json").read_text())


def same_losses(found, expected):
    assert len(found) == len(expected) and {"loss", "val_loss"} <= set(expected[0])
    for epoch, wanted in zip(found, expected, strict=True):
        for name in set(LOSSES) & set(wanted):
            assert epoch[name] == pytest.approx(wanted[name], rel=2e-4), name


@pytest.mark.parametrize("stage", [1, 2])
def test_two_devices_have_the_losses_of_one(figures, stage):
    assert figures["devices"] == "2 devices (CPU:0, CPU:1), float32"
    same_losses(figures[f"two {stage}"], figures[f"one {stage}"])


def test_a_training_goes_on_with_another_number_of_devices(figures, folder):
    same_losses(figures["two, then one"], figures["one, then two"])
    for name in ("one", "two"):
        state = load_model(folder / name / "stage1.keras", 1)
        assert state.training_state["epochs_done"] == 2 and int(state.optimizer.iterations) == 4
        assert not load_model(folder / name / "stage1_best.keras", 1).compiled


def test_an_overflow_on_one_device_leaves_out_the_step_on_all(figures):
    skipped, first, second = figures["scaled"]
    assert skipped == [1.0, 0, 2.0]
    # the first steps of Adam are as long as the learning rate
    assert first == pytest.approx([0.5, 1, 2.0], abs=1e-4) and second == pytest.approx([0.0, 2, 2.0], abs=1e-3)


def free_addresses(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in sockets]
    for server in sockets:
        server.close()
    return addresses


def test_two_processes_have_the_losses_of_one_and_one_of_them_writes(figures, folder):
    addresses = free_addresses(2)
    configurations = [
        json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}) for index in (0, 1)
    ]
    first, second = ended(*(start("worker", folder, TF_CONFIG=text) for text in configurations))
    state = folder / "workers" / "stage1.keras"
    same_losses(load_model(state, 1).training_state["history"], figures["one 1"])
    assert "2 devices of 2 workers (CPU:0), float32: 4 examples a step, 2 on each device" in first
    assert f"state: {state}" in first and "state:" not in second
    assert {path.name for path in state.parent.iterdir()} == {"stage1.keras", "stage1_best.keras", "logs"}


def test_a_step_that_the_memory_does_not_hold_is_one_line():
    with pytest.raises(UserError, match="the memory does not suffice .*OOM.*; give a smaller") as error:
        with device_errors():
            tf.zeros((2**24, 2**24))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["failed: CUDA_ERROR_OUT_OF_MEMORY: out of memory", "CUBLAS_STATUS_ALLOC_FAILED"])
def test_a_card_without_memory_is_one_line(text):
    with pytest.raises(UserError, match=f"the memory does not suffice .*{text}"), device_errors():
        raise tf.errors.InternalError(None, None, text)
    with pytest.raises(tf.errors.InternalError), device_errors():
        raise tf.errors.InternalError(None, None, "a bug")


def test_another_worker_that_is_gone_is_one_line():
    where = 'Graph execution error:\n\nDetected at node x\n  File "loop.py", line 1\n\n'
    text = f"{where}Collective ops is aborted by: reset\nmore"
    with pytest.raises(UserError) as error, device_errors():
        raise tf.errors.UnavailableError(None, None, text)
    assert str(error.value) == (
        "another worker has ended or cannot be reached (Collective ops is aborted by: reset); start all of them again "
        "with --resume_training True"
    )


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
@pytest.mark.parametrize("stage", [1, 2])
def test_layers_compute_in_half_and_predictions_are_whole(stage, precision, tmp_path):
    config = tiny_training.tiny_config(stage)
    exact = MODELS[stage](config)
    with Devices(tf.distribute.get_strategy(), ("CPU:0",), precision=precision).scope():
        model = MODELS[stage](config)
        compile_model(model, TrainingConfig(epochs=1), 10, scales_loss=precision == "float16")
    assert keras.config.dtype_policy().name == "float32"
    model.set_weights(exact.get_weights())
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.Conv2D)]
    assert {layer.compute_dtype for layer in layers} == {precision, "float32"}
    assert {weight.dtype for weight in model.weights if "seed" not in weight.name} == {"float32"}
    images = np.random.default_rng(stage).integers(0, 256, (2, *tiny_training.SIZES[stage], 3)).astype(np.float32)
    expected, predictions = exact.forward(images), model.forward(images)
    for name, values in predictions.items():
        assert keras.backend.standardize_dtype(values.dtype) == "float32"
        np.testing.assert_allclose(values, expected[name], atol=0.02)
        # not in float32, then
        assert not np.allclose(values, expected[name], atol=1e-7)
    # the file is that of a training in float32
    save_atomically(model, tmp_path / "state.keras")
    assert isinstance(model.optimizer, LossScaling) == (precision == "float16")
    state = load_model(tmp_path / "state.keras", stage)
    assert type(state.optimizer) is AdamW and state.dtype_policy.name == "float32"
    np.testing.assert_array_equal(state.get_weights()[0], exact.get_weights()[0])
