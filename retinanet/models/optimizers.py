"""The optimizer of both stages, made so that several devices take the step that one would take."""

import keras
from keras import ops

from retinanet.models.replicas import sum_over_replicas


class AdamW(keras.optimizers.AdamW):
    """Keras' AdamW, which clips the gradients' norm after they are summed over all devices.

    Keras sums them later, so that each device would clip its own share. Files name Keras' class: see `described`.
    """

    def _clip_gradients(self, grads):
        return super()._clip_gradients(sum_over_replicas(list(grads)))

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)


class LossScaling(keras.optimizers.LossScaleOptimizer):
    """Keras' scaling of the loss for float16, which leaves a step out on all devices if one of them overflows."""

    def check_finite(self, grads):
        """Returns whether the gradients of all devices are finite."""
        overflows = ops.cast(ops.logical_not(super().check_finite(grads)), "float32")
        return ops.equal(sum_over_replicas(overflows), 0)


def described(optimizer: keras.optimizers.Optimizer) -> dict:
    """Returns what a file says of the optimizer: Keras' AdamW, whatever number it was trained in and on how many."""
    own = optimizer.inner_optimizer if isinstance(optimizer, LossScaling) else optimizer
    return keras.optimizers.serialize(keras.optimizers.AdamW.from_config(own.get_config()))


def from_description(description: dict) -> AdamW:
    """Returns the optimizer that a file describes, with fresh variables."""
    return AdamW.from_config(description["config"])
