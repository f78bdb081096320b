import json

import cv2
import numpy as np
import pytest

import make_dataset
from deploy.recognition.errors import UserError
from retinanet.datasets import sources


@pytest.fixture
def chongqing(tmp_path):
    folder = tmp_path / "source"
    (folder / "images").mkdir(parents=True)
    (folder / "labels").mkdir()
    random = np.random.default_rng(0)
    lines = ["image,split"]
    for number, split in enumerate(("train", "train", "val", "test")):
        photo = random.integers(0, 255, (120, 160, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / "images" / f"train_{number}.jpg"), photo)
        (folder / "labels" / f"train_{number}.txt").write_text("30 40 130 40 130 60 30 60 00123.00124")
        lines.append(f"train_{number}.jpg,{split}")
    (folder / "splits.csv").write_text("\n".join(lines))
    return folder


def run(*arguments):
    make_dataset.main([str(argument) for argument in arguments])


def test_both_stages_and_previews(chongqing, tmp_path, capsys):
    output, sheet = tmp_path / "out", tmp_path / "sheet.png"
    run("chongqing", chongqing, "--variants", 2, "--workers", 1, "--output", output, "--preview", sheet)
    printed = capsys.readouterr().out
    assert f"{output / 'meter_values_dataset_stage1' / '1.0.0'}: 2 train, 1 validation, 1 test" in printed
    # two crops of each of two windows, and a part of one of them
    assert f"{output / 'meter_values_dataset_stage2' / '1.0.0'}: 5 train, 1 validation, 1 test" in printed
    assert cv2.imread(str(tmp_path / "sheet_stage1.png")).shape == (320, 4 * 320, 3)
    drawn = cv2.imread(str(tmp_path / "sheet_stage2.png"))
    assert drawn.shape == (160, 4 * 320, 3)
    # The boxes are drawn, in yellow.
    assert np.count_nonzero(np.all(drawn == (0, 220, 255), axis=2)) > 500


def test_preview_alone_writes_no_dataset(chongqing, tmp_path):
    run("chongqing", chongqing, "--stage", 1, "--preview", tmp_path / "sheets" / "sheet.png")
    assert [file.name for file in (tmp_path / "sheets").iterdir()] == ["sheet.png"]
    with pytest.raises(UserError, match=r"sheet.txt: .*\.png"):
        run("chongqing", chongqing, "--stage", 1, "--preview", tmp_path / "sheet.txt")


def test_label_studio_from_photos_to_crops_to_dataset(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    photo = np.random.default_rng(1).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "photos" / "x.png"), cv2.GaussianBlur(photo, (0, 0), 4))
    points = [[20, 40], [80, 40], [80, 60], [20, 60]]
    polygon = {"type": "polygonlabels", "value": {"points": points, "polygonlabels": ["analog"]}}
    box = {"x": 10, "y": 20, "width": 10, "height": 60, "rectanglelabels": ["3"]}
    exports = {"1.json": ("x.png", polygon), "2.json": ("cropped_x.png", {"type": "rectanglelabels", "value": box})}
    for name, (picture, result) in exports.items():
        entry = {"id": 1, "data": {"image": f"s3://b/{picture}"}, "annotations": [{"result": [result]}]}
        (tmp_path / name).write_text(json.dumps([entry]))
    run("label_studio", tmp_path / "photos", tmp_path / "1.json", "--crops", tmp_path / "crops")
    assert "1 windows" in capsys.readouterr().out
    common = ("--workers", 1, "--output", tmp_path / "out")
    run("label_studio", tmp_path / "crops", tmp_path / "2.json", "--stage", 2, *common)
    both = (tmp_path / "photos", tmp_path / "1.json", tmp_path / "crops", tmp_path / "2.json")
    run("label_studio", *both, *common, "--overwrite")
    assert len(capsys.readouterr().out.splitlines()) == 3
    with pytest.raises(UserError, match="with one export: give --stage"):
        run("label_studio", *both[:2], "--output", tmp_path / "other")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["chongqing", "missing"], "no such file or folder: missing"),
        (["russian_flats", "."], "invalid choice: 'russian_flats'"),
        (["chongqing", ".", "--stage", "3"], "invalid choice"),
        (["chongqing", ".", "--variants", "0", "--output", "x"], "whole number from 1"),
        (["synthetic", "--output", "x", "--seed", "-1"], "--seed -1"),
        (["chongqing", ".", "--output", "x", "--count", "3"], "--count is for wheels, synthetic"),
        (["chongqing", ".", "--output", "x", "--groups", "."], "--groups is for label_studio"),
        (["synthetic"], "expected --output, --preview or --crops"),
        (["synthetic", "--crops", "x"], "--crops needs: label_studio"),
    ],
)
def test_wrong_arguments_are_named(arguments, cause, capsys):
    with pytest.raises(SystemExit) as stop:
        make_dataset.main(arguments)
    assert stop.value.code == 2
    assert cause in capsys.readouterr().err


def test_sources_say_what_they_take(tmp_path):
    with pytest.raises(UserError, match="wheels gives no dataset of stage 1"):
        sources.read_source("wheels", sources.Request((tmp_path,)), 1)
    with pytest.raises(UserError, match="mbarira got 0 paths; expected: mbarira FOLDER"):
        sources.read_source("mbarira", sources.Request(()), 1)
    with pytest.raises(UserError, match="as mbarira or chongqing have them"):
        sources.read_source("transplanted", sources.Request((tmp_path,)), 1)


def test_drawn_windows_are_written(tmp_path, capsys):
    run("synthetic", "--stage", 2, "--count", 20, "--workers", 1, "--output", tmp_path / "out")
    # of 18 windows for training, some have a part of theirs stored beside them
    assert "30 train, 1 validation, 1 test" in capsys.readouterr().out
