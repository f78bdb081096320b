"""Tuning of the learning rate: a grid of short trainings of fresh models, logged for TensorBoard's HParams plugin."""

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras_tuner
from keras_tuner import errors

from deploy.recognition.errors import UserError
from retinanet.datasets.loading import find_dataset, load_split
from retinanet.files import lock_folder
from retinanet.models.checkpoints import load_model
from retinanet.training.callbacks import DivergedError
from retinanet.training.epoch_metrics import METRICS
from retinanet.training.hparams_log import log_experiment, log_trial
from retinanet.training.loop import TrainingRequest, TrainingRun, train
from retinanet.training.starts import best_path
from retinanet.training.trials import Trial

SETTINGS_FILE = "tuning.json"
# KerasTuner's own files; TensorBoard passes over them.
PROJECT = "tuner"
PARAMETER = "learning_rate"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuning(TrainingRequest):
    """What one call of a tuning script asks for; `logs` is the folder of the trials, kept if they are of this tuning.

    Attributes:
        learning_rates: the grid, each tried once.
        epochs: of each trial.
        batch_size: examples a step, on all devices together.
        overwrite: drop what stands in the folder of another tuning.
    """

    learning_rates: Sequence[float]
    epochs: int
    batch_size: int
    overwrite: bool = False


def tune(tuning: Tuning) -> list[Trial]:
    """Trains once with every learning rate that has not been tried yet; returns all trials in the order of the grid.

    Raises:
        UserError: a dataset or weights do not fit, the folder holds another tuning or one that
            is at work, or every trial failed.
    """
    _check(tuning)
    try:
        tuning.logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{tuning.logs}: cannot be made: {error.strerror}; give another --logs") from error
    with lock_folder(tuning.logs):
        return _search(tuning)


def _search(tuning: Tuning) -> list[Trial]:
    _claim_folder(tuning)
    tuner = _Trainings(tuning, oracle=_Grid(tuning), directory=tuning.logs, project_name=PROJECT)
    try:
        tuner.search(verbose=0)
    except errors.FatalError as error:
        raise (error.__cause__ or error) from None
    trials = tuner.results()
    if all(trial.failed for trial in trials):
        raise UserError(f"{tuning.logs}: every trial failed, see above; give smaller --learning_rates")
    return trials


class _Grid(keras_tuner.Oracle):
    """Gives each learning rate once, in their order.

    KerasTuner's own grid search loses its place when it is taken up again.
    """

    def __init__(self, tuning: Tuning):
        self.rates = tuple(tuning.learning_rates)
        space = keras_tuner.HyperParameters()
        space.Choice(PARAMETER, list(self.rates))
        super().__init__(
            objective=keras_tuner.Objective(_metrics(tuning.stage)[1], "max"),
            hyperparameters=space,
            max_consecutive_failed_trials=len(self.rates) + 1,
        )

    def populate_space(self, trial_id: str) -> dict:
        tried = [trial.hyperparameters.get(PARAMETER) for trial in self.trials.values()]
        left = [rate for rate in self.rates if rate not in tried]
        return {"status": "RUNNING", "values": {PARAMETER: left[0]}} if left else {"status": "STOPPED"}


class _Trainings(keras_tuner.Tuner):
    """KerasTuner's search over trainings as the training scripts run them."""

    def __init__(self, tuning: Tuning, **options):
        self.tuning = tuning
        super().__init__(**options)

    def run_trial(self, trial, *_, **__) -> dict[str, float]:
        rate = trial.hyperparameters.get(PARAMETER)
        print(f"\ntrial {int(trial.trial_id) + 1} of {len(self.tuning.learning_rates)}: learning rate {rate:g}")
        try:
            return _train_logged(self.tuning, rate)
        except DivergedError as error:
            print(f"learning rate {rate:g} failed: {error}")
            _drop_states(_state(self.tuning, rate))
            raise errors.FailedTrialError(str(error)) from None
        except Exception as error:
            # KerasTuner would take a bug for a failed trial.
            raise errors.FatalError(str(error)) from error

    def results(self) -> list[Trial]:
        """Returns the finished trials in the order of the grid."""
        metrics = _metrics(self.tuning.stage)
        found = {}
        for trial in self.oracle.trials.values():
            rate = trial.hyperparameters.get(PARAMETER)
            known = all(trial.metrics.exists(name) for name in metrics)
            values = [trial.metrics.get_last_value(name) for name in metrics] if known else []
            found[rate] = Trial(rate, *values)
        return [found[rate] for rate in self.tuning.learning_rates]


def _train_logged(tuning: Tuning, rate: float) -> dict[str, float]:
    """Trains with one rate, logged as one row of the HParams table; returns the last epoch's figures."""
    state = _state(tuning, rate)
    folder = state.parent
    # An epoch that an interrupted trial saved is not done again.
    resume = state.is_file()
    if not resume:
        shutil.rmtree(folder, ignore_errors=True)
    with log_trial(folder, {PARAMETER: rate}, f"{rate:g}"):
        history = _history(state, tuning.stage) if resume else []
        if len(history) < tuning.epochs:
            train(
                TrainingRun(
                    **_asked_alike(tuning) | {"logs": folder},
                    output=state,
                    resume=resume,
                    given={PARAMETER: rate, "epochs": tuning.epochs, "batch_size": tuning.batch_size},
                )
            )
            history = _history(state, tuning.stage)
    _drop_states(state)
    return {name: history[-1][name] for name in _metrics(tuning.stage)}


def _asked_alike(tuning: Tuning) -> dict:
    return {field.name: getattr(tuning, field.name) for field in dataclasses.fields(TrainingRequest)}


def _metrics(stage: int) -> tuple[str, str]:
    """Returns the names of the validation loss and of the stage's figure in a training's history."""
    return "val_loss", f"val_{METRICS[stage].best}"


def _state(tuning: Tuning, rate: float) -> Path:
    """Returns the file of a trial's whole state, which stands in its folder while it runs."""
    return tuning.logs / f"{PARAMETER}={rate:g}" / f"stage{tuning.stage}.keras"


def _drop_states(state: Path) -> None:
    for file in (state, best_path(state)):
        file.unlink(missing_ok=True)


def _history(state: Path, stage: int) -> list[dict[str, float]]:
    return load_model(state, stage).training_state["history"]


def _check(tuning: Tuning) -> None:
    """Makes sure of what every trial needs, so that a trial fails by its learning rate alone."""
    _, count = load_split(tuning.dataset_paths, tuning.stage, "train", decode_images=False)
    load_split(tuning.validation_paths, tuning.stage, "validation", decode_images=False)
    if count < tuning.batch_size:
        raise UserError(f"{count} training examples make no batch of {tuning.batch_size}; give a smaller --batch_size")
    if tuning.initial_weights and tuning.initial_weights.suffix == ".keras":
        load_model(tuning.initial_weights, tuning.stage)


def _claim_folder(tuning: Tuning) -> None:
    """Prepares the folder of the trials; what stands there must be of the same tuning.

    Raises:
        UserError: it is of another one.
    """
    file = tuning.logs / SETTINGS_FILE
    settings = _settings(tuning)
    if tuning.overwrite:
        for entry in (*tuning.logs.glob(f"{PARAMETER}=*"), tuning.logs / PROJECT):
            shutil.rmtree(entry, ignore_errors=True)
        for entry in tuning.logs.glob("events.out.tfevents*"):
            entry.unlink()
        file.unlink(missing_ok=True)
    if file.is_file():
        found = json.loads(file.read_text(encoding="utf-8"))
        different = [name for name in settings if found.get(name) != settings[name]]
        if different:
            raise UserError(
                f"{tuning.logs}: holds trials with other {', '.join(different)}; "
                "give --overwrite True to drop them, or another --logs"
            )
        return
    figure = METRICS[tuning.stage].best
    shown = {"epoch_loss": "validation loss", f"epoch_{figure}": figure.replace("_", " ")}
    log_experiment(tuning.logs, {PARAMETER: sorted(tuning.learning_rates)}, shown)
    file.write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _settings(tuning: Tuning) -> dict:
    """Returns what trials must share to be compared, as plain values for JSON."""
    weights = tuning.initial_weights
    return {
        "stage": tuning.stage,
        "datasets": _datasets(tuning.dataset_paths, tuning.stage),
        "validation": _datasets(tuning.validation_paths, tuning.stage),
        "learning rates": list(tuning.learning_rates),
        "epochs": tuning.epochs,
        "batch size": tuning.batch_size,
        "initial weights": hashlib.sha256(weights.read_bytes()).hexdigest() if weights else "",
        "seed": tuning.seed,
    }


def _datasets(paths: Sequence[Path], stage: int) -> list[str]:
    """Returns each dataset's folder with a digest of its description, which changes with its contents."""
    folders = [find_dataset(path, stage).resolve() for path in paths]
    return [f"{folder} {hashlib.sha256((folder / 'dataset_info.json').read_bytes()).hexdigest()}" for folder in folders]
