"""Saving and loading of `.keras` files: whole states, written so that no kill can damage them."""

import contextlib
import json
import math
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import keras

from deploy.recognition.errors import UserError
from retinanet.config import MODEL_CONFIGS, ModelConfig
from retinanet.files import write_then_move
from retinanet.models.backbones import BACKBONES
from retinanet.models.half_weights import store_half
from retinanet.models.optimizers import LossScaling
from retinanet.models.stages import MODELS

CONFIG_FILE = "config.json"
# ours have some 50 MB with their optimizer
MOST_BYTES = 1_000_000_000
MOST_PIXELS_A_SIDE = 4096
# what Keras raises on a file whose parts are not what they say they are
_UNFIT = (ValueError, TypeError, KeyError, IndexError, AttributeError, OSError, RuntimeError, ImportError)


def save_atomically(model: keras.Model, path: Path, include_optimizer: bool = True, half: bool = False) -> None:
    """Writes a `.keras` file beside its place and then moves it there, so that a kill leaves the old one whole.

    The file is the same whatever the model was trained in: a factor on the loss, which float16 needs, is left out.

    Args:
        model: of either stage.
        path: of the file; the folders above it are made.
        include_optimizer: whether it is a state that a training goes on from.
        half: whether weights are stored as float16.

    Raises:
        UserError: it cannot be written; nothing of it is left then.
    """
    if not include_optimizer:
        # Keras 3 always saves the optimizer of a compiled model: save one that never had any.
        weights = model.get_weights()
        model = type(model).from_config(model.get_config())
        model.set_weights(weights)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_then_move(path) as unfinished, _without_loss_scaling(model):
            model.save(unfinished)
            if half:
                store_half(unfinished)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be written: {error.strerror or error}; what stood there before is as it was"
        ) from error


@contextlib.contextmanager
def _without_loss_scaling(model: keras.Model) -> Iterator[None]:
    optimizer = getattr(model, "optimizer", None)
    if not isinstance(optimizer, LossScaling):
        yield
        return
    model.optimizer = optimizer.inner_optimizer
    try:
        yield
    finally:
        model.optimizer = optimizer


def load_model(path: Path, stage: int) -> keras.Model:
    """Returns the model of a `.keras` file that this project wrote.

    Nothing is built of what the file names before it is seen to be one of our models, trained by our optimizer.

    Raises:
        UserError: there is no such file, it is damaged, it is not ours, or it is of the other stage.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the weights of stage {stage} (.keras)")
    description = _description(path)
    ours = {f"meter_reader>{model.__name__}": number for number, model in MODELS.items()}
    found = ours.get(str(description.get("registered_name")))
    if found is None or description.get("class_name") != MODELS[found].__name__:
        raise UserError(f"{path}: a Keras model, but not one of this project; expected a stage {stage} model")
    if found != stage:
        raise UserError(f"{path}: a model of stage {found}; expected one of stage {stage}")
    try:
        _check_config(description, stage)
        return keras.models.load_model(path)
    except _UNFIT as error:
        cause = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not as this project writes models: {cause or error!r}; take another copy") from error


def _description(path: Path) -> dict:
    """Returns what the file says of its model, after reading all of it once."""
    advice = "train again or take a copy that is whole"
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                raise UserError(f"{path}: holds more than {MOST_BYTES / 1e9:g} GB; not a model of this project")
            broken = archive.testzip() if CONFIG_FILE in archive.namelist() else CONFIG_FILE
            if broken:
                raise UserError(f"{path}: damaged: {broken} cannot be read; {advice}")
            description = json.loads(archive.read(CONFIG_FILE))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError) as error:
        raise UserError(f"{path}: damaged or not a .keras file; {advice}") from error
    except (ValueError, RecursionError, RuntimeError) as error:
        raise UserError(f"{path}: damaged: {CONFIG_FILE} cannot be read; {advice}") from error
    return description if isinstance(description, dict) else {}


def _check_config(description: dict, stage: int) -> None:
    """Raises ValueError, KeyError or TypeError where the description is none that `own_config` wrote."""
    values = description["config"]
    config = ModelConfig.from_dict(values["model_config"])
    expected = MODEL_CONFIGS[stage]
    sides = (config.input_height, config.input_width)
    sizes = (*sides, config.pyramid_channels, config.head_layers)
    if config.stage != stage or config.class_names != expected.class_names:
        raise ValueError(f"the classes {config.class_names}, expected {expected.class_names}")
    if not isinstance(config.backbone, str) or config.backbone not in BACKBONES:
        raise ValueError(f"the backbone {config.backbone!r}, expected one of {', '.join(BACKBONES)}")
    if any(type(size) is not int for size in sizes):
        raise ValueError(f"the sizes {sizes}, expected whole numbers")
    if any(not 32 <= side <= MOST_PIXELS_A_SIDE or side % 32 for side in sides):
        raise ValueError(f"the input size {sides[1]} x {sides[0]}, expected multiples of 32 to {MOST_PIXELS_A_SIDE}")
    if not 1 <= config.pyramid_channels <= 1024 or not 0 <= config.head_layers <= 16:
        raise ValueError(f"{config.pyramid_channels} channels and {config.head_layers} layers of the heads")
    anchors = (config.anchor_sizes, config.anchor_scales, config.anchor_aspect_ratios)
    if any(not 1 <= len(numbers) <= 16 or not all(0 < number < math.inf for number in numbers) for numbers in anchors):
        raise ValueError("anchors that are no numbers above 0")
    if not set(config.strides) <= {8, 16, 32} or len(config.strides) != len(config.anchor_sizes):
        raise ValueError(f"the strides {config.strides}, expected some of 8, 16 and 32, one for each anchor size")
    if not isinstance(values["training_state"], dict) or not isinstance(values["name"], str):
        raise TypeError("no training state")
    optimizer = (description.get("compile_config") or {}).get("optimizer")
    if optimizer is not None:
        rate = optimizer["config"]["learning_rate"]
        known = [optimizer["module"], optimizer["class_name"]] == ["keras.optimizers", "AdamW"]
        if isinstance(rate, dict):
            known = known and rate["module"] == "keras.optimizers.schedules" and rate["class_name"] == "CosineDecay"
        if not known:
            raise ValueError("an optimizer that this project does not use")
