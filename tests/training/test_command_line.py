"""What the training scripts say before they import TensorFlow."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import train_stage1
from deploy.recognition.errors import UserError
from retinanet.files import lock_file
from retinanet.training import starts

ROOT = Path(train_stage1.__file__).parent


def test_resuming_on_a_fresh_clone_is_one_line_at_once(tmp_path):
    command = [sys.executable, ROOT / "train_stage1.py", "--dataset_path", tmp_path, "--resume_training", "True"]
    command += ["--output", tmp_path / "stage1.keras"]
    start = time.process_time()
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    (line,) = run.stderr.splitlines()
    assert run.returncode == 2 and not run.stdout
    assert "nothing to resume: train first with --resume_training False" in line
    assert "--initial_weights shipped" in line
    assert time.process_time() - start < 1
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", *command[1:]], capture_output=True, text=True, check=False
    ).stderr
    assert " tensorflow" not in listed and " keras" not in listed


def test_a_second_training_says_that_the_first_runs(tmp_path):
    output = tmp_path / "new" / "stage1.keras"
    with (
        lock_file(output, "training"),
        pytest.raises(UserError, match=r"stage1.keras: another training is writing there \(process \d+\); wait"),
    ):
        train_stage1.main(["--dataset_path", str(tmp_path), "--output", str(output)])
    assert not list(output.parent.iterdir())


def test_words_and_files_to_start_from(tmp_path):
    assert starts.weights_file("none", 1) is None
    assert starts.weights_file("shipped", 2) == ROOT / "deploy" / "retinanet" / "stage2.keras"
    imagenet = starts.weights_file("imagenet", 1)
    assert imagenet.stat().st_size < 7_000_000
    with pytest.raises(UserError, match="--initial_weights nothing: no such file: nothing; expected imagenet, shipped"):
        starts.weights_file("nothing", 1)
    (tmp_path / "own.keras").write_text("")
    assert starts.weights_file(str(tmp_path / "own.keras"), 1) == tmp_path / "own.keras"
    assert starts.told("shipped", 1).endswith("deploy/retinanet/stage1.keras")
    assert starts.told("none", 1) == "random weights"


def test_a_resumed_training_takes_no_weights(tmp_path, capsys):
    with pytest.raises(SystemExit):
        train_stage1.main(["--dataset_path", str(tmp_path), "--resume_training", "True", "--initial_weights", "none"])
    assert "a resumed training goes on from --output" in capsys.readouterr().err
