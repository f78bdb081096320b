"""Trains stage 1, which finds the counter window.

python train_stage1.py --dataset_path datasets/mbarira datasets/synthetic --resume_training False
"""

from collections.abc import Sequence

from retinanet import cli
from retinanet.config import STAGE1_TRAINING
from retinanet.training.command_line import train_from_command_line


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the script with these arguments."""
    train_from_command_line(argv, stage=1, defaults=STAGE1_TRAINING, description=__doc__)


if __name__ == "__main__":
    cli.run(main)
