import dataclasses
import json
import resource
import shutil
import zipfile

import keras
import numpy as np
import pytest

import train_stage1
import train_stage2
from deploy.recognition.errors import UserError
from retinanet.config import STAGE1, STAGE1_TRAINING, STAGE2
from retinanet.datasets import builders
from retinanet.datasets.synthetic.photos import photos
from retinanet.models.backbones import BACKBONES
from retinanet.models.checkpoints import load_model, save_atomically
from retinanet.models.stage1 import Stage1RetinaNet
from retinanet.training import loop, starts
from retinanet.training.cluster import Cluster
from retinanet.training.devices import all_devices
from tests.models.test_half_weights import stored_types

TRAIN = {1: train_stage1.main, 2: train_stage2.main}
OTHER_BACKBONE = next(name for name in BACKBONES if name not in (STAGE1.backbone, STAGE2.backbone))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A tiny dataset of both stages: four drawn photos to train on and one to validate."""
    folder = tmp_path_factory.mktemp("datasets")
    drafts = photos(60, seed=3)
    chosen = [draft for draft in drafts if draft.split == "train"][:8]
    chosen += [draft for draft in drafts if draft.split == "validation"][:2]
    for stage in (1, 2):
        builders.build(chosen, stage, folder, workers=1)
    return folder


@pytest.fixture(scope="module", params=[1, 2])
def trained(request, dataset, tmp_path_factory):
    """One epoch of each stage: (stage, arguments, path of the state)."""
    stage = request.param
    folder = tmp_path_factory.mktemp(f"stage{stage}")
    state = folder / f"stage{stage}.keras"
    arguments = ["--dataset_path", str(dataset), "--batch_size", "2", "--output", str(state)]
    arguments += ["--logs", str(folder / "logs")]
    TRAIN[stage]([*arguments, "--epochs", "1"])
    return stage, arguments, state


def test_training_writes_state_best_weights_and_logs(trained):
    stage, _, state = trained
    model = load_model(state, stage)
    assert model.training_state["epochs_done"] == 1
    steps = int(model.optimizer.iterations)
    assert steps >= 2
    history = model.training_state["history"]
    assert len(history) == 1
    assert np.isfinite(history[0]["loss"]) and np.isfinite(history[0]["val_loss"])
    assert stored_types(state)[0] == {"float32"} and "float16" not in stored_types(state)[1]
    best = state.with_name(f"stage{stage}_best.keras")
    assert best.stat().st_size < 0.5 * state.stat().st_size
    assert list((state.parent / "logs").rglob("events.out.tfevents*"))
    other = 3 - stage
    with pytest.raises(UserError, match=f"a model of stage {stage}; expected one of stage {other}"):
        load_model(state, other)


def test_resuming_goes_on_with_optimizer_and_epoch(trained):
    stage, arguments, state = trained
    before = load_model(state, stage)
    TRAIN[stage]([*arguments, "--epochs", "2", "--resume_training", "True"])
    after = load_model(state, stage)
    assert after.training_state["epochs_done"] == 2
    assert int(after.optimizer.iterations) == 2 * int(before.optimizer.iterations)
    assert after.training_state["history"][0] == before.training_state["history"][0]
    with pytest.raises(UserError, match="2 epochs are done already"):
        TRAIN[stage]([*arguments, "--epochs", "2", "--resume_training", "True"])


def test_resuming_without_a_file_says_so(dataset, tmp_path):
    with pytest.raises(UserError, match="nothing to resume: train first with --resume_training False"):
        train_stage1.main(
            ["--dataset_path", str(dataset), "--resume_training", "True", "--output", str(tmp_path / "none.keras")]
        )


@pytest.mark.parametrize(
    "change, told",
    [
        ({"input_height": 192, "input_width": 224}, "go on at 224 x 192"),
        ({"pyramid_channels": 32}, "than retinanet/config.py describes: pyramid_channels 64, expected 32"),
        ({"backbone": OTHER_BACKBONE, "frozen_until": ""}, f", expected {OTHER_BACKBONE}"),
    ],
)
def test_initial_weights_of_another_configuration_are_told(trained, monkeypatch, capsys, change, told):
    stage, arguments, state = trained
    model = loop.MODELS[stage]
    monkeypatch.setattr(model, "default_config", dataclasses.replace(model.default_config, **change))
    with pytest.raises(UserError) as error:
        # too large a batch: nothing is trained
        TRAIN[stage]([*arguments, "--initial_weights", str(state), "--batch_size", "1000"])
    assert told in capsys.readouterr().out + str(error.value)


def test_weights_of_another_backbone_are_refused(dataset, tmp_path):
    weights = tmp_path / "some.weights.h5"
    BACKBONES[OTHER_BACKBONE].build().save_weights(weights)
    with pytest.raises(UserError, match=f"not weights of {BACKBONES[STAGE2.backbone].title}"):
        train_stage2.main(["--dataset_path", str(dataset), "--initial_weights", str(weights)])


def test_a_fresh_training_keeps_the_state_that_stands_there(trained, tmp_path, capsys):
    stage, arguments, state = trained
    other = tmp_path / "state.keras"
    for name in ("", "_best"):
        shutil.copy(state.with_stem(f"{state.stem}{name}"), tmp_path / f"state{name}.keras")
    contents = other.read_bytes(), (tmp_path / "state_best.keras").read_bytes()
    TRAIN[stage]([*arguments, "--output", str(other), "--epochs", "1", "--resume_training", "False"])
    first, *others = capsys.readouterr().out.splitlines()
    assert (
        "1 device (CPU:0), float32: 2 examples a step; learning rate 0.000354 = 0.001 x the square root of 2 / 16"
        in (others)
    )
    assert "compiling the training step, about half a minute" in others
    assert first == (
        f"stage {stage} starts from ImageNet weights of its backbone, efficientnet_lite0; what stands at {other} is "
        "kept as state.previous.keras"
    )
    kept = tmp_path / "state.previous.keras", tmp_path / "state.previous_best.keras"
    assert tuple(path.read_bytes() for path in kept) == contents
    assert other.read_bytes() != contents[0]
    assert {path.name for path in tmp_path.iterdir()} == {"state.keras", "state_best.keras", *(k.name for k in kept)}


@pytest.mark.parametrize("start", ["imagenet", "none"])
def test_what_a_training_starts_from(monkeypatch, start, tmp_path):
    run = loop.TrainingRun(
        stage=1,
        dataset_paths=(),
        validation_paths=(),
        output=tmp_path / "a.keras",
        logs=tmp_path,
        resume=False,
        initial_weights=starts.weights_file(start, 1),
        defaults=STAGE1_TRAINING,
        devices=all_devices(Cluster()),
    )
    keras.utils.set_random_seed(1)
    model = loop._fresh_model(run)
    with np.load(starts.imagenet_weights(1)) as arrays:
        stem, deep = arrays["stem_conv/0"], arrays["block7a_project_conv/0"]
    layers = {layer.name: layer for layer in model.get_layer("backbone")._flatten_layers()}
    for name, array in (("stem_conv", stem), ("block7a_project_conv", deep)):
        assert np.array_equal(layers[name].get_weights()[0], array) == (start == "imagenet")
    assert not layers["stem_conv"].trainable and layers["block7a_project_conv"].trainable


@pytest.fixture(scope="module")
def model():
    model = Stage1RetinaNet()
    model.training_state = {}
    return model


def test_damaged_and_foreign_files_are_named(model, tmp_path):
    path = tmp_path / "stage1.keras"
    save_atomically(model, path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="damaged"):
        load_model(path, 1)
    foreign = tmp_path / "foreign.keras"
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(foreign)
    with pytest.raises(UserError, match="not one of this project"):
        load_model(foreign, 1)
    with pytest.raises(UserError, match="no such file"):
        load_model(tmp_path / "missing.keras", 1)


def _rewritten(path, target, change):
    """The file with its description changed."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for name in source.namelist():
            content = source.read(name)
            copy.writestr(name, json.dumps(change(json.loads(content))) if name == "config.json" else content)
    return target


def _edited(**changes):
    def change(description):
        description["config"]["model_config"].update(changes)
        return description

    return change


LAMBDA = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": {"class_name": "__lambda__"}}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_edited(backbone="../../x"), "the backbone '../../x', expected one of efficientnet_lite0"),
        (_edited(backbone=["x"]), "the backbone"),
        (_edited(input_height=10**9), "the input size"),
        (_edited(input_height="224"), "expected whole numbers"),
        (_edited(strides=[7]), "the strides"),
        (_edited(anchor_scales=[float("nan")]), "anchors that are no numbers"),
        (_edited(more=1), "unexpected keyword"),
        (lambda description: {**description, **LAMBDA}, "not one of this project"),
        (lambda description: {**description, "config": "Stage1RetinaNet"}, "not as this project writes models"),
        (lambda description: {**LAMBDA, "name": "Stage1RetinaNet"}, "not one of this project"),
        (lambda description: {**description, "registered_name": "os>system"}, "not one of this project"),
        (lambda description: ["Stage1RetinaNet"], "not one of this project"),
        (lambda description: {**description, "compile_config": {"optimizer": LAMBDA}}, "not as this project writes"),
        (lambda description: {**description, "compile_config": 3}, "not as this project writes"),
    ],
)
def test_crafted_files_are_one_line(model, tmp_path, change, message):
    path = tmp_path / "stage1.keras"
    save_atomically(model, path)
    with pytest.raises(UserError, match=message) as error:
        load_model(_rewritten(path, tmp_path / "crafted.keras", change), 1)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_weights_of_other_shapes_are_one_line(model, tmp_path):
    path = tmp_path / "stage1.keras"
    save_atomically(model, path)
    with pytest.raises(UserError, match="not as this project writes models") as error:
        load_model(_rewritten(path, tmp_path / "crafted.keras", _edited(pyramid_channels=32)), 1)
    assert "\n" not in str(error.value)


def test_a_full_disk_is_one_line_and_leaves_the_old_file(model, tmp_path):
    path = tmp_path / "stage1.keras"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(UserError, match="stage1.keras: cannot be written: File too large; what stood there"):
            save_atomically(model, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["stage1.keras"]


def test_weights_come_back_as_they_were(model, tmp_path):
    path = tmp_path / "stage1.keras"
    save_atomically(model, path, include_optimizer=False)
    height, width = model.model_config.input_height, model.model_config.input_width
    images = np.random.default_rng(0).integers(0, 256, (1, height, width, 3)).astype(np.float32)
    expected, got = model(images, training=False), load_model(path, 1)(images, training=False)
    for name in ("box", "classification"):
        np.testing.assert_allclose(np.array(got[name]), np.array(expected[name]), atol=1e-6)


def test_a_kill_while_saving_keeps_the_old_file(model, tmp_path, monkeypatch):
    path = tmp_path / "stage1.keras"
    save_atomically(model, path)
    before = path.read_bytes()

    def killed(target, **_):
        target.write_bytes(b"half of a model")
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        save_atomically(model, path)
    assert path.read_bytes() == before
    assert zipfile.is_zipfile(path)
    assert "Stage1RetinaNet" in json.dumps(json.loads(zipfile.ZipFile(path).read("config.json")))


def test_unusable_learning_rate_is_refused(dataset):
    with pytest.raises(SystemExit):
        train_stage2.main(["--dataset_path", str(dataset), "--learning_rate", "0"])
