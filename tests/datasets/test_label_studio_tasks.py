import dataclasses
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

import recognize
from deploy.recognition import exported_models
from deploy.recognition.classes import STAGE1_CLASSES, STAGE2_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.geometry import polygon_iou
from deploy.recognition.meter_reader import MeterReader
from retinanet.datasets.label_studio.crops import read_crops
from retinanet.datasets.label_studio.export import read_tasks
from retinanet.datasets.label_studio.photos import read_photos, read_photos_with_boxes, reading_text
from retinanet.datasets.label_studio.tasks import FROM_NAME, TO_NAME, write_tasks
from tests import fake_meters

ROOT = Path(recognize.__file__).parent
CORNERS = fake_meters.turned_corners((300, 200), 300, 75, 100)
TEXT = "12305,678"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "my photos"
    folder.mkdir()
    Image.fromarray(fake_meters.meter_photo(CORNERS, 600, 400)).save(folder / "a.png")
    Image.fromarray(np.full((100, 120, 3), 90, np.uint8)).save(folder / "b.png")
    return folder


@pytest.fixture
def tasks(photos, tmp_path):
    reader = MeterReader(fake_meters.models())
    files = sorted(photos.iterdir())
    read = [(file, reader.read(np.asarray(Image.open(file)))) for file in files]
    return write_tasks(tmp_path / "out" / "tasks.json", read)


def exported(file):
    """The tasks as Label Studio exports them when the pre-annotations are submitted as they are."""
    entries = json.loads(file.read_text())
    for entry in entries:
        results = entry["predictions"][0]["result"] if "predictions" in entry else []
        entry["annotations"] = [{"was_cancelled": False, "result": results}]
    export = file.with_name(f"{file.stem}_export.json")
    export.write_text(json.dumps(entries))
    return export


def path_of(task):
    return Path("/", parse_qs(urlsplit(task["data"]["image"]).query)["d"][0])


def test_least_certain_first_and_pictures_by_their_path(tasks, photos):
    nothing, read = json.loads(tasks[0].read_text())
    assert (path_of(nothing), path_of(read)) == (photos / "b.png", photos / "a.png")
    assert "predictions" not in nothing
    (prediction,) = read["predictions"]
    assert 0 < prediction["score"] < 1
    (crop,) = json.loads(tasks[1].read_text())
    assert path_of(crop) == tasks[2] / "cropped_a.png"
    labels = [result["value"]["rectanglelabels"] for result in crop["predictions"][0]["result"]]
    assert labels == [*([digit] for digit in TEXT.replace(",", "")), ["FLOATP"]]


def test_without_a_window_there_are_no_crops(photos, tmp_path):
    read = MeterReader(fake_meters.models()).read(np.asarray(Image.open(photos / "b.png")))
    file, stage2, crops = write_tasks(tmp_path / "none" / "tasks.json", [(photos / "b.png", read)])
    assert len(json.loads(file.read_text())) == 1 and json.loads(stage2.read_text()) == [] and not crops.exists()


def test_windows_come_back_through_the_importer(tasks, photos):
    (photo,) = read_photos(photos, exported(tasks[0]))
    (window,) = photo.windows
    assert window.label == "analog"
    assert polygon_iou(window.corners, CORNERS) > 0.97


def test_every_counter_of_a_photo_comes_back_through_the_importers(photos, tmp_path):
    other = CORNERS + (300, 0)
    read = MeterReader(fake_meters.models()).read(np.asarray(Image.open(photos / "a.png")))
    moved = tuple(dataclasses.replace(digit, corners=digit.corners + (300, 0)) for digit in read.digits)
    less_sure = dataclasses.replace(read, corners=read.corners + (300, 0), digits=moved, confidence=0.4)
    both = dataclasses.replace(read, confidence=0.9, others=(less_sure,))
    (photos / "a.png").rename(photos / "c.png")
    Image.fromarray(fake_meters.meter_photo(CORNERS, 900, 400)).save(photos / "a.png")
    single = dataclasses.replace(read, confidence=0.5)
    written = write_tasks(tmp_path / "both" / "tasks.json", [(photos / "c.png", single), (photos / "a.png", both)])
    # the least certain counter decides on the order
    first = json.loads(written[0].read_text())[0]
    assert path_of(first) == photos / "a.png" and first["predictions"][0]["score"] == 0.4
    photo = read_photos(photos, exported(written[0]))[0]
    for window, corners in zip(photo.windows, (CORNERS, other), strict=True):
        assert polygon_iou(window.corners, corners) > 0.97
    crops = read_crops(written[2], exported(written[1]))
    assert len(crops) == 3 and all(crop.labels == (*TEXT.replace(",", ""), "floatp") for crop in crops)
    assert sorted(path.name for path in written[2].iterdir()) == [
        "cropped_a.png",
        "cropped_a.window2.png",
        "cropped_c.png",
    ]


def test_digits_come_back_through_the_importer(tasks):
    (crop,) = read_crops(tasks[2], exported(tasks[1]))
    assert crop.labels == (*TEXT.replace(",", ""), "floatp")
    left = fake_meters.digit_lefts()[0]
    expected = np.array([left, 0.3, left + 0.07, 0.7]) + (0.03, 0.1, 0.03, 0.1)
    np.testing.assert_allclose(crop.boxes_xyxy[0], expected / (1.06, 1.2, 1.06, 1.2), atol=0.02)
    assert reading_text(read_tasks(exported(tasks[1]), stage=2)[0]) == TEXT


def test_digits_stay_where_they_are_when_the_polygon_is_corrected(tasks, photos):
    """The crop was cut along predicted corners: its task tells where, whatever the polygon becomes."""
    export = exported(tasks[0])
    before = read_photos_with_boxes(photos, export, tasks[2], exported(tasks[1]))[0].windows[0]
    entries = json.loads(export.read_text())
    (value,) = (result["value"] for entry in entries for result in entry["annotations"][0]["result"])
    middle = np.mean(value["points"], axis=0)
    value["points"] = (middle + 1.25 * (np.array(value["points"]) - middle)).tolist()
    export.write_text(json.dumps(entries))
    after = read_photos_with_boxes(photos, export, tasks[2], exported(tasks[1]))[0].windows[0]
    assert before.readings == after.readings == (TEXT,)
    for one, other in zip(before.boxes, after.boxes, strict=True):
        np.testing.assert_allclose(one.corners, other.corners, atol=0.5)
    width = np.linalg.norm(before.corners[1] - before.corners[0])
    assert np.linalg.norm(after.corners[1] - after.corners[0]) == pytest.approx(1.25 * width, rel=0.02)
    # the reading runs as on the photo: from the top-left of the first digit
    np.testing.assert_allclose(before.corners, CORNERS, atol=8)


def test_a_crop_from_elsewhere_is_refused(tasks, photos):
    entries = json.loads(tasks[1].read_text())
    entries[0]["data"]["crop_corners"] = [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1]]
    tasks[1].write_text(json.dumps(entries))
    with pytest.raises(UserError, match="does not look like a labelled window of its photo"):
        read_photos_with_boxes(photos, exported(tasks[0]), tasks[2], exported(tasks[1]))
    entries[0]["data"]["crop_corners"] = [[0, 0], [0.1, 0]]
    tasks[1].write_text(json.dumps(entries))
    with pytest.raises(UserError, match="task 1: .*; expected data.image and annotations"):
        read_tasks(exported(tasks[1]), stage=2)


def test_a_photo_given_twice_is_refused(photos, tmp_path):
    nothing = MeterReader(fake_meters.models()).read(np.asarray(Image.open(photos / "b.png")))
    with pytest.raises(UserError, match="b.png: given 2 times"):
        write_tasks(tmp_path / "tasks.json", [(photos / "b.png", nothing), (photos / "b.png", nothing)])


def test_photos_of_one_name_in_subfolders_come_back(tmp_path):
    """Two meters, each in a folder of its own, both called 1.png, the second one upside down."""
    read = []
    for number, turns in enumerate((0, 2)):
        file = tmp_path / "photos" / f"№ {number}" / "1.png"
        file.parent.mkdir(parents=True)
        picture = np.rot90(fake_meters.meter_photo(CORNERS, 600, 400), turns)
        Image.fromarray(np.ascontiguousarray(picture)).save(file)
        read.append((file, MeterReader(fake_meters.models()).read(np.ascontiguousarray(picture))))
    tasks = write_tasks(tmp_path / "tasks.json", read)
    assert {file.relative_to(tasks[2]).as_posix() for file in tasks[2].rglob("*.png")} == {
        "№ 0/cropped_1.png",
        "№ 1/cropped_1.png",
    }
    exports = exported(tasks[0]), exported(tasks[1])
    photos = read_photos_with_boxes(tmp_path / "photos", exports[0], tasks[2], exports[1])
    found = {photo.name: photo for photo in photos}
    assert set(found) == {"№ 0/1.png", "№ 1/1.png"}
    assert len({photo.group for photo in photos}) == 2
    for number, (_, recognition) in enumerate(read):
        window = found[f"№ {number}/1.png"].windows[0]
        assert window.readings == (recognition.text,)
        assert polygon_iou(window.corners, recognition.corners) > 0.97
    crops = read_crops(tasks[2], exports[1])
    assert {crop.name: crop.group for crop in crops} == {
        f"№ {number}/cropped_1.png": found[f"№ {number}/1.png"].group for number in range(2)
    }


@pytest.mark.parametrize(
    "name", ["\udcff.png", "=1+1.png", "two\nlines.png", "\x1b[31m.png", "back\\slash.png", "a#?&%41.png"]
)
def test_odd_names_come_back(tmp_path, name):
    file = tmp_path / "photos" / name
    file.parent.mkdir()
    picture = fake_meters.meter_photo(CORNERS, 600, 400)
    Image.fromarray(picture).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(file)
    tasks = write_tasks(tmp_path / "tasks.json", [(file, MeterReader(fake_meters.models()).read(picture))])
    (photo,) = read_photos_with_boxes(file.parent, exported(tasks[0]), tasks[2], exported(tasks[1]))
    assert photo.name == name and photo.windows[0].readings == (TEXT,)
    (crop,) = read_crops(tasks[2], exported(tasks[1]))
    assert crop.name == f"cropped_{name}".replace("\\", "") and crop.group == photo.group and crop.load().ndim == 3


def test_recognize_writes_tasks(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(exported_models, "load_models", lambda folder: fake_meters.models())
    (photos / "broken.jpg").write_bytes(b"")
    assert recognize.main([str(photos), "--label_studio", str(tmp_path / "next.json"), "--json"]) == 1
    output = capsys.readouterr()
    assert len(json.loads(output.out)) == 3
    assert str(tmp_path / "next.json") in output.err
    assert len(json.loads((tmp_path / "next.json").read_text())) == 2
    assert [path.name for path in (tmp_path / "next_crops").iterdir()] == ["cropped_a.png"]
    with pytest.raises(UserError, match="ends in .json"):
        recognize.main([str(photos), "--label_studio", str(tmp_path / "next")])


@pytest.mark.parametrize(
    ("stage", "tag", "classes"), [(1, "Polygon", STAGE1_CLASSES), (2, "Rectangle", STAGE2_CLASSES)]
)
def test_labelling_configurations_offer_all_classes_under_the_names_of_the_tasks(stage, tag, classes):
    view = ElementTree.parse(ROOT / "resources" / "label_studio" / f"stage{stage}.xml").getroot()
    (labels,) = view.findall(f"{tag}Labels")
    assert (labels.get("name"), labels.get("toName"), view.find("Image").get("name")) == (FROM_NAME, TO_NAME, TO_NAME)
    assert view.find("Image").get("value") == "$image"
    assert tuple(label.get("value").lower() for label in labels) == classes
    hotkeys = [label.get("hotkey") for label in labels]
    assert len(set(hotkeys)) == len(classes)


# Exports of Label Studio 1.23.2; see tests/data/label_studio/README.md.
EXPORTS = ROOT / "tests" / "data" / "label_studio"


def test_real_exports_of_corrected_tasks_make_records():
    folder = EXPORTS / "corrected"
    records = read_photos_with_boxes(
        EXPORTS / "photos", folder / "stage1.json", folder / "crops", folder / "stage2.json"
    )
    assert {record.name: record.windows[0].readings for record in records} == {
        "brick_wall.jpg": ("33350,224",),
        "cellar.jpg": ("0611,94",),
        "cold_water.jpg": ("0610,113",),
        "dark.jpg": ("348774,35",),
        "display.jpg": ("6,188",),
        "two_meters.jpg": ("795,170",),
        "upright_counter.jpg": ("463356",),
    }
    drawn = {photo.name: photo for photo in read_photos(EXPORTS / "photos", EXPORTS / "stage1.json")}
    for record in records:
        overlaps = [polygon_iou(record.windows[0].corners, window.corners) for window in drawn[record.name].windows]
        assert max(overlaps) > 0.6, record.name
