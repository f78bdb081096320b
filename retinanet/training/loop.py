"""Training of either stage: fresh or taken up again, with checkpoints that survive a kill."""

import dataclasses
import math
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import keras

from deploy.recognition.errors import UserError
from retinanet.config import ModelConfig, TrainingConfig
from retinanet.datasets.input_pipeline import training_batches, validation_batches
from retinanet.files import keep_copy
from retinanet.models.backbones import BACKBONES
from retinanet.models.checkpoints import load_model, save_atomically
from retinanet.models.detector import detector
from retinanet.models.stages import MODELS
from retinanet.training.epoch_metrics import METRICS
from retinanet.training.starts import BACKBONE_ENDINGS, best_path, previous_path


class DivergedError(UserError):
    """The loss is not a number any more."""


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
        defaults: what a fresh training uses where nothing is given; a resumed one goes on with its own values.
        seed: of the order and the augmentation.
    """

    stage: int
    dataset_paths: Sequence[Path]
    validation_paths: Sequence[Path]
    logs: Path
    initial_weights: Path | None
    defaults: TrainingConfig
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


def train(run: TrainingRun) -> Path:
    """Trains a stage; returns the path of the best weights.

    What a fresh training finds at its output is kept beside it, as `<name>.previous.keras` with its best weights, when
    its own first epoch is done.

    Raises:
        UserError: nothing to resume, a file of the other stage, a dataset that does not fit, or a loss that is not
            a number any more. The files of the epochs before stay as they are.
    """
    model = _resumed_model(run) if run.resume else _fresh_model(run)
    done = model.training_state.get("epochs_done", 0)
    before = model.training_state.get("config") or dataclasses.asdict(run.defaults)
    config = TrainingConfig(**{**before, **run.given})
    model.training_state["config"] = dataclasses.asdict(config)
    if done >= config.epochs:
        raise UserError(f"{run.output}: {done} epochs are done already; give --epochs above {done} to go on")
    batches, count = training_batches(
        run.dataset_paths, model.model_config, config.batch_size, seed=run.seed + 1000 * done
    )
    steps = count // config.batch_size
    if not steps:
        raise UserError(f"{count} training examples make no batch of {config.batch_size}; give a smaller --batch_size")
    validation, validation_count = validation_batches(
        run.validation_paths, model.model_config, config.batch_size, "validation", config.validation_limit
    )
    print(f"stage {run.stage}: {count} training examples, {validation_count} for validation, {steps} steps an epoch")
    _compile(model, config, steps)
    print("compiling the training step, about half a minute", flush=True)
    # KerasCV names its input and is given the pictures alone, as its own documentation does.
    warnings.filterwarnings("ignore", message="The structure of `inputs` doesn't match")
    model.fit(
        batches,
        validation_data=validation,
        shuffle=False,
        initial_epoch=done,
        epochs=config.epochs,
        callbacks=[
            _StopAtNaN(),
            _Metrics(run.stage, validation),
            keras.callbacks.TensorBoard(os.fspath(run.logs), write_graph=False),
            _Checkpoint(run.output, METRICS[run.stage].best, keep_previous=not run.resume),
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


def _compile(model: keras.Model, config: TrainingConfig, steps: int) -> None:
    """Compiles a fresh model, or gives a resumed one's optimizer the schedule of this run."""
    total = config.epochs * steps
    warmup = max(1, round(config.warmup_share * total))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 20,
        decay_steps=total - warmup,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
    )
    if model.compiled:
        model.optimizer.learning_rate = schedule
        return
    model.compile(
        optimizer=keras.optimizers.AdamW(
            learning_rate=schedule, weight_decay=config.weight_decay, global_clipnorm=config.clip_norm
        )
    )


class _StopAtNaN(keras.callbacks.Callback):
    """Ends a training whose loss is no number any more, before it is saved."""

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            raise DivergedError("the loss is not a number any more; resume with a smaller --learning_rate")


class _Metrics(keras.callbacks.Callback):
    """Adds the stage's metrics on the validation examples to the logs of each epoch."""

    def __init__(self, stage: int, batches):
        super().__init__()
        self.measure = METRICS[stage].measure
        self.batches = batches

    def on_epoch_end(self, epoch, logs=None):
        metrics = self.measure(detector(self.model), self.batches)
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        print("  " + "  ".join(f"{name} {value:.4g}" for name, value in metrics.items()))


class _Checkpoint(keras.callbacks.Callback):
    """Saves the whole state after each epoch, and the weights alone when they are the best so far."""

    def __init__(self, path: Path, best_metric: str, keep_previous: bool):
        super().__init__()
        self.path = path
        self.keep_previous = keep_previous
        self.metric = f"val_{best_metric}"

    def on_epoch_end(self, epoch, logs=None):
        state = self.model.training_state
        value = float(logs[self.metric])
        is_best = value >= state.get("best", -math.inf)
        history = [*state.get("history", []), {key: round(float(number), 5) for key, number in logs.items()}]
        self.model.training_state = {
            **state,
            "epochs_done": epoch + 1,
            "best": max(value, state.get("best", -math.inf)),
            "history": history,
        }
        if self.keep_previous:
            previous = previous_path(self.path)
            keep_copy(best_path(self.path), best_path(previous))
            keep_copy(self.path, previous)
            self.keep_previous = False
        if is_best:
            save_atomically(self.model, best_path(self.path), include_optimizer=False)
        save_atomically(self.model, self.path)
