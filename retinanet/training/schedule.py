"""How a training learns: batch and learning rate by the number of devices, their schedule, and the optimizer."""

import dataclasses
import math
import warnings

import keras

from retinanet.config import TrainingConfig
from retinanet.models.optimizers import AdamW, LossScaling


def scaled(defaults: TrainingConfig, given: dict[str, int | float], devices: int) -> TrainingConfig:
    """Returns how a fresh training learns: the default batch on each device, and the learning rate that fits the batch.

    Adam's steps keep their noise where the rate grows with the square root of the batch (Malladi et al., 2022, On the
    SDEs and Scaling Rules for Adaptive Gradient Algorithms).

    Args:
        defaults: of one device.
        given: fields that the user gave, which are taken as they are.
        devices: that share each batch.
    """
    batch_size = given.get("batch_size", defaults.batch_size * devices)
    rate = defaults.learning_rate * math.sqrt(batch_size / defaults.batch_size)
    values = dataclasses.asdict(defaults) | {"batch_size": batch_size, "learning_rate": rate} | given
    return TrainingConfig(**values)


def told(config: TrainingConfig, defaults: TrainingConfig, given: dict[str, int | float], devices: int) -> str:
    """Returns in words what a step is: the batch of all devices, and where its learning rate comes from."""
    text = f"{config.batch_size} examples a step"
    if devices > 1:
        text += f", {config.batch_size // devices} on each device"
    text += f"; learning rate {config.learning_rate:.3g}"
    if "learning_rate" in given:
        return f"{text} as given"
    if config == scaled(defaults, given, devices) and config.batch_size != defaults.batch_size:
        text += f" = {defaults.learning_rate:g} x the square root of {config.batch_size} / {defaults.batch_size}"
    return text


def compile_model(model: keras.Model, config: TrainingConfig, steps: int, scales_loss: bool) -> None:
    """Compiles a fresh model, or gives a resumed one's optimizer the schedule of this run.

    Args:
        model: made in the same scope of devices.
        config: how it is trained.
        steps: of an epoch.
        scales_loss: whether gradients are computed in float16, which underflows.
    """
    # KerasCV names its input and is given the pictures alone, as its own documentation does.
    warnings.filterwarnings("ignore", message="The structure of `inputs` doesn't match")
    total = config.epochs * steps
    warmup = max(1, round(config.warmup_share * total))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / 20,
        decay_steps=total - warmup,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
    )
    if model.compiled:
        optimizer = model.optimizer
        optimizer.learning_rate = schedule
        if not scales_loss:
            return
    else:
        optimizer = AdamW(learning_rate=schedule, weight_decay=config.weight_decay, global_clipnorm=config.clip_norm)
    model.compile(LossScaling(optimizer) if scales_loss else optimizer)
