import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import test_both_stages
from deploy.recognition import exported_models
from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.datasets import builders
from retinanet.datasets.records import WindowCrop
from retinanet.evaluation.readers import ServerReader
from retinanet.evaluation.recognition_rate import ReadablePhoto, left_out_text, outcome_of, readable_photos, summary
from tests import fake_meters

EXPORTS = Path(__file__).resolve().parents[1] / "data" / "label_studio"
CORNERS = fake_meters.turned_corners((300, 200), 300, 75, 12)
TEXT = "12305,678"


def outcome(read, *right, seconds=0.1):
    recognition = Recognition(success=bool(read), text=read, seconds={"total": seconds})
    return outcome_of(ReadablePhoto(Path("x.jpg"), right), recognition)


@pytest.mark.parametrize(
    ("read", "right", "expected"),
    [
        ("00595,825", "00595,825", (True, True, True)),
        ("00595825", "00595,825", (False, False, True)),
        ("00595,826", "00595,825", (False, True, False)),
        ("0595,825", "00595,825", (False, False, False)),
        ("00595,825", "00595,82?", (True, True, True)),
        ("00595,82", "00595,82?", (False, True, False)),
        ("", "00595", (False, False, False)),
    ],
)
def test_what_counts_as_right(read, right, expected):
    score = outcome(read, right).score
    assert (score.text_right, score.integer_right, score.row_right) == expected


def test_of_several_windows_any_will_do():
    assert outcome("12,3", "45,6", "12,3").text_right
    assert not outcome("12,6", "45,6", "12,3").text_right


def test_summary_has_shares_intervals_and_percentiles():
    outcomes = [outcome("12,3", "12,3", seconds=second / 100) for second in range(99)]
    figures = summary([*outcomes, outcome("12,4", "12,3", seconds=0.99)])
    assert figures["photos"] == 100
    assert figures["recognition_rate"]["right"] == figures["digits"]["right"] == 99
    assert figures["integer_part"]["share"] == 1
    # Wilson's interval for 99 of 100
    assert figures["recognition_rate"]["interval"] == pytest.approx([0.9455, 0.9982], abs=1e-4)
    assert figures["seconds"] == pytest.approx({"p50": 0.495, "p90": 0.891, "p99": 0.9801})


# What Label Studio exports today: see tests/data/label_studio.


def test_real_exports_give_the_analog_photos_that_both_label():
    photos, left_out = readable_photos(EXPORTS / "photos", EXPORTS / "stage1.json", EXPORTS / "stage2.json")
    assert {photo.path.name: photo.readings for photo in photos} == {
        "brick_wall.jpg": ("33350,224",),
        "cellar.jpg": ("0611,94",),
        "cold_water.jpg": ("0610,113",),
        "dark.jpg": ("348774,35",),
        "two_meters.jpg": ("795,170", "00000,630"),
    }


def crop(name, split):
    boxes = np.array([[0.1, 0.1, 0.3, 0.9]], np.float32)
    return WindowCrop(name, lambda: np.zeros((40, 120, 3), np.uint8), split, name, boxes, ("1",))


def test_dataset_restricts_to_its_test_split(tmp_path):
    names = {"cropped_cellar.jpg": "train", "0123abcd-cropped_dark.jpg": "test", "two_meters_1.png": "test"}
    builders.build([crop(name, split) for name, split in names.items()], 2, tmp_path, workers=1)
    exports = (EXPORTS / "photos", EXPORTS / "stage1.json", EXPORTS / "stage2.json")
    photos, left_out = readable_photos(*exports, tmp_path)
    told = left_out_text(left_out)
    assert f"left out, not in the test split of {tmp_path}: 3 (brick_wall.jpg, cellar.jpg, cold_water.jpg)" in told
    assert "its windows are digital, not analog: 1 (display.jpg)" in told
    assert sorted(photo.path.name for photo in photos) == ["dark.jpg", "two_meters.jpg"]
    builders.build([crop("cropped_other.jpg", "test")], 2, tmp_path, workers=1, overwrite=True)
    with pytest.raises(UserError, match="none of the 5 labelled photos is in its test split"):
        readable_photos(*exports, tmp_path)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two photos that the make-believe models read, one of them labelled otherwise, and their exports."""
    monkeypatch.setattr(exported_models, "load_models", lambda folder: fake_meters.models())
    (tmp_path / "photos").mkdir()
    stage1, stage2 = [], []
    for number, (name, text) in enumerate((("a.png", TEXT), ("b.png", "12305,679"))):
        Image.fromarray(fake_meters.meter_photo(CORNERS, 600, 400)).save(tmp_path / "photos" / name)
        points = (CORNERS / (600, 400) * 100).tolist()
        stage1.append(task(name, number, "polygonlabels", [("analog", {"points": points})]))
        digits = [(digit, box(10 * index, 8)) for index, digit in enumerate(text.replace(",", ""))]
        stage2.append(task(f"cropped_{name}", number, "rectanglelabels", [*digits, ("FLOATP", box(49, 30))]))
    (tmp_path / "1.json").write_text(json.dumps(stage1))
    (tmp_path / "2.json").write_text(json.dumps(stage2))
    return tmp_path


def box(left, width):
    return {"x": left, "y": 20, "width": width, "height": 60, "rotation": 0}


def task(name, number, kind, shapes):
    results = [{"type": kind, "value": {**value, kind: [label]}} for label, value in shapes]
    return {"id": number, "data": {"image": f"/data/upload/1/{name}"}, "annotations": [{"result": results}]}


def arguments(project, *more):
    paths = {"--images": "photos", "--labels_stage1": "1.json", "--labels_stage2": "2.json"}
    return [*(word for name, path in paths.items() for word in (name, str(project / path))), *more]


def test_in_process_with_failures_for_the_next_round(project, capsys):
    folder, output = project / "failures", project / "new" / "result.json"
    test_both_stages.main(arguments(project, "--failures", str(folder), "--json", str(output)))
    shown = capsys.readouterr().out
    assert "2 photos of class analog" in shown
    assert "recognition rate    50.0%   1 right" in shown
    assert "integer part       100.0%   2 right" in shown
    assert "share of a batch of 8" in shown
    assert [entry["text_right"] for entry in json.loads(output.read_text())["results"]] == [True, False]
    assert [path.name for path in (folder / "photos").iterdir()] == ["b.png"]
    page = (folder / "index.html").read_text()
    assert "1 of 2 photos read wrong" in page and TEXT in page and "12305,679" in page
    assert all((folder / "pictures" / name).is_file() for name in ("b.png.jpg", "b.png_window.jpg"))
    (pre_annotated,) = json.loads((folder / "tasks.json").read_text())
    assert pre_annotated["data"]["image"].endswith("failures/photos/b.png")
    (crop_task,) = json.loads((folder / "tasks_stage2.json").read_text())
    assert crop_task["data"]["image"].endswith("failures/tasks_crops/cropped_b.png")


@pytest.fixture
def server():
    """Answers as the server does; keeps what it was sent."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        answer = (200, {"success": True, "text": TEXT, "counter_class": "analog", "counter_score": 0.9})

        def do_POST(self):
            seen.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            status, answer = Handler.answer
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    running = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}", Handler, seen
    running.shutdown()
    thread.join()
    running.server_close()


def test_a_running_server(project, server, capsys):
    url, _, seen = server
    test_both_stages.main(arguments(project, "--url", f"{url}/"))
    assert [path for path, _ in seen] == ["/recognize"] * 2
    assert seen[0][1] == (project / "photos" / "a.png").read_bytes()
    shown = capsys.readouterr().out
    assert "recognition rate    50.0%   1 right" in shown and "(a request)" in shown


def test_answers_keep_what_recognition_knows(project, server):
    url, handler, _ = server
    path = project / "photos" / "a.png"
    from deploy.recognition.meter_reader import MeterReader

    expected = MeterReader(fake_meters.models()).read(np.asarray(Image.open(path)))
    handler.answer = (200, expected.to_dict())
    (got,) = ServerReader(url)([path])
    assert (got.text, got.integer, got.fraction) == (expected.text, "12305", "678")
    np.testing.assert_allclose(got.corners, expected.corners, atol=0.06)
    np.testing.assert_allclose(got.digits[3].corners, expected.digits[3].corners, atol=0.06)
    assert got.seconds["total"] > 0
    handler.answer = (200, Recognition(success=False, reason="no_meter").to_dict())
    (nothing,) = ServerReader(url)([path])
    assert (nothing.success, nothing.reason, nothing.corners) == (False, "no_meter", None)


def test_a_server_that_fails_is_one_line(project, server):
    url, handler, _ = server
    handler.answer = (415, {"error": "unsupported_format"})
    with pytest.raises(UserError, match="a.png: status 415, expected 200.*unsupported_format"):
        test_both_stages.main(arguments(project, "--url", url))
    handler.answer = (200, {"hello": "world"})
    with pytest.raises(UserError, match="not the answer of a meter reader"):
        test_both_stages.main(arguments(project, "--url", url))
    for address in ("http://127.0.0.1:9", "localhost:8080", "nonsense"):
        with pytest.raises(UserError, match="is the server running there"):
            test_both_stages.main(arguments(project, "--url", address))


def change(project, name, edit):
    entries = json.loads((project / name).read_text())
    edit(entries)
    (project / name).write_text(json.dumps(entries))


def test_bad_exports_are_one_line(project):
    good = {name: (project / name).read_text() for name in ("1.json", "2.json")}

    def refused(message):
        with pytest.raises(UserError, match=message) as error:
            test_both_stages.main(arguments(project))
        assert "\n" not in str(error.value)
        for name, content in good.items():
            (project / name).write_text(content)

    (project / "1.json").write_text(good["2.json"])
    refused("holds rectanglelabels, as an export of stage 2 does")
    (project / "2.json").write_text(good["1.json"])
    refused("holds polygonlabels, as an export of stage 1 does")
    change(project, "2.json", lambda entries: entries[0]["annotations"][0]["result"][0]["value"].update(
        rectanglelabels=["X"]))  # fmt: skip
    refused("label x; expected one of 0, 1")
    change(project, "1.json", lambda entries: entries[1]["data"].update(image="/data/upload/1/lost.png"))
    change(project, "2.json", lambda entries: entries[1]["data"].update(image="/data/upload/1/cropped_lost.png"))
    refused("no file lost.png in")
    for name in ("1.json", "2.json"):
        change(project, name, lambda entries: [entry.update(annotations=[]) for entry in entries])
        refused("holds no labelled task")
    change(project, "2.json", lambda entries: [entry["data"].update(image="window.png") for entry in entries])
    refused("no photo of class analog is labelled in both")
    (project / "1.json").write_text("{}")
    refused("expected a list of tasks")
    (project / "photos" / "a.png").write_bytes(b"no photo")
    refused("a.png: not a photo")


def test_bad_arguments(project, capsys):
    with pytest.raises(UserError, match="expected the folder of the photos"):
        test_both_stages.main(arguments(project, "--images", str(project / "1.json")))
    with pytest.raises(SystemExit) as stop:
        test_both_stages.main(arguments(project, "--dataset", str(project / "none")))
    assert stop.value.code == 2
    assert "no such file or folder" in capsys.readouterr().err
    (project / "empty").mkdir()
    with pytest.raises(UserError, match="holds no dataset meter_values_dataset_stage2"):
        test_both_stages.main(arguments(project, "--dataset", str(project / "empty")))
