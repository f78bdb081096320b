"""The examples of a training as its devices take them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet.config import ModelConfig, TrainingConfig
from retinanet.datasets.input_pipeline import WHOLE, training_batches, validation_batches
from retinanet.training.devices import Devices


@dataclasses.dataclass(frozen=True)
class Batches:
    """What a training learns from and is measured on.

    Attributes:
        training: batches as `fit` takes them, each device's share.
        validation: the same of the validation split.
        unshared_validation: the validation batches, whole.
        count: training examples.
        validation_count: examples of `unshared_validation`.
        steps: of an epoch.
        validation_steps: to go through `validation` once.
    """

    training: object
    validation: object
    unshared_validation: object
    count: int
    validation_count: int
    steps: int
    validation_steps: int


def batches_of(
    paths: Sequence[Path],
    validation_paths: Sequence[Path],
    model_config: ModelConfig,
    config: TrainingConfig,
    devices: Devices,
    seed: int,
) -> Batches:
    """Returns the batches of a training.

    Raises:
        UserError: a dataset does not fit, or there are too few examples for the batch or for the devices.
    """
    size, limit = config.batch_size, config.validation_limit
    if size % devices.count:
        raise UserError(
            f"a batch of {size} examples cannot be shared by {devices.count} devices; give a multiple of "
            f"{devices.count} as --batch_size"
        )

    def training(share=WHOLE):
        return training_batches(paths, model_config, size, seed, share)

    def validation(share=WHOLE):
        return validation_batches(validation_paths, model_config, size, "validation", limit, share)

    _, count = training()
    if count < size:
        raise UserError(f"{count} training examples make no batch of {size}; give a smaller --batch_size")
    unshared, validation_count = validation()
    shared_count = validation_count - validation_count % devices.count
    if not shared_count:
        raise UserError(
            f"{validation_count} validation examples cannot be shared by {devices.count} devices; give more as "
            "--validation_path"
        )
    return Batches(
        devices.distributed(lambda share: training(share)[0]),
        devices.distributed(lambda share: validation(share)[0]),
        unshared,
        count,
        validation_count,
        count // size,
        -(-shared_count // size),
    )
