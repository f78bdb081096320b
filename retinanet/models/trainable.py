"""What both stages add to a Keras model, so that a file of it can be trained on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import keras
import numpy as np

from deploy.recognition.suppression import Suppression
from retinanet.config import ModelConfig
from retinanet.models import optimizers, replicas

if TYPE_CHECKING:
    from keras import Model as _Model
else:
    # Keras would take a second model among the bases for a functional one
    _Model = object


class TrainableModel(_Model):
    """What both stages add to a Keras model: a configuration and a training state that travel in the file.

    Attributes:
        stage: 1 or 2.
        default_config: of a fresh model.
        find: from the candidates of one picture, and `suppression`, to its objects.
        suppression: how candidates become objects; it goes into the manifest of exported models.
        model_config: sizes, anchors and class names.
        training_state: JSON-ready figures of the training so far, such as the epochs done.
    """

    stage: int
    default_config: ModelConfig
    find: Callable[..., dict[str, np.ndarray]]
    suppression: Suppression
    model_config: ModelConfig
    training_state: dict

    def own_config(self) -> dict:
        """Returns the configuration from which `from_config` builds the model anew."""
        return {
            "model_config": self.model_config.to_dict(),
            "training_state": dict(getattr(self, "training_state", {})),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects=None):
        """Builds the model with fresh weights; Keras then loads those of the file."""
        model = cls(ModelConfig.from_dict(config["model_config"]), name=config["name"])
        model.training_state = dict(config["training_state"])
        return model

    def forward(self, images):
        """Returns the raw predictions for RGB pixels (batch, height, width, 3), 0..255, as used after training."""
        return self(images, training=False)

    def candidates(self, predictions: dict) -> dict:
        """Returns what `find` takes, with a batch in front, from the raw predictions, as tensors."""
        raise NotImplementedError

    def compile(self, optimizer, **kwargs):
        """Compiles with the stage's own losses; an optimizer that is to scale the loss does so already.

        Within the scope of a `tf.distribute` strategy for a training on its devices.
        """
        keras.Model.compile(self, optimizer=optimizer, jit_compile=False, auto_scale_loss=False, **kwargs)
        replicas.synchronize_normalization(self)
        optimizer.build(self.trainable_variables)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Returns the figures of a step, as arrays of one number where Keras takes the mean over several workers."""
        figures = keras.Model.compute_metrics(self, x, y, y_pred, sample_weight)
        if replicas.trains_on_several_workers():
            return {name: keras.ops.reshape(value, (1,)) for name, value in figures.items()}
        return figures

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        # All is built. Of several devices Keras would take a batch away from the first epoch to see its shape, and the
        # mean of several workers' batches, which fails.
        pass

    def get_compile_config(self) -> dict:
        """Returns the optimizer; the losses belong to the stage."""
        if not self.compiled:
            return {}
        return {"optimizer": optimizers.described(self.optimizer)}

    def compile_from_config(self, config: dict) -> None:
        """Compiles with the saved optimizer, whose variables Keras then loads."""
        if not config:
            return
        self.compile(optimizer=optimizers.from_description(config["optimizer"]))
