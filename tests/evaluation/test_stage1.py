import json

import numpy as np
import pytest

import test_stage1
from deploy.recognition.errors import UserError
from retinanet.config import STAGE1
from retinanet.datasets import builders
from retinanet.datasets.records import LabelledPhoto, LabelledWindow
from retinanet.evaluation import all_windows, stage1
from retinanet.evaluation.stage1 import fold_illegible
from tests import fake_meters

LEFT = fake_meters.turned_corners((300, 240), 300, 75, 10)
RIGHT = fake_meters.turned_corners((900, 600), 320, 80, -15)


class FakeModel:
    model_config = STAGE1


def photo(name, picture, *windows):
    labelled = tuple(LabelledWindow(corners, label) for corners, label in windows)
    return LabelledPhoto(name, lambda: picture, "test", name, labelled)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """A found window, one with a label far off, one whose class is another, and a photo without a meter."""
    folder = tmp_path_factory.mktemp("stage1")
    shifted = LEFT + (0, 40)
    records = [
        photo("right.jpg", fake_meters.meter_photo(LEFT), (LEFT, "analog")),
        photo("off.jpg", fake_meters.meter_photo(LEFT), (shifted, "analog")),
        photo("kind.jpg", fake_meters.meter_photo(RIGHT), (RIGHT, "analog_illegible")),
        photo("two.jpg", fake_meters.meter_photo(RIGHT), (RIGHT, "analog"), (LEFT, "digital")),
        photo("none.jpg", np.full((600, 800, 3), 20, np.uint8)),
    ]
    builders.build(records, 1, folder, workers=1)
    return folder


@pytest.fixture
def model(monkeypatch, tmp_path):
    monkeypatch.setattr(stage1, "load_model", lambda path, stage: FakeModel())
    monkeypatch.setattr(fake_meters, "SIZE", STAGE1.input_width)
    fake = fake_meters.Stage1()
    monkeypatch.setattr(all_windows, "detector", lambda model: lambda images: fake(images.astype(np.uint8)))
    path = tmp_path / "stage1.keras"
    path.write_bytes(b"")
    return path


def run(model, dataset, tmp_path, *more):
    output = tmp_path / "result.json"
    test_stage1.main(["--model", str(model), "--dataset", str(dataset), "--json", str(output), *more])
    return json.loads(output.read_text())


def test_binary_counts(model, dataset, tmp_path, capsys):
    picture = tmp_path / "matrix.png"
    result = run(model, dataset, tmp_path, "--picture", str(picture))
    assert (result["photos"], result["windows"]) == (5, 5)
    assert [part["iou_threshold"] for part in result["thresholds"]] == [0.9, 0.75]
    practice = result["thresholds"][0]
    assert practice["confusion_matrix"]["labels"] == ["analog", "digital", "nothing"]
    assert practice["confusion_matrix"]["labelled_by_found"] == [[3, 0, 1], [0, 0, 1], [1, 0, 1]]
    analog = practice["classes"]["analog"]
    assert [analog[key] for key in ("true_positives", "false_positives", "false_negatives", "true_negatives")] == [
        3, 1, 1, 2,
    ]  # fmt: skip
    assert analog["precision"] == analog["recall"] == 0.75
    assert practice["classes"]["digital"]["precision"] is None
    # the label that is off by 40 of 75 pixels overlaps enough to count its distance
    assert 5 < result["corner_error"] < 60
    assert picture.read_bytes()[:4] == b"\x89PNG"
    shown = capsys.readouterr().out
    assert "5 photos, 5 labelled windows" in shown and "overlap above 0.9" in shown and "75.0%" in shown
    assert "3 of 5, 95 % interval" in shown


def test_four_classes_and_the_first_look_alone(model, dataset, tmp_path):
    result = run(model, dataset, tmp_path, "--binary", "False", "--second_look", "False", "--iou_threshold", "0.75")
    (only,) = result["thresholds"]
    assert only["confusion_matrix"]["labels"][2:] == ["analog_illegible", "digital_illegible", "nothing"]
    matrix = np.array(only["confusion_matrix"]["labelled_by_found"])
    assert matrix[2, 0] == 1 and matrix[0, 0] == 2


def test_the_model_sees_batches_of_one_size(monkeypatch):
    sizes = []

    class Counting:
        def __init__(self, _):
            pass

        def __call__(self, images):
            sizes.append(len(images))
            return {"scores": images[:, 0, 0, :1]}

    monkeypatch.setattr(all_windows, "detector", Counting)
    finder = all_windows.AllWindows(FakeModel(), second_look=True)
    images = np.arange(11, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 3), np.uint8)
    np.testing.assert_array_equal(finder.detect(images)["scores"][:, 0], np.arange(11))
    assert sizes == [all_windows.BATCH_SIZE] * 2


def test_illegible_kinds_are_folded():
    np.testing.assert_array_equal(fold_illegible(np.arange(4)), [0, 1, 0, 1])
    assert len(fold_illegible(np.array([]))) == 0


def test_bad_arguments(model, dataset, tmp_path, capsys):
    arguments = ["--model", str(model), "--dataset", str(dataset)]
    for more, message in (
        (["--iou_threshold", "1"], "between 0 and 1"),
        (["--picture", "matrix.jpg"], "ends in .png"),
        (["--binary", "maybe"], "expected True or False"),
        (["--model", "none.keras"], "no such file"),
    ):
        with pytest.raises(SystemExit) as stop:
            test_stage1.parse_args([*arguments, *more])
        assert stop.value.code == 2
        assert message in capsys.readouterr().err


def test_dataset_of_the_other_stage_or_without_the_split(model, dataset, tmp_path):
    with pytest.raises(UserError, match="the split train is empty"):
        run(model, dataset, tmp_path, "--split", "train")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no dataset meter_values_dataset_stage1"):
        run(model, tmp_path / "empty", tmp_path)


def test_model_of_the_other_stage(dataset):
    shipped = test_stage1.Path(test_stage1.__file__).parent / "deploy" / "retinanet" / "stage2.keras"
    with pytest.raises(UserError, match="a model of stage 2; expected one of stage 1"):
        test_stage1.main(["--model", str(shipped), "--dataset", str(dataset)])
