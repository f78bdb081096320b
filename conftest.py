"""Keeps pytest from taking scripts for tests, and from tests that need Keras where it is not installed."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parent
# what `make test-fast` leaves out
NEED_KERAS = (
    "benchmark",
    "export",
    "images",
    "models",
    "serving",
    "training",
    "datasets/test_builders.py",
    "datasets/test_shares.py",
    "datasets/test_sources.py",
    "evaluation/test_recognition_rate.py",
    "evaluation/test_stage1.py",
    "recognition/test_exported_models.py",
    "recognition/test_large_and_heic_photos.py",
    "scripts",
    "studies",
)

collect_ignore = [path.name for path in ROOT.glob("test_*.py")]
if not importlib.util.find_spec("keras"):
    collect_ignore += [f"tests/{name}" for name in NEED_KERAS]
