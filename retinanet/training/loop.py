"""Training of either stage: fresh or taken up again, with checkpoints that survive a kill."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import keras

from deploy.recognition.errors import UserError
from retinanet.config import ModelConfig, TrainingConfig
from retinanet.models.backbones import BACKBONES
from retinanet.models.checkpoints import load_model
from retinanet.models.stages import MODELS
from retinanet.training.batches import batches_of
from retinanet.training.callbacks import Checkpoint, Metrics, StopAtNaN
from retinanet.training.cards import FLOAT16
from retinanet.training.devices import Devices, device_errors
from retinanet.training.epoch_metrics import METRICS
from retinanet.training.schedule import compile_model, scaled, told
from retinanet.training.starts import BACKBONE_ENDINGS, best_path


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What trainings and tunings are asked alike.

    Attributes:
        stage: 1 or 2.
        dataset_paths: datasets to train on, all together.
        validation_paths: datasets whose validation split is looked at after each epoch.
        logs: folder of the TensorBoard logs.
        initial_weights: a `.keras` file of the same stage, or weights of the backbone (`.weights.h5`, `.npz`); None
            starts from random weights.
        defaults: what a fresh training uses where nothing is given, on one device; a resumed one goes on with its own
            values.
        devices: that it runs on.
        seed: of the order and the augmentation.
    """

    stage: int
    dataset_paths: Sequence[Path]
    validation_paths: Sequence[Path]
    logs: Path
    initial_weights: Path | None
    defaults: TrainingConfig
    devices: Devices
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingRun(TrainingRequest):
    """What one call of a training script asks for.

    Attributes:
        output: the `.keras` file of the whole state; the best weights stand beside it as `<name>_best.keras`.
        resume: go on from `output`.
        given: fields of TrainingConfig that were given explicitly; they win over defaults and resumed values.
    """

    output: Path
    resume: bool
    given: dict[str, int | float] = dataclasses.field(default_factory=dict)


@device_errors()
def train(run: TrainingRun) -> Path:
    """Trains a stage; returns the path of the best weights.

    What a fresh training finds at its output is kept beside it, as `<name>.previous.keras` with its best weights, when
    its own first epoch is done.

    Raises:
        UserError: nothing to resume, a file of the other stage, a dataset that does not fit, a loss that is not a
            number any more, too little memory, or a worker that is gone. The files of the epochs before stay as they
            are.
    """
    devices = run.devices
    with devices.scope():
        model = _resumed_model(run) if run.resume else _fresh_model(run)
    done = model.training_state.get("epochs_done", 0)
    before = model.training_state.get("config")
    config = TrainingConfig(**{**before, **run.given}) if before else scaled(run.defaults, run.given, devices.count)
    model.training_state["config"] = dataclasses.asdict(config)
    if done >= config.epochs:
        raise UserError(f"{run.output}: {done} epochs are done already; give --epochs above {done} to go on")
    batches = batches_of(
        run.dataset_paths, run.validation_paths, model.model_config, config, devices, run.seed + 1000 * done
    )
    print(
        f"stage {run.stage}: {batches.count} training examples, {batches.validation_count} for validation, "
        f"{batches.steps} steps an epoch"
    )
    print(f"{devices}: {told(config, run.defaults, run.given, devices.count)}")
    with devices.scope():
        compile_model(model, config, batches.steps, scales_loss=devices.precision == FLOAT16)
    print("compiling the training step, about half a minute", flush=True)
    devices.check_alike(config, run.seed, batches.count, devices.precision, model.get_weights())
    model.fit(
        batches.training,
        validation_data=batches.validation,
        shuffle=False,
        initial_epoch=done,
        epochs=config.epochs,
        steps_per_epoch=batches.steps,
        validation_steps=batches.validation_steps,
        callbacks=[
            StopAtNaN(),
            Metrics(run.stage, batches.unshared_validation),
            keras.callbacks.TensorBoard(os.fspath(run.logs), write_graph=False),
            Checkpoint(run.output, METRICS[run.stage].best, keep_previous=not run.resume),
        ],
    )
    return best_path(run.output)


def _fresh_model(run: TrainingRun) -> keras.Model:
    backbone_weights, weights = None, run.initial_weights
    if weights and weights.name.endswith(BACKBONE_ENDINGS):
        backbone_weights, weights = os.fspath(weights), None
    model_class = MODELS[run.stage]
    try:
        model = model_class(model_class.default_config, backbone_weights=backbone_weights)
    except (OSError, ValueError) as error:
        title = BACKBONES[model_class.default_config.backbone].title
        raise UserError(f"{backbone_weights}: not weights of {title}: {error}") from error
    if weights:
        initial = load_model(weights, run.stage)
        _check_fits(initial.model_config, model.model_config, weights)
        model.set_weights(initial.get_weights())
    model.training_state = {}
    return model


def _check_fits(found: ModelConfig, expected: ModelConfig, path: Path) -> None:
    """Prints a line where weights come from another input size, which `retinanet/config.py` decides.

    Raises:
        UserError: the weights belong to a model of other anchors, layers or classes.
    """
    found_values, values = found.to_dict(), expected.to_dict()
    any_value_goes = {"input_height", "input_width", "frozen_until"}
    different = [name for name in values if name not in any_value_goes and found_values[name] != values[name]]
    if different:
        told = "; ".join(f"{name} {found_values[name]}, expected {values[name]}" for name in different)
        raise UserError(f"{path}: weights of another model than retinanet/config.py describes: {told}")
    if (found.input_height, found.input_width) != (expected.input_height, expected.input_width):
        print(
            f"{path}: weights of {found.input_width} x {found.input_height} pixels go on at "
            f"{expected.input_width} x {expected.input_height} (retinanet/config.py)"
        )


def _resumed_model(run: TrainingRun) -> keras.Model:
    if not run.output.is_file():
        raise UserError(f"{run.output}: nothing to resume; train once without --resume_training True")
    model = load_model(run.output, run.stage)
    if not model.compiled or "epochs_done" not in model.training_state:
        raise UserError(
            f"{run.output}: weights without a training state; give it as --initial_weights to start from it"
        )
    return model
