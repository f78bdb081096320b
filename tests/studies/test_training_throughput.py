import pytest

from retinanet.models.backbones import BACKBONES
from retinanet.models.stages import MODELS
from retinanet.studies import training_throughput
from tests.training import tiny_training


def test_the_first_step_does_not_count(monkeypatch):
    now = 0.0
    durations = iter([100.0, 0.5, 0.5, 1.0])

    def step():
        nonlocal now
        now += next(durations)

    monkeypatch.setattr(training_throughput.time, "perf_counter", lambda: now)
    monkeypatch.setattr(training_throughput.time, "process_time", lambda: 3 * now)
    assert training_throughput.throughput(step, 3, 8) == pytest.approx((12, 250))


def test_table(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(BACKBONES, "tiny", tiny_training.TINY)
    monkeypatch.setattr(MODELS[2], "default_config", tiny_training.tiny_config(2))
    tiny_training.write_datasets(tmp_path)
    training_throughput.main(["--stage", "2", "--dataset_path", str(tmp_path), "--batch_size", "4", "--steps", "1"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "1 device (CPU:0), float32, stage 2, 4 examples a step"
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert cells[0][1:] == ["examples a second", "processor time an example, ms"]
    assert [row[0] for row in cells[2:5]] == ["examples alone", "training alone", "both"]
    assert all(float(row[1]) > 0 and float(row[2]) > 0 for row in cells[2:5])
