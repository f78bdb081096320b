"""Folders of models to compare: made with `deploy/prepare_model.py` where they are missing or of other weights."""

import hashlib
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.recognition.errors import UserError
from deploy.recognition.manifest import ONNX, OPENVINO, PRECISIONS, SAVEDMODEL, STAGES, read_manifest

# what runs the models of a format
RUNTIMES = {SAVEDMODEL: "tensorflow", ONNX: "onnxruntime", OPENVINO: "openvino"}


def name_of(folder: Path) -> str:
    """Returns what the models of a folder are called: format and precision.

    Raises:
        UserError: what `read_manifest` says.
    """
    manifest = read_manifest(folder)
    return f"{manifest['format']} {manifest['precision']}"


def missing_formats(folders: Sequence[Path]) -> list[tuple[str, str]]:
    """Returns the formats and precisions that none of the folders holds and whose runtime is installed.

    Raises:
        UserError: what `read_manifest` says.
    """
    present = [name_of(folder) for folder in folders]
    return [
        (model_format, precision)
        for model_format, precisions in PRECISIONS.items()
        if importlib.util.find_spec(RUNTIMES[model_format])
        for precision in precisions
        if f"{model_format} {precision}" not in present
    ]


def make_missing(root: Path, formats: Sequence[tuple[str, str]], deploy: Path) -> list[Path]:
    """Returns a folder of models for each format and precision, made anew where it is not of these weights.

    Args:
        root: folder of the folders.
        formats: pairs of a format and a precision.
        deploy: the folder with `prepare_model.py` and the weights, `retinanet/stage1.keras` and `stage2.keras`.

    Raises:
        UserError: a folder could not be made; the script has said why.
    """
    prepare_model, weights = deploy / "prepare_model.py", deploy / "retinanet"
    folders = []
    for model_format, precision in formats:
        folder = root / f"{model_format}_{precision}"
        if not _is_current(folder, weights):
            print(f"== making {folder}", flush=True)
            options = ["--format", model_format, "--precision", precision, "--keras-dir", weights, "--output", folder]
            made = subprocess.run([sys.executable, prepare_model, *map(str, options)], check=False)
            if made.returncode:
                raise UserError(f"{folder}: could not be made; {prepare_model.name} has said why")
        folders.append(folder)
    return folders


def _is_current(folder: Path, weights: Path) -> bool:
    try:
        manifest = read_manifest(folder)
    except UserError:
        return False
    return all(
        manifest[stage].get("made_from") == hashlib.sha256((weights / f"{stage}.keras").read_bytes()).hexdigest()
        for stage in STAGES
    )
