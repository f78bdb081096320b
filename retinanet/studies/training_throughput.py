"""Whether the input pipeline keeps up with the devices that a stage is trained on: examples a second.

    python -m retinanet.studies.training_throughput --stage 2 --dataset_path datasets/mbarira

*Examples alone* are read and augmented and thrown away, *training alone* sees one batch again and again, *both* is what
a training does. Where both is near the first and far from the second, the devices wait for examples. The processor time
counts all cores, and does not depend on what else the machine does.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence

from retinanet import cli
from retinanet.config import STAGE1_TRAINING, STAGE2_TRAINING
from retinanet.text_tables import markdown
from retinanet.training import cards
from retinanet.training.cluster import cluster_of


def throughput(step: Callable[[], object], steps: int, batch_size: int) -> tuple[float, float]:
    """Returns (examples a second, milliseconds of this process's processor time an example) of a step.

    A step takes a batch; the first one does not count.
    """
    step()
    start, processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step()
    examples = steps * batch_size
    return examples / (time.perf_counter() - start), 1000 * (time.process_time() - processor) / examples


def measured(arguments: argparse.Namespace, devices, batch_size: int) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yields what is measured, in words, with its `throughput`."""
    from retinanet.datasets.input_pipeline import training_batches
    from retinanet.models.stages import MODELS
    from retinanet.training.schedule import compile_model

    defaults = {1: STAGE1_TRAINING, 2: STAGE2_TRAINING}[arguments.stage]
    model_class = MODELS[arguments.stage]
    with devices.scope():
        model = model_class(model_class.default_config)
        compile_model(model, defaults, arguments.steps + 2, scales_loss=devices.precision == cards.FLOAT16)

    def batches(share):
        return training_batches(arguments.dataset_path, model.model_config, batch_size, 0, share)[0]

    examples = iter(devices.distributed(batches))
    yield "examples alone", throughput(lambda: next(examples), arguments.steps, batch_size)
    model.make_train_function()
    again = iter(devices.distributed(lambda share: batches(share).take(share.replicas).cache()))
    yield "training alone", throughput(lambda: model.train_function(again), arguments.steps, batch_size)
    yield "both", throughput(lambda: model.train_function(examples), arguments.steps, batch_size)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", type=int, choices=(1, 2), required=True)
    parser.add_argument("--dataset_path", required=True, nargs="+", type=cli.existing_path, metavar="P")
    parser.add_argument("--batch_size", type=cli.positive_int, help="on all devices together (16 on each)")
    parser.add_argument("--steps", type=cli.positive_int, default=30, help="of each measurement (30)")
    parser.add_argument(cards.OPTION, choices=cards.CHOICES, default=cards.AUTO)
    arguments = parser.parse_args(argv)
    cluster = cluster_of(os.environ)
    cli.import_tensorflow()
    from retinanet.training.devices import all_devices, device_errors

    devices = all_devices(cluster, arguments.mixed_precision)
    batch_size = arguments.batch_size or STAGE1_TRAINING.batch_size * devices.count
    with device_errors():
        rows = [
            [name, f"{rate:.1f}", f"{milliseconds:.1f}"]
            for name, (rate, milliseconds) in measured(arguments, devices, batch_size)
        ]
    print(f"{devices}, stage {arguments.stage}, {batch_size} examples a step\n")
    print(markdown([["", "examples a second", "processor time an example, ms"], *rows]))


if __name__ == "__main__":
    cli.run(main)
