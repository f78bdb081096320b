import json
import math
from types import SimpleNamespace

import pytest

import tune_hyper_parameters_stage1
import tune_hyper_parameters_stage2
from deploy.recognition.errors import UserError
from retinanet.datasets import builders
from retinanet.training import devices, loop, tuning
from retinanet.training.callbacks import DivergedError
from retinanet.training.trials import Trial, best_trial, table
from tests.tiny_crops import crop

# KerasTuner asks for the thread's name the old way.
pytestmark = pytest.mark.filterwarnings("ignore:(currentThread|getName):DeprecationWarning")
RATES = ("0.001", "0.0001", "0.00001")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage2")
    crops = [crop(number, "train") for number in range(8)] + [crop(9, "validation")]
    builders.build(crops, 2, folder, workers=1)
    return folder


class FakeTraining:
    """Trains nothing: every rate has its loss and its figure; an epoch can be told to fail or to be interrupted."""

    def __init__(self):
        self.runs, self.fails = [], {}

    def train(self, run):
        rate = run.given["learning_rate"]
        self.runs.append(run)
        history = json.loads(run.output.read_text()) if run.resume else []
        for epoch in range(len(history), run.given["epochs"]):
            if (rate, epoch) in self.fails:
                raise self.fails.pop((rate, epoch))
            share = (epoch + 1) / run.given["epochs"]
            history.append({"loss": 1.0, "val_loss": 100 * rate / share, "val_windows_read": share * (1 - rate)})
            run.output.write_text(json.dumps(history))

    @property
    def rates(self):
        return [run.given["learning_rate"] for run in self.runs]


@pytest.fixture
def fake(monkeypatch):
    fake = FakeTraining()
    monkeypatch.setattr(tuning, "train", fake.train)
    monkeypatch.setattr(tuning, "_history", lambda state, stage: json.loads(state.read_text()))
    monkeypatch.setattr(tuning, "load_model", lambda path, stage: None)
    return fake


@pytest.fixture
def arguments(dataset, tmp_path):
    return ["--dataset_path", str(dataset), "--logs", str(tmp_path / "logs"), "--batch_size", "4", "--learning_rates",
            *RATES]  # fmt: skip


def tune(arguments, *more):
    tune_hyper_parameters_stage2.main([*arguments, *more])


def test_every_rate_is_a_fresh_training_of_its_own(fake, arguments, dataset, tmp_path, capsys):
    tune(arguments, "--epochs", "2")
    assert fake.rates == [1e-3, 1e-4, 1e-5]
    assert [run.resume for run in fake.runs] == [False] * 3
    assert len({run.logs for run in fake.runs}) == 3
    assert fake.runs[0].given == {"learning_rate": 1e-3, "epochs": 2, "batch_size": 4}
    assert fake.runs[0].initial_weights.name == "efficientnet_lite0.npz"
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split() for line in lines if line.endswith("%") or line.endswith("best")]
    assert rows == [
        ["0.001", "0.1000", "99.9%"],
        ["0.0001", "0.0100", "100.0%"],
        ["1e-05", "0.0010", "100.0%", "best"],
    ]
    assert f"  python train_stage2.py --dataset_path {dataset} --batch_size 4 --learning_rate 1e-05" in lines
    assert f"tensorboard --logdir {tmp_path / 'logs'} --port 6006" in lines[-1]
    assert not list(tmp_path.rglob("*.keras"))


def test_logged_for_the_hparams_plugin(fake, arguments, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    def logged(folder, tag):
        contents = EventAccumulator(str(folder)).Reload().PluginTagToContent("hparams")
        return plugin_data_pb2.HParamsPluginData.FromString(contents[tag])

    fake.fails[(1e-4, 0)] = DivergedError("the loss is not a number any more")
    tune(arguments, "--epochs", "1")
    logs = tmp_path / "logs"
    experiment = logged(logs, metadata.EXPERIMENT_TAG).experiment
    assert [(metric.name.tag, metric.name.group) for metric in experiment.metric_infos] == [
        ("epoch_loss", "validation"),
        ("epoch_windows_read", "validation"),
    ]
    start = logged(logs / "learning_rate=0.001", metadata.SESSION_START_INFO_TAG).session_start_info
    assert start.hparams["learning_rate"].number_value == 1e-3
    ends = [logged(logs / f"learning_rate={rate:g}", metadata.SESSION_END_INFO_TAG) for rate in (1e-3, 1e-4, 1e-5)]
    success, failure = api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE
    assert [end.session_end_info.status for end in ends] == [success, failure, success]


def test_interrupted_goes_on_with_what_is_left(fake, arguments, capsys):
    fake.fails[(1e-4, 1)] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        tune(arguments, "--epochs", "3")
    assert fake.rates == [1e-3, 1e-4]
    fake.runs.clear()
    tune(arguments, "--epochs", "3")
    # the interrupted trial keeps its first epoch
    assert fake.rates == [1e-4, 1e-5]
    assert [run.resume for run in fake.runs] == [True, False]
    assert "0.001" in capsys.readouterr().out
    fake.runs.clear()
    tune(arguments, "--epochs", "3")
    assert fake.rates == []
    assert "best learning rate: 1e-05" in capsys.readouterr().out


@pytest.mark.parametrize("failing", [1e-3, 1e-5])
def test_a_rate_that_diverges_is_a_failed_trial(fake, arguments, capsys, failing):
    fake.fails[(failing, 1)] = DivergedError("the loss is not a number any more")
    tune(arguments, "--epochs", "3")
    assert len(fake.rates) == 3
    shown = capsys.readouterr().out
    assert f"learning rate {failing:g} failed: the loss is not a number any more" in shown
    assert [line.split()[0] for line in shown.splitlines() if line.endswith("failed: the loss diverged")] == [
        f"{failing:g}"
    ]
    fake.runs.clear()
    tune(arguments, "--epochs", "3")
    assert fake.rates == []


def test_no_rate_left_is_an_error(fake, arguments):
    fake.fails = {(rate, 0): DivergedError("the loss is not a number any more") for rate in (1e-3, 1e-4, 1e-5)}
    with pytest.raises(UserError, match="every trial failed"):
        tune(arguments, "--epochs", "1")


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), UserError("the disk is full")])
def test_other_errors_are_no_failed_trials(fake, arguments, error):
    fake.fails[(1e-3, 0)] = error
    with pytest.raises(type(error), match=str(error)):
        tune(arguments, "--epochs", "1")
    tune(arguments, "--epochs", "1")
    assert fake.rates == [1e-3, 1e-3, 1e-4, 1e-5]


def test_another_tuning_does_not_mix(fake, arguments, dataset, tmp_path):
    tune(arguments, "--epochs", "1")
    with pytest.raises(UserError, match="holds trials with other learning rates, epochs; give --overwrite True"):
        tune(arguments[:-1], "--epochs", "2")
    other = tmp_path / "other"
    builders.build([crop(1, "train"), crop(2, "train"), crop(3, "validation")] * 3, 2, other, workers=1)
    with pytest.raises(UserError, match="holds trials with other datasets, validation;"):
        tune([*arguments, "--dataset_path", str(other)], "--epochs", "1")
    fake.runs.clear()
    tune(arguments[:-1], "--epochs", "2", "--overwrite", "True")
    assert fake.rates == [1e-3, 1e-4]
    assert not (tmp_path / "logs" / "learning_rate=1e-05").exists()


def test_bad_input(fake, arguments, dataset, tmp_path, capsys):
    with pytest.raises(UserError, match="stage 1 needs meter_values_dataset_stage1"):
        tune_hyper_parameters_stage1.main(["--dataset_path", str(next(dataset.iterdir()))])
    with pytest.raises(UserError, match="8 training examples make no batch of 9; give a smaller --batch_size"):
        tune(arguments, "--batch_size", "9")
    for more, message in (
        (["--learning_rates", "0.1", "1e-1"], "given twice"),
        (["--learning_rates", "-1"], "expected a number above 0"),
        (["--epochs", "0"], "expected a whole number from 1"),
        (["--logs", str(next(dataset.rglob("features.json")))], "expected a folder, found a file"),
    ):
        with pytest.raises(SystemExit) as stop:
            tune([*arguments, *more])
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "logs").exists()


def test_each_device_takes_the_default_batch(fake, arguments, monkeypatch):
    monkeypatch.setattr(devices, "all_devices", lambda *_: SimpleNamespace(count=4, check_alike=lambda *_: None))
    with pytest.raises(UserError, match="8 training examples make no batch of 64"):
        tune([argument for argument in arguments if argument not in ("--batch_size", "4")])
    tune(arguments, "--epochs", "1")
    assert {run.devices.count for run in fake.runs} == {4} and fake.runs[0].given["batch_size"] == 4


def test_the_command_to_train_with_keeps_the_precision(fake, arguments, capsys):
    tune(arguments, "--epochs", "1", "--mixed_precision", "float32")
    assert "--batch_size 4 --mixed_precision float32 --learning_rate 1e-05" in capsys.readouterr().out


def test_weights_of_the_other_stage(arguments):
    shipped = loop.Path(tune_hyper_parameters_stage2.__file__).parent / "deploy" / "retinanet" / "stage1.keras"
    with pytest.raises(UserError, match="a model of stage 1; expected one of stage 2"):
        tune(arguments, "--initial_weights", str(shipped))


def test_the_best_has_the_largest_figure_then_the_least_loss():
    trials = [Trial(0.1), Trial(0.2, 3.0, 0.5), Trial(0.3, 2.0, 0.5), Trial(0.4, 1.0, 0.4)]
    assert best_trial(trials).learning_rate == 0.3
    assert math.isnan(trials[0].figure) and trials[0].failed
    assert table(trials, 1).splitlines()[0].split("  ")[-1].strip() == "windows found"


def test_real_trials_of_which_one_diverges(dataset, tmp_path, capsys):
    arguments = ["--dataset_path", str(dataset), "--logs", str(tmp_path), "--batch_size", "2", "--epochs", "1"]
    tune_hyper_parameters_stage2.main([*arguments, "--learning_rates", "1e30", "1e-4"])
    shown = capsys.readouterr().out
    assert "learning rate 1e+30 failed: the loss is not a number" in shown
    assert "best learning rate: 0.0001" in shown
    assert list((tmp_path / "learning_rate=0.0001" / "validation").glob("events.out.tfevents*"))
