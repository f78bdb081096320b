"""A Keras model as recognition runs exported ones: from pictures to candidates, and from these to objects."""

import functools

import keras
import numpy as np

from deploy.recognition.networks import Detector


class KerasNetwork:
    """A model of either stage as a network of `deploy.recognition.networks`: pictures in, candidates out."""

    # pictures in one call
    batch = 64

    def __init__(self, model):
        def candidates(images):
            return model.candidates(model.forward(images))

        self._candidates = candidates
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            self._candidates = tf.function(candidates)

    def __call__(self, images) -> dict[str, np.ndarray]:
        """Returns the candidates by name for at most `batch` pictures (n, height, width, 3), RGB, 0..255."""
        return {name: keras.ops.convert_to_numpy(value) for name, value in self._candidates(images).items()}


def detector(model) -> Detector:
    """Returns what finds the objects in pictures with a model of either stage, as exported models do."""
    return Detector(KerasNetwork(model), functools.partial(model.find, rules=model.suppression))
