"""Saving and loading of `.keras` files: whole states, written so that no kill can damage them."""

import zipfile
from pathlib import Path

import keras

from deploy.recognition.errors import UserError
from retinanet.files import write_then_move
from retinanet.models.stages import MODELS


def save_atomically(model: keras.Model, path: Path, include_optimizer: bool = True) -> None:
    """Writes a `.keras` file beside its place and then moves it there, so that a kill leaves the old one whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not include_optimizer:
        # Keras 3 always saves the optimizer of a compiled model: save one that never had any.
        weights = model.get_weights()
        model = type(model).from_config(model.get_config())
        model.set_weights(weights)
    with write_then_move(path) as unfinished:
        model.save(unfinished)


def load_model(path: Path, stage: int) -> keras.Model:
    """Returns the model of a `.keras` file that this project wrote.

    Raises:
        UserError: there is no such file, it is damaged, it is not ours, or it is of the other stage.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected the weights of stage {stage} (.keras)")
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path}: damaged or not a .keras file; train again or take a copy that is whole")
    with zipfile.ZipFile(path) as archive:
        broken = archive.testzip() if "config.json" in archive.namelist() else "config.json"
        if broken:
            raise UserError(f"{path}: damaged: {broken} cannot be read; train again or take a copy that is whole")
        description = archive.read("config.json").decode()
    found = [number for number, model in MODELS.items() if model.__name__ in description]
    if not found:
        raise UserError(f"{path}: a Keras model, but not one of this project; expected a stage {stage} model")
    if found != [stage]:
        raise UserError(f"{path}: a model of stage {found[0]}; expected one of stage {stage}")
    return keras.models.load_model(path)
