"""The command line of both training scripts."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from retinanet.cli import boolean, existing_path, positive_float, positive_int
from retinanet.config import TrainingConfig

ROOT = Path(__file__).resolve().parents[2]
SHIPPED_FOLDER = ROOT / "deploy" / "retinanet"


def train_from_command_line(argv: Sequence[str] | None, stage: int, defaults: TrainingConfig, description: str) -> None:
    """Trains a stage as the arguments say, and prints where the weights are.

    Raises:
        UserError: what was given cannot be trained on; see `training.train`.
    """
    name = f"stage{stage}"
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_training_arguments(parser, stage, defaults)
    parser.add_argument(
        "--resume_training",
        type=boolean,
        default=False,
        metavar="True|False",
        help="go on from --output with its optimizer, epoch and learning rate (default: False)",
    )
    parser.add_argument("--epochs", type=positive_int, help=f"in all ({defaults.epochs})")
    parser.add_argument(
        "--learning_rate",
        type=positive_float,
        help=f"peak of warm-up and cosine ({defaults.learning_rate})",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=ROOT / "retinanet" / f"{name}.keras",
        help=f"the whole state; the best weights stand beside it (retinanet/{name}.keras)",
    )
    parser.add_argument(
        "--logs", type=Path, default=ROOT / "logs" / name / "train", help=f"for TensorBoard (logs/{name}/train)"
    )
    arguments = parser.parse_args(argv)
    if arguments.output.suffix != ".keras":
        parser.error(f"--output: expected a file name that ends in .keras, got {arguments.output}")

    from retinanet.training.loop import TrainingRun, train

    tuned = ("epochs", "batch_size", "learning_rate")
    best = train(
        TrainingRun(
            stage=stage,
            dataset_paths=arguments.dataset_path,
            validation_paths=arguments.validation_path or arguments.dataset_path,
            output=arguments.output,
            logs=arguments.logs,
            resume=arguments.resume_training,
            initial_weights=arguments.initial_weights,
            defaults=defaults,
            given={name: getattr(arguments, name) for name in tuned if getattr(arguments, name) is not None},
            seed=arguments.seed,
        )
    )
    print(f"state: {arguments.output}\nbest weights: {best}")


def add_training_arguments(parser: argparse.ArgumentParser, stage: int, defaults: TrainingConfig) -> None:
    """Adds the arguments that training and tuning have in common.

    A batch size that is not given is None: a training that goes on keeps its own.
    """
    parser.add_argument(
        "--dataset_path",
        required=True,
        nargs="+",
        type=existing_path,
        metavar="P",
        help="datasets to train on: a data_dir, a dataset's folder or a version's folder; several are taken together",
    )
    parser.add_argument(
        "--validation_path",
        nargs="+",
        type=existing_path,
        metavar="P",
        help="datasets whose validation split is looked at after each epoch (default: those of --dataset_path)",
    )
    parser.add_argument("--batch_size", type=positive_int, help=f"({defaults.batch_size})")
    parser.add_argument(
        "--initial_weights",
        type=existing_path,
        metavar="FILE",
        default=shipped_weights(stage),
        help="a .keras file of this stage, or ImageNet weights of its backbone (.weights.h5) "
        f"(default: deploy/retinanet/stage{stage}.keras if it is there)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of order and augmentation (0)")


def shipped_weights(stage: int) -> Path | None:
    """Returns the path of the weights that came with the project; None where there are none."""
    path = SHIPPED_FOLDER / f"stage{stage}.keras"
    return path if path.is_file() else None
