"""The command line of both tuning scripts."""

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from retinanet.cli import boolean, import_tensorflow, positive_float, positive_int
from retinanet.config import TrainingConfig
from retinanet.training import cards, starts
from retinanet.training.cluster import cluster_of, place_of_trials
from retinanet.training.command_line import add_training_arguments
from retinanet.training.starts import ROOT

LEARNING_RATES = (1e-3, 5e-4, 1e-4, 5e-5, 1e-5)
EPOCHS = 5


def tune_from_command_line(argv: Sequence[str] | None, stage: int, defaults: TrainingConfig, description: str) -> None:
    """Tunes the learning rate of a stage as the arguments say; prints the table and how to train with the best rate.

    Raises:
        UserError: see `tuning.tune`.
    """
    arguments = parse_args(argv, stage, defaults, description)
    weights = starts.weights_file(arguments.initial_weights, stage)
    cluster = cluster_of(os.environ)
    print(f"each trial of stage {stage} starts from {starts.told(arguments.initial_weights, stage)}", flush=True)
    import_tensorflow()
    from retinanet.training.devices import all_devices
    from retinanet.training.trials import best_trial, table
    from retinanet.training.tuning import Tuning, tune

    devices = all_devices(cluster, arguments.mixed_precision)
    arguments.batch_size = arguments.batch_size or defaults.batch_size * devices.count
    with place_of_trials(arguments.logs, cluster) as logs:
        # nothing is written before every process has its copy of the trials
        devices.check_alike(arguments.learning_rates, arguments.epochs, arguments.batch_size)
        trials = tune(
            Tuning(
                stage=stage,
                dataset_paths=arguments.dataset_path,
                validation_paths=arguments.validation_path or arguments.dataset_path,
                learning_rates=arguments.learning_rates,
                epochs=arguments.epochs,
                batch_size=arguments.batch_size,
                logs=logs,
                initial_weights=weights,
                defaults=defaults,
                devices=devices,
                seed=arguments.seed,
                overwrite=arguments.overwrite,
            )
        )
    if not cluster.writes:
        return
    best = best_trial(trials)
    print(f"\n{table(trials, stage)}\n\nbest learning rate: {best.learning_rate:g}; train with it:")
    print(f"  python train_stage{stage}.py {_training_arguments(arguments, defaults, best.learning_rate)}")
    print(f"the table and the curves: tensorboard --logdir {shlex.quote(str(arguments.logs))} --port 6006")


def parse_args(
    argv: Sequence[str] | None, stage: int, defaults: TrainingConfig, description: str
) -> argparse.Namespace:
    """Returns the checked arguments; every path exists and every number is in its range."""
    name = f"stage{stage}"
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_training_arguments(parser, stage, defaults)
    parser.set_defaults(initial_weights=starts.IMAGENET)
    parser.add_argument(
        "--learning_rates",
        nargs="+",
        type=positive_float,
        default=list(LEARNING_RATES),
        metavar="RATE",
        help=f"the grid, each tried once (default: {' '.join(f'{rate:g}' for rate in LEARNING_RATES)})",
    )
    parser.add_argument("--epochs", type=positive_int, default=EPOCHS, help=f"of each trial ({EPOCHS})")
    parser.add_argument(
        "--logs",
        type=Path,
        default=ROOT / "logs" / name / "hparam_tuning",
        metavar="DIR",
        help="for TensorBoard; an interrupted tuning goes on with the trials that are left there "
        f"(logs/{name}/hparam_tuning)",
    )
    parser.add_argument(
        "--overwrite",
        type=boolean,
        default=False,
        metavar="True|False",
        help="start anew: drop the trials that stand in --logs (default: False)",
    )
    arguments = parser.parse_args(argv)
    if len(set(arguments.learning_rates)) < len(arguments.learning_rates):
        parser.error("--learning_rates: one of them is given twice")
    if arguments.logs.exists() and not arguments.logs.is_dir():
        parser.error(f"--logs: expected a folder, found a file: {arguments.logs}")
    return arguments


def _training_arguments(arguments: argparse.Namespace, defaults: TrainingConfig, rate: float) -> str:
    """Returns the arguments that make a training script train as the trials did, with this rate and its own epochs."""
    words = ["--dataset_path", *map(str, arguments.dataset_path)]
    if arguments.validation_path:
        words += ["--validation_path", *map(str, arguments.validation_path)]
    if arguments.batch_size != defaults.batch_size:
        words += ["--batch_size", str(arguments.batch_size)]
    if arguments.mixed_precision != cards.AUTO:
        words += [cards.OPTION, arguments.mixed_precision]
    if arguments.initial_weights != starts.IMAGENET:
        words += ["--initial_weights", arguments.initial_weights]
    return shlex.join([*words, "--learning_rate", f"{rate:g}"])
