"""What happens after a step and after an epoch of a training."""

import math
from pathlib import Path

import keras

from deploy.recognition.errors import UserError
from retinanet.files import keep_copy
from retinanet.models.checkpoints import save_atomically
from retinanet.models.detector import detector
from retinanet.training.epoch_metrics import METRICS
from retinanet.training.starts import best_path, previous_path


class DivergedError(UserError):
    """The loss is not a number any more."""


class StopAtNaN(keras.callbacks.Callback):
    """Ends a training whose loss is no number any more, before it is saved."""

    def on_train_batch_end(self, batch, logs=None):
        """Raises DivergedError where the mean loss of the epoch so far is no number."""
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            raise DivergedError("the loss is not a number any more; resume with a smaller --learning_rate")


class Metrics(keras.callbacks.Callback):
    """Adds the stage's metrics on the validation examples to the logs of each epoch."""

    def __init__(self, stage: int, batches):
        super().__init__()
        self.measure = METRICS[stage].measure
        self.batches = batches

    def on_epoch_end(self, epoch, logs=None):
        """Measures, on the first device of each process: all of them come to the same figures."""
        metrics = self.measure(detector(self.model), self.batches)
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        print("  " + "  ".join(f"{name} {value:.4g}" for name, value in metrics.items()))


class Checkpoint(keras.callbacks.Callback):
    """Saves the whole state after each epoch, and the weights alone when they are the best so far."""

    def __init__(self, path: Path, best_metric: str, keep_previous: bool):
        super().__init__()
        self.path = path
        self.keep_previous = keep_previous
        self.metric = f"val_{best_metric}"

    def on_epoch_end(self, epoch, logs=None):
        """Writes the files."""
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
