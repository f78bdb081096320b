"""The model of each stage."""

from retinanet.models.stage1 import Stage1RetinaNet
from retinanet.models.stage2 import Stage2RetinaNet
from retinanet.models.trainable import TrainableModel

MODELS: dict[int, type[TrainableModel]] = {model.stage: model for model in (Stage1RetinaNet, Stage2RetinaNet)}
