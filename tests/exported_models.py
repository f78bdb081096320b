"""Exported models for tests: those of `make demo` if they are of the shipped weights, or made once a run."""

import functools
import hashlib
import tempfile
from pathlib import Path

from deploy.recognition.errors import UserError
from deploy.recognition.exported_models import STAGES, check_models
from deploy.recognition.manifest import SAVEDMODEL

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "deploy" / "retinanet"
FOLDER = ROOT / "deploy" / "models"


def exported_models(model_format=SAVEDMODEL):
    """A folder of models of the shipped weights; not to be written to."""
    return FOLDER if _are_current(FOLDER, model_format) else fresh_models(model_format)


@functools.cache
def _keep():
    return tempfile.TemporaryDirectory(prefix="meter-models-")


@functools.cache
def fresh_models(model_format=SAVEDMODEL):
    """A folder exported in this run."""
    from retinanet.export.folder import export_models

    folder = Path(_keep().name) / model_format
    export_models(SHIPPED, folder, model_format)
    return folder


def _are_current(folder, model_format):
    try:
        manifest = check_models(folder, model_format)
    except UserError:
        return False
    weights = [hashlib.sha256((SHIPPED / f"{stage}.keras").read_bytes()).hexdigest() for stage in STAGES]
    return "model_version" in manifest and [manifest[stage]["made_from"] for stage in STAGES] == weights
