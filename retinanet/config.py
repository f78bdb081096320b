"""Every default of the models and of their training, in one place."""

import dataclasses
from pathlib import Path
from typing import Any

from deploy.recognition.classes import STAGE1_CLASSES, STAGE2_CLASSES

# the weights that come with the project, stage1.keras and stage2.keras, and the confidence fitted to them
WEIGHTS_FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "retinanet"


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """What both models are made of; it travels inside the `.keras` file.

    Attributes:
        stage: 1 or 2.
        class_names: in the order of the label numbers.
        input_height: pixels; a multiple of 32.
        input_width: pixels; a multiple of 32.
        strides: pixels between anchor centres on the levels that predict: P3, P4 and perhaps P5.
        anchor_sizes: square root of an anchor's area in pixels on each of these levels.
        anchor_scales: factors on the sizes, the same on every level.
        anchor_aspect_ratios: anchor width / height.
        head_layers: convolutions before a head's last one.
        backbone: a name in `retinanet.models.backbones.BACKBONES`.
        pyramid_channels: channels of the feature pyramid and of the heads.
        frozen_until: the last backbone layer that is not trained; its edges and blobs fit any photo as ImageNet
            left them, and a training step becomes a quarter cheaper.
    """

    stage: int
    class_names: tuple[str, ...]
    input_height: int
    input_width: int
    anchor_sizes: tuple[float, ...]
    anchor_scales: tuple[float, ...]
    anchor_aspect_ratios: tuple[float, ...]
    head_layers: int
    strides: tuple[int, ...] = (8, 16, 32)
    backbone: str = "efficientnet_lite0"
    pyramid_channels: int = 64
    frozen_until: str = ""

    @property
    def anchors_per_location(self) -> int:
        """Returns the number of anchor boxes at each place of each pyramid level."""
        return len(self.anchor_scales) * len(self.anchor_aspect_ratios)

    def to_dict(self) -> dict:
        """Returns the configuration as JSON-ready values."""
        values = dataclasses.asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}

    @classmethod
    def from_dict(cls, values: dict) -> "ModelConfig":
        """Returns the configuration that `to_dict` wrote; lists become tuples again."""
        given: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**given)


# Square anchors in steps of 1.7, from 20 to 284 pixels: a window turned by 45 degrees has a square bounding box, so
# its length decides which anchor takes it, not the overlap (window_targets.py). P5 gives the finer levels their view of
# the whole, but predicts nothing itself: a window of 170 pixels is 30 high, and corners found on a grid of 32 pixels
# were off by twice as much as those found on one of 16.
STAGE1 = ModelConfig(
    stage=1,
    class_names=STAGE1_CLASSES,
    input_height=224,
    input_width=224,
    strides=(8, 16),
    anchor_sizes=(20.0, 58.0),
    anchor_scales=(1.0, 1.7, 2.89, 4.9),
    anchor_aspect_ratios=(1.0,),
    head_layers=3,
    frozen_until="block2b_add",
)

# The rectified window is stretched to 256 x 128, so that digits are about 1:3 on an 8-wheel counter and 2:3 on a
# 4-wheel one: tall, narrow anchors for them on P3 and P4, wide ones for the fraction on P5.
STAGE2 = ModelConfig(
    stage=2,
    class_names=STAGE2_CLASSES,
    input_height=128,
    input_width=256,
    anchor_sizes=(42.0, 62.0, 104.0),
    anchor_scales=(1.0, 1.3),
    anchor_aspect_ratios=(0.22, 0.42, 0.85),
    head_layers=2,
)
MODEL_CONFIGS = {config.stage: config for config in (STAGE1, STAGE2)}


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How a stage is trained.

    Attributes:
        epochs: passes over the training split.
        batch_size: examples a step.
        learning_rate: peak of the schedule: linear warm-up, then cosine to zero.
        warmup_share: share of all steps that the warm-up takes.
        weight_decay: of AdamW.
        clip_norm: global gradient norm above which a step is scaled down.
        validation_limit: at most this many examples are looked at after an epoch.
    """

    epochs: int
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup_share: float = 0.03
    weight_decay: float = 1e-4
    clip_norm: float = 10.0
    validation_limit: int = 400


STAGE1_TRAINING = TrainingConfig(epochs=20)
STAGE2_TRAINING = TrainingConfig(epochs=12)
