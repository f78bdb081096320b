"""Scripts start without what TensorFlow notes of the machine."""

import subprocess
import sys
from pathlib import Path

import pytest

import make_dataset

ROOT = Path(make_dataset.__file__).parent


@pytest.mark.parametrize("script", ["train_stage1.py", "tune_hyper_parameters_stage2.py"])
def test_a_path_without_a_dataset_is_the_only_line(script, tmp_path):
    place = "--output" if script.startswith("train") else "--logs"
    command = [sys.executable, ROOT / script, "--dataset_path", tmp_path, place, tmp_path / "state.keras"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    (line,) = run.stderr.splitlines()
    assert "holds no dataset meter_values_dataset_stage" in line


def test_workers_are_silent_too(tmp_path):
    command = [sys.executable, ROOT / "make_dataset.py", "synthetic", "--stage", "2", "--count", "4", "--workers", "2"]
    run = subprocess.run([*command, "--output", tmp_path], capture_output=True, text=True, check=True)
    assert all(line.startswith("stage 2:") for line in run.stderr.replace("\r", "\n").splitlines() if line.strip())


@pytest.mark.parametrize("module", ["input_sizes", "lighter_networks", "same_readings"])
def test_studies_import_nothing_large_for_their_help(module):
    command = [sys.executable, "-m", f"retinanet.studies.{module}", "--help"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "usage:" in run.stdout and not run.stderr
