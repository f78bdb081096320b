"""Trials of a tuning: what came of each learning rate, the best of them, and all as a table."""

import dataclasses
import math
from collections.abc import Sequence

from retinanet.training.epoch_metrics import METRICS


@dataclasses.dataclass(frozen=True)
class Trial:
    """What came of one learning rate.

    Attributes:
        learning_rate: the rate.
        validation_loss: after the last epoch; NaN of a failed trial.
        figure: share of windows found (stage 1) or read (stage 2) after the last epoch, 0 to 1; NaN of a failed trial.
    """

    learning_rate: float
    validation_loss: float = math.nan
    figure: float = math.nan

    @property
    def failed(self) -> bool:
        """Returns whether the loss diverged."""
        return not (math.isfinite(self.validation_loss) and math.isfinite(self.figure))


def best_trial(trials: Sequence[Trial]) -> Trial:
    """Returns the trial with the largest figure, of equal ones that with the least loss; one must not have failed."""
    finished = [trial for trial in trials if not trial.failed]
    return max(finished, key=lambda trial: (trial.figure, -trial.validation_loss))


def table(trials: Sequence[Trial], stage: int) -> str:
    """Returns a text table, a line a trial, the best one marked."""
    best = best_trial(trials)
    lines = [f"{'learning rate':>13}  {'validation loss':>15}  {METRICS[stage].best.replace('_', ' '):>13}"]
    for trial in trials:
        result = "         failed: the loss diverged"
        if not trial.failed:
            result = f"{trial.validation_loss:>15.4f}  {trial.figure:>13.1%}{'  best' if trial is best else ''}"
        lines.append(f"{trial.learning_rate:>13g}  {result}")
    return "\n".join(lines)
