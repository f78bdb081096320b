"""Tries learning rates for stage 1, which finds the counter window: a short training with each.

python tune_hyper_parameters_stage1.py --dataset_path datasets/mbarira --learning_rates 1e-3 1e-4
"""

from collections.abc import Sequence

from retinanet import cli
from retinanet.config import STAGE1_TRAINING
from retinanet.training.tuning_command_line import tune_from_command_line


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the script with these arguments."""
    tune_from_command_line(argv, stage=1, defaults=STAGE1_TRAINING, description=__doc__)


if __name__ == "__main__":
    cli.run(main)
