"""Trainings of tiny networks in processes of their own, as devices are made before TensorFlow starts.

python -m tests.training.tiny_training devices FOLDER     # on one and on two logical processors of this process
python -m tests.training.tiny_training worker FOLDER      # one of the workers that TF_CONFIG names
"""

import contextlib
import dataclasses
import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

import train_stage1
from retinanet.config import STAGE1, STAGE2, TrainingConfig
from retinanet.datasets import builders
from retinanet.datasets.records import LabelledPhoto, LabelledWindow, WindowCrop
from retinanet.models.backbones import BACKBONES, Backbone
from retinanet.models.checkpoints import load_model, save_atomically
from retinanet.models.optimizers import AdamW, LossScaling
from retinanet.models.stages import MODELS
from retinanet.training.cluster import Cluster
from retinanet.training.devices import Devices, all_devices
from retinanet.training.loop import TrainingRun, train

SIZES = {1: (64, 64), 2: (64, 128)}
BATCH = 4
SPLITS = ["train"] * 9 + ["validation"] * 6


def tiny_backbone():
    images = features = keras.Input((None, None, 3))
    for level, stride in (("P3", 8), ("P4", 2), ("P5", 2)):
        features = keras.layers.Conv2D(4, 3, stride, padding="same", use_bias=False)(features)
        features = keras.layers.BatchNormalization()(features)
        features = keras.layers.ReLU(name=f"relu_{level}")(features)
    return keras.Model(images, features)


TINY = Backbone("Tiny", tiny_backbone, 1 / 128, -1, ("relu_P3", "relu_P4", "relu_P5"))


def tiny_config(stage):
    height, width = SIZES[stage]
    config = {1: STAGE1, 2: STAGE2}[stage]
    small = {"input_height": height, "input_width": width, "pyramid_channels": 4, "head_layers": 0}
    return dataclasses.replace(config, backbone="tiny", frozen_until="", **small)


def use_tiny_networks():
    BACKBONES["tiny"] = TINY
    for stage, model in MODELS.items():
        model.default_config = tiny_config(stage)


def pixels(number, height, width):
    return lambda: np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)


def write_datasets(folder):
    corners = np.array([[50, 100], [200, 100], [200, 150], [50, 150]], np.float32)
    windows = [LabelledWindow(corners + 5 * number, "analog") for number in range(len(SPLITS))]
    boxes = np.array([[0.1, 0.1, 0.4, 0.9], [0.6, 0.1, 0.9, 0.9]], np.float32)
    records = {1: [], 2: []}
    for number, split in enumerate(SPLITS):
        name = str(number)
        # not every example has as many objects, nor every device
        objects = (windows[number],) if number % 3 else ()
        records[1].append(LabelledPhoto(f"{name}.png", pixels(number, 256, 256), split, name, objects))
        count = 1 + number % 2
        records[2].append(
            WindowCrop(f"{name}.png", pixels(number, 64, 128), split, name, boxes[:count], ("1", "7")[:count])
        )
    for stage in (1, 2):
        builders.build(records[stage], stage, folder, workers=1)


def trained(folder, stage, name, devices, epochs=1):
    """The figures of each epoch of a training, which goes on where one of the name has ended."""
    output = folder / name / f"stage{stage}.keras"
    train(
        TrainingRun(
            stage=stage,
            dataset_paths=[folder],
            validation_paths=[folder],
            output=output,
            logs=folder / name / "logs",
            resume=output.is_file(),
            initial_weights=folder / f"start{stage}.keras",
            defaults=TrainingConfig(epochs=1),
            devices=devices,
            given={"epochs": epochs, "batch_size": BATCH, "learning_rate": 1e-2},
        )
    )
    return load_model(output, stage).training_state["history"]


def scaled_steps(devices):
    """What float16's scaling makes of three steps: an overflow on one device of several, on none, and on none."""
    with devices.scope():
        weight = keras.Variable([1.0], name="weight")
        optimizer = LossScaling(AdamW(learning_rate=0.5, weight_decay=0.0, global_clipnorm=1.0), initial_scale=4.0)
        optimizer.build([weight])

    @tf.function
    def step(overflows):
        number = tf.distribute.get_replica_context().replica_id_in_sync_group
        gradient = tf.where(overflows & (number == 0), np.inf, 1.0)
        optimizer.apply([tf.reshape(gradient, (1,))], [weight])

    found = []
    for overflows in (True, False, False):
        devices.strategy.run(step, args=(tf.constant(overflows),))
        values = (weight, optimizer.iterations, optimizer.dynamic_scale)
        found.append([float(np.ravel(value.numpy())[0]) for value in values])
    return found


def on_devices(folder):
    """Both stages on one device and on two, and stage 1 taken up again on the other number of them."""
    processor = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    for stage, model in MODELS.items():
        save_atomically(model(model.default_config), folder / f"start{stage}.keras")
    two = all_devices(Cluster())
    one = Devices(tf.distribute.get_strategy(), ("CPU:0",))
    found = {"devices": str(two), "scaled": scaled_steps(two)}
    for stage in MODELS:
        found[f"one {stage}"] = trained(folder, stage, "one", one)
        found[f"two {stage}"] = trained(folder, stage, "two", two)
    found["one, then two"] = trained(folder, 1, "one", two, epochs=2)
    found["two, then one"] = trained(folder, 1, "two", one, epochs=2)
    return found


if __name__ == "__main__":
    mode, place = sys.argv[1], Path(sys.argv[2])
    # the same weights at every run, and the same order in both modes: from two of thirty random starts, states that
    # differ by rounding went apart in a step
    keras.utils.set_random_seed(1)
    use_tiny_networks()
    if mode == "devices":
        write_datasets(place)
        with contextlib.redirect_stdout(sys.stderr):
            figures = on_devices(place)
        (place / "figures.json").write_text(json.dumps(figures))
    else:
        arguments = ["--dataset_path", place, "--output", place / "workers" / "stage1.keras", "--epochs", 1]
        arguments += ["--initial_weights", place / "start1.keras", "--batch_size", BATCH, "--learning_rate", 1e-2]
        train_stage1.main([*map(str, arguments), "--logs", str(place / "workers" / "logs")])
