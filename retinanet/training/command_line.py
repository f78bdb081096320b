"""The command line of both training scripts."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet.cli import boolean, existing_path, import_tensorflow, positive_float, positive_int
from retinanet.config import TrainingConfig
from retinanet.training import cards, starts
from retinanet.training.cluster import cluster_of, place_of_state
from retinanet.training.starts import ROOT


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
        help=f"peak of warm-up and cosine ({defaults.learning_rate} for batches of {defaults.batch_size}, growing with "
        "their square root)",
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
    if arguments.resume_training and arguments.initial_weights:
        parser.error("--initial_weights: a resumed training goes on from --output; leave one of both out")
    start = arguments.initial_weights or starts.IMAGENET
    weights = None if arguments.resume_training else starts.weights_file(start, stage)
    cluster = cluster_of(os.environ)
    with place_of_state(arguments.output, arguments.logs, cluster) as (output, logs):
        print(_beginning(stage, output, arguments.resume_training, start), flush=True)
        import_tensorflow()
        from retinanet.training.devices import all_devices
        from retinanet.training.loop import TrainingRun, train

        tuned = ("epochs", "batch_size", "learning_rate")
        best = train(
            TrainingRun(
                stage=stage,
                dataset_paths=arguments.dataset_path,
                validation_paths=arguments.validation_path or arguments.dataset_path,
                output=output,
                logs=logs,
                resume=arguments.resume_training,
                initial_weights=weights,
                defaults=defaults,
                devices=all_devices(cluster, arguments.mixed_precision),
                given={name: getattr(arguments, name) for name in tuned if getattr(arguments, name) is not None},
                seed=arguments.seed,
            )
        )
    if cluster.writes:
        print(f"state: {arguments.output}\nbest weights: {best}")


def _beginning(stage: int, output: Path, resume: bool, start: str) -> str:
    """Returns in a line what a training begins with, and what becomes of the state that stands at the output.

    Raises:
        UserError: there is nothing to resume.
    """
    if resume:
        if not output.is_file():
            raise UserError(
                f"{output}: nothing to resume: train first with --resume_training False, from ImageNet weights, or add "
                f"--initial_weights {starts.SHIPPED} to go on from those that came with the project"
            )
        return f"stage {stage} goes on from {output}"
    line = f"stage {stage} starts from {starts.told(start, stage)}"
    if output.is_file():
        line += f"; what stands at {output} is kept as {starts.previous_path(output).name}"
    return line


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
    parser.add_argument(
        "--batch_size",
        type=positive_int,
        help=f"examples a step, on all devices together ({defaults.batch_size} on each)",
    )
    parser.add_argument(
        cards.OPTION,
        choices=cards.CHOICES,
        default=cards.AUTO,
        help="numbers that layers compute in; weights stay float32 (auto: what all graphics cards multiply fast, "
        "float32 on processors)",
    )
    parser.add_argument(
        "--initial_weights",
        metavar="imagenet|shipped|none|FILE",
        help="imagenet: those of the backbone, the rest at random (default); shipped: those in deploy/retinanet, to "
        "fine-tune them; none: random; or a .keras file of this stage, or one of its backbone (.weights.h5, .npz)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of order and augmentation (0)")
