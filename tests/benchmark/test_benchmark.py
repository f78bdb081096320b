import dataclasses
import hashlib
import importlib.util
import json
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import bench
from deploy.recognition import photo_files, window_search
from deploy.recognition.errors import UserError
from retinanet.benchmark import bars, comparison, contender, folders, steps, table
from retinanet.benchmark.measurement import Contender, Measurement, measure
from retinanet.benchmark.stopwatch import Stopwatch
from tests import fake_meters
from tests.manifests import manifest

MANIFEST = manifest()


@pytest.fixture
def meter_contender(monkeypatch):
    monkeypatch.setattr(contender, "load_models", lambda folder: fake_meters.models())
    for holder, names in ((cv2, contender._OPENCV), (window_search, ("letterbox", "zoom"))):
        for name in names:
            # puts the functions back afterwards, which a contender replaces for the rest of its process
            monkeypatch.setattr(holder, name, getattr(holder, name))
    return contender.MeterContender("models")


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "meter.png"
    corners = fake_meters.turned_corners((300, 200), 300, 75, 12)
    Image.fromarray(fake_meters.meter_photo(corners, 600, 400)).save(path)
    return path


def measured(name, totals, **stage_times):
    readings = tuple(
        {steps.TOTAL: total / 1000, **{stage: value / 1000 for stage, value in stage_times.items()}} for total in totals
    )
    return Measurement(name, readings, (10.0, 30.0, 20.0), 1.25, 300 * 2**20)


def write_manifest(folder, **values):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps({**MANIFEST, **values}))
    return folder


def test_stopwatch_adds_up_what_it_wraps():
    watch = Stopwatch()
    nap = watch.wrap("nap", lambda seconds: time.sleep(seconds) or "awake")
    assert [nap(0.02), nap(0.03)] == ["awake"] * 2
    taken = watch.take()
    assert 0.05 <= taken["nap"] < 5 and taken["other"] == 0
    assert watch.take()["nap"] == 0


def test_stages_of_a_reading_make_the_total(meter_contender, photo):
    seconds = contender.answer(meter_contender, {"read": str(photo)})
    looks = {steps.STAGE1_LOOKS, steps.STAGE2_LOOKS}
    assert set(seconds) == {steps.DECODE, *steps.METER_STEPS, steps.OPENCV, steps.TOTAL} | looks
    parts = sum(seconds[stage] for stage in steps.METER_STEPS)
    assert 0 < parts <= 1.001 * seconds[steps.TOTAL]
    assert min(seconds.values()) > 0 and seconds[steps.OPENCV] < seconds[steps.TOTAL]


def test_looks_are_the_pictures_that_the_networks_are_shown(meter_contender, photo):
    for _ in range(2):
        for network in (meter_contender.reader.models.stage1, meter_contender.reader.models.stage2):
            network.seen.clear()
        found = contender.answer(meter_contender, {"read": str(photo)})
        assert found[steps.STAGE1_LOOKS] == sum(map(len, meter_contender.reader.models.stage1.seen)) > 1
        assert found[steps.STAGE2_LOOKS] == sum(map(len, meter_contender.reader.models.stage2.seen)) > 0


def test_batches_and_memory(meter_contender, photo):
    assert 0 < contender.answer(meter_contender, {"batch": [str(photo)] * 3})["seconds"] < 5
    assert len(meter_contender.reader.models.stage1.seen[0]) == 3
    # the tests before may have held more: the peak starts anew from what is held now
    Path("/proc/self/clear_refs").write_text("5")
    before = contender.answer(meter_contender, {"memory": True})["peak"]
    held = np.ones(100 * 2**20, np.uint8)
    assert contender.answer(meter_contender, {"memory": True})["peak"] > before + 0.5 * held.nbytes


def test_contenders_read_in_turn_another_one_first_each_time(tmp_path):
    asked = []

    class Fake:
        start_seconds = 2.0

        def __init__(self, name, seconds):
            self.name, self.seconds = name, seconds

        def ask(self, **request):
            asked.append((self.name, request))
            if "read" in request:
                return {steps.TOTAL: self.seconds}
            return {"seconds": 8 * self.seconds, "peak": 5}

    paths = [tmp_path / name for name in ("x", "y")]
    first, second = measure([Fake("a", 0.1), Fake("b", 0.2)], paths, 5)
    readings = [(name, request["read"][-1]) for name, request in asked if "read" in request]
    # three to warm up each
    assert readings[:6] == [("a", "x"), ("a", "y"), ("a", "x"), ("b", "x"), ("b", "y"), ("b", "x")]
    assert [name for name, _ in readings[6:]] == list("abbaabbaab")
    assert [path for _, path in readings[6:]] == list("xxyyxxyyxx")
    assert (first.median(steps.TOTAL), second.median(steps.TOTAL)) == (100, 200)
    assert second.photos_a_second == pytest.approx(5) and second.photos_a_second_in_batches == pytest.approx(5)
    assert (first.start_seconds, first.peak_bytes, len(first.readings)) == (2.0, 5, 5)


def test_a_contender_that_cannot_start_says_why(tmp_path):
    with pytest.raises(UserError, match="no exported models there"):
        Contender("x", str(tmp_path))


def test_table():
    ours = measured("onnx int8", [20, 40, 60], decode=5, **{"stage 2": 9, steps.OPENCV: 10})
    looks = [{steps.STAGE1_LOOKS: 2, steps.STAGE2_LOOKS: count} for count in (1, 3, 1)]
    readings = tuple(reading | more for reading, more in zip(ours.readings, looks, strict=True))
    ours = dataclasses.replace(ours, readings=readings)
    other = measured(contender.RAPIDOCR_NAME, [400], decode=5, **{steps.FIND_TEXT: 300})
    cells = {row[0]: row[1:] for row in table.rows([ours, other])}
    assert cells[""] == ["onnx int8", "RapidOCR, all text"]
    assert cells["decode, ms"] == ["5.0 / 5.0", "5.0 / 5.0"]
    assert cells["stage 2, ms"] == ["9.0 / 9.0", "-"]
    assert cells["find text lines, ms"] == ["-", "300.0 / 300.0"]
    assert cells["total without decode, ms"] == ["40.0 / 58.0", "400.0 / 400.0"]
    assert cells["total, ratio to the first"] == ["1.00", "10.00"]
    assert cells["times faster than RapidOCR"] == ["10.0", "1.0"]
    assert cells["stage 1 looks a photo, mean"] == ["2.00", "-"]
    assert cells["stage 2 looks a photo, mean"] == ["1.67", "-"]
    assert cells["of it in OpenCV"] == ["25%", "-"]
    assert cells["photos a second"] == ["25.0", "2.5"]
    assert cells["photos a second, batches of 8"] == ["20.0", "20.0"]
    assert cells["start until ready, s"] == ["1.2", "1.2"]
    assert cells["peak memory, MiB"] == ["300", "300"]
    assert "rectify, ms" not in cells
    assert "times faster than RapidOCR" not in dict((row[0], row) for row in table.rows([ours]))


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [([30], (30, 5)), ([30, 50, 100], (100, 10)), ([30, 50, 560], (70, 10)), ([0.5], (0.5, 5))],
)
def test_axis_is_not_made_for_the_one_long_bar(lengths, expected):
    assert bars.axis(lengths) == pytest.approx(expected)


def test_bars(tmp_path):
    ours = measured("onnx int8", [40], decode=10, **{"stage 2": 30})
    half = measured("openvino int8", [20], **{"stage 2": 20})
    bars.draw_bars(tmp_path / "new" / "bench.png", [ours, half])
    picture = photo_files.read_photo(tmp_path / "new" / "bench.png")
    row = bars.TOP + bars.ROW // 2
    scale = (bars.RIGHT - bars.LEFT) / 40
    for milliseconds, colour in ((5, bars.COLOURS["decode"]), (11, bars.COLOURS["stage 2"]), (39, (213, 94, 0))):
        assert tuple(picture[row, round(bars.LEFT + milliseconds * scale)]) == colour
    assert tuple(picture[row + bars.ROW, round(bars.LEFT + 19 * scale)]) == bars.COLOURS["stage 2"]
    assert tuple(picture[row + bars.ROW, round(bars.LEFT + 33 * scale)]) == (255, 255, 255)


def test_folders_are_made_where_they_are_missing_or_of_other_weights(tmp_path, capfd):
    (tmp_path / "retinanet").mkdir()
    for stage in ("stage1", "stage2"):
        (tmp_path / "retinanet" / f"{stage}.keras").write_bytes(stage.encode())
    (tmp_path / "prepare_model.py").write_text("import sys; print('asked:', *sys.argv[1:])")
    root = tmp_path / "models"
    made_from = {stage: hashlib.sha256(stage.encode()).hexdigest() for stage in ("stage1", "stage2")}
    current = {stage: {**MANIFEST[stage], "made_from": made_from[stage]} for stage in made_from}
    write_manifest(root / "savedmodel_float32", **current)
    write_manifest(root / "onnx_int8")
    formats = [("savedmodel", "float32"), ("onnx", "int8"), ("onnx", "float32")]
    assert folders.make_missing(root, formats, tmp_path) == [
        root / name for name in ("savedmodel_float32", "onnx_int8", "onnx_float32")
    ]
    asked = [line for line in capfd.readouterr().out.splitlines() if line.startswith("asked:")]
    weights = tmp_path / "retinanet"
    assert asked == [
        f"asked: --format onnx --precision {name} --keras-dir {weights} --output {root / f'onnx_{name}'}"
        for name in ("int8", "float32")
    ]
    (tmp_path / "prepare_model.py").write_text("import sys; sys.exit(2)")
    with pytest.raises(UserError, match="onnx_int8: could not be made; prepare_model.py has said why"):
        folders.make_missing(root, formats, tmp_path)


def test_formats_without_their_runtime_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(folders.importlib.util, "find_spec", lambda name: name == "tensorflow")
    other = write_manifest(tmp_path / "other")
    assert folders.missing_formats([]) == [("savedmodel", "float32")]
    assert folders.missing_formats([other]) == []


def test_two_folders_of_one_kind_are_refused(tmp_path):
    models = [write_manifest(tmp_path / name) for name in "ab"]
    with pytest.raises(UserError, match="a, .*b: all of them are savedmodel float32; give one folder of each"):
        comparison.compare(models, {"x": [tmp_path]}, 1, with_rapidocr=False)


def test_bench(meter_contender, photo, tmp_path, monkeypatch, capsys):
    read = []

    class InThisProcess:
        start_seconds = 1.5

        def __init__(self, name, models):
            self.name = name

        def ask(self, **request):
            read.append(request.get("read", ""))
            return contender.answer(meter_contender, request)

        def close(self):
            pass

    monkeypatch.setattr(comparison, "Contender", InThisProcess)
    monkeypatch.setattr(bench.importlib.util, "find_spec", lambda name: None)
    models = write_manifest(tmp_path / "models")
    files = [tmp_path / "bench.md", tmp_path / "bench.png"]
    options = ["--models", str(models), "--markdown", str(files[0]), "--picture", str(files[1])]
    field = tmp_path / "field"
    field.mkdir()
    for name in "abcdef":
        (field / f"{name}.png").write_bytes(photo.read_bytes())
    bench.main([str(photo), "--photos", str(field), "--count", "3", *options])
    output = capsys.readouterr()
    assert "RapidOCR is not installed" in output.err and "pip install" in output.err
    lines = output.out.splitlines()
    headings = [index for index, line in enumerate(lines) if line.endswith("one at a time, everyone in turn")]
    assert [lines[index] for index in headings] == [
        f"{path}: median / 95 % of 3 readings, one at a time, everyone in turn" for path in (photo, field)
    ]
    assert all(lines[index + 1].split() == ["savedmodel", "float32"] for index in headings)
    # after three to warm up, from all over the folder
    assert [path for path in read if path.startswith(str(field))][3:] == [str(field / f"{name}.png") for name in "ace"]
    assert float(next(line for line in lines if line.startswith("photos a second ")).split()[-1]) > 0
    assert files[0].read_text().count("\n\n|  | savedmodel float32 |") == 2
    with Image.open(files[1]) as picture:
        assert picture.width == bars.WIDTH


@pytest.mark.skipif(
    not importlib.util.find_spec("rapidocr_onnxruntime"), reason="RapidOCR is not installed: see bench.py"
)
def test_a_contender_answers_line_by_line(tmp_path):
    Image.fromarray(np.full((64, 64, 3), 255, np.uint8)).save(tmp_path / "blank.png")
    rapid = Contender("RapidOCR", contender.RAPIDOCR)
    try:
        seconds = rapid.ask(read=str(tmp_path / "blank.png"))
        assert seconds[steps.TOTAL] >= seconds[steps.FIND_TEXT] > 0
        assert rapid.ask(memory=True)["peak"] > 50 * 2**20
    finally:
        rapid.close()
