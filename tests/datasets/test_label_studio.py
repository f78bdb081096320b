import json
import unicodedata
from urllib.parse import quote

import cv2
import numpy as np
import pytest

from deploy.recognition.errors import UserError
from deploy.recognition.geometry import bounding_box, expand_corners, perspective_matrix, transform_points
from deploy.recognition.settings import WINDOW_MARGIN
from retinanet.datasets.label_studio.crops import read_crops, write_crops
from retinanet.datasets.label_studio.export import file_names, read_tasks
from retinanet.datasets.label_studio.photos import read_photos, read_photos_with_boxes
from retinanet.datasets.splits import split_by_hash

WIDTH, HEIGHT = 400, 240
WINDOW = np.array([[70, 90], [330, 70], [335, 130], [75, 150]], np.float64)
UNIT = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
# Wheels in shares of the window; the last two are the fraction.
WHEELS = [("4", 0.05), ("0", 0.24), ("1", 0.43), ("7", 0.62), ("3", 0.81)]
FRACTION = np.array([[0.6, 0.1], [0.97, 0.1], [0.97, 0.9], [0.6, 0.9]], np.float32)


def wheel_corners(left):
    return np.array([[left, 0.15], [left + 0.14, 0.15], [left + 0.14, 0.85], [left, 0.85]], np.float32)


def draw(turn):
    """A photo with the window, turned by quarter turns to the left, and the window's corners in it."""
    picture = np.full((120, 520, 3), 200, np.uint8)
    picture[:, 312:] = (200, 60, 60)
    for digit, left in WHEELS:
        place = (round((left + 0.01) * 520), 96)
        cv2.putText(picture, digit, place, cv2.FONT_HERSHEY_SIMPLEX, 3, (20, 20, 20), 9)
    frame = np.array([[0, 0], [520, 0], [520, 120], [0, 120]], np.float32)
    photo = cv2.warpPerspective(picture, perspective_matrix(frame, WINDOW), (WIDTH, HEIGHT))
    photo[photo.sum(axis=2) == 0] = 90
    corners = WINDOW
    for step in range(turn):
        corners = np.stack([corners[:, 1], (WIDTH, HEIGHT)[step % 2] - corners[:, 0]], axis=1)
    return np.ascontiguousarray(np.rot90(photo, turn)), corners


def save(path, picture):
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


def polygon(points, size, label="Analog"):
    return {
        "type": "polygonlabels",
        "original_width": size[0],
        "original_height": size[1],
        "value": {"points": (np.asarray(points) / size * 100).tolist(), "polygonlabels": [label]},
    }


def box(box_xyxy, label, rotation=0, size=(520, 120)):
    left, top, right, bottom = np.asarray(box_xyxy, float) * 100
    value = {"x": left, "y": top, "width": right - left, "height": bottom - top, "rotation": rotation}
    return {
        "type": "rectanglelabels",
        "original_width": size[0],
        "original_height": size[1],
        "value": {**value, "rectanglelabels": [label]},
    }


def task(url, *results, number=1):
    return {"id": number, "data": {"image": url}, "annotations": [{"was_cancelled": False, "result": list(results)}]}


def write_export(path, *tasks):
    path.write_text(json.dumps(tasks))
    return path


def stage1_project(tmp_path, turn=0, start=0, reverse=False, with_name="x.jpg"):
    photo, corners = draw(turn)
    save(tmp_path / "photos" / with_name, photo)
    drawn = np.roll(corners, -start, axis=0)[:: -1 if reverse else 1]
    export = write_export(tmp_path / "1.json", task(f"s3://bucket/{with_name}", polygon(drawn, photo.shape[1::-1])))
    return tmp_path / "photos", export, corners


def stage2_export(tmp_path, crops, extent, corners, fraction=True):
    """The boxes of the wheels as people draw them on the crop of this extent."""
    height, width = cv2.imread(str(crops / "cropped_x.jpg")).shape[:2]
    matrix = perspective_matrix(extent, UNIT) @ perspective_matrix(UNIT, corners)
    results = []
    for label, points in [*((digit, wheel_corners(left)) for digit, left in WHEELS), ("FLOATP", FRACTION)][
        : 6 if fraction else 5
    ]:
        results.append(box(bounding_box(transform_points(points, matrix)), label, size=(width, height)))
    # In no order.
    return write_export(tmp_path / "2.json", task("/data/upload/7/0123abcd-cropped_x.jpg", *results[::-1]))


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("s3://bucket/folder/x.jpg", ("x.jpg",)),
        ("/data/upload/7/ab12cd34-x.jpg", ("ab12cd34-x.jpg", "x.jpg")),
        ("/data/local-files/?d=dir/x.jpg", ("x.jpg",)),
        ("/data/local-files/?d=dir%2Fx%20y.jpg", ("x y.jpg",)),
        ("https://host/a/x%20y.jpg?X-Amz-Expires=1", ("x y.jpg",)),
        ("/data/local-files/?d=photos%5Cmeter%201%5Cx.jpg", ("x.jpg",)),
        ("/data/local-files/?d=photos/%FFx.jpg", ("\udcffx.jpg",)),
        ("s3://bucket/x#1.jpg", ("x#1.jpg",)),
    ],
)
def test_file_names_of_urls(url, names):
    assert file_names(url) == names


def test_read_tasks_takes_the_first_annotation_that_is_neither_empty_nor_cancelled(tmp_path):
    size = (100, 100)
    good, other = polygon(WINDOW / 4, size), polygon(WINDOW / 5, size)
    entries = [
        task("s3://b/empty.jpg", number=1),
        {"id": 2, "data": {"image": "s3://b/none.jpg"}, "annotations": []},
        {
            "id": 3,
            "data": {"image": "s3://b/x.jpg"},
            "annotations": [
                {"was_cancelled": True, "result": [other]},
                {"result": []},
                {"result": [good]},
                {"result": [other]},
            ],
        },
        {"id": 4, "data": {"image": "s3://b/c.jpg"}, "annotations": [{"was_cancelled": True, "result": [good]}]},
    ]
    (only,) = read_tasks(write_export(tmp_path / "e.json", *entries), stage=1)
    assert only.name == "x.jpg"
    assert only.shapes[0].label == "analog"
    np.testing.assert_allclose(only.shapes[0].corners, WINDOW / 400, atol=1e-6)


def test_polygon_with_its_first_point_repeated_is_a_quadrilateral(tmp_path):
    export = write_export(tmp_path / "e.json", task("s3://b/x.jpg", polygon([*WINDOW, WINDOW[0]], (WIDTH, HEIGHT))))
    np.testing.assert_allclose(read_tasks(export, 1)[0].shapes[0].corners, WINDOW / (WIDTH, HEIGHT), atol=1e-6)


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("reverse", [False, True])
def test_polygons_alone_start_at_the_left_of_the_upper_long_side(tmp_path, start, reverse):
    photos, export, corners = stage1_project(tmp_path, start=start, reverse=reverse)
    (photo,) = read_photos(photos, export)
    np.testing.assert_allclose(photo.windows[0].corners, corners, atol=1e-3)
    assert photo.split == split_by_hash("x.jpg")


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("start", [0, 3])
def test_fraction_on_the_crop_restores_the_order_of_the_reading(tmp_path, turn, start):
    photos, export, corners = stage1_project(tmp_path, turn=turn, start=start, reverse=start == 3)
    records = read_photos(photos, export)
    crops = tmp_path / "crops"
    (crop,) = write_crops(records, crops)
    assert crop.name == "cropped_x.jpg"
    height, width = cv2.imread(str(crop)).shape[:2]
    assert height >= 100
    assert width / height == pytest.approx(260.8 * 1.06 / (60.2 * 1.2), rel=0.02)
    boxes = stage2_export(tmp_path, crops, expand_corners(records[0].windows[0].corners, *WINDOW_MARGIN), corners)

    (photo,) = read_photos_with_boxes(photos, export, crops, boxes)
    window = photo.windows[0]
    np.testing.assert_allclose(window.corners, corners, atol=0.5)
    assert window.readings == ("401,73",)
    first = next(found for found in window.boxes if found.label == "4")
    expected = transform_points(wheel_corners(0.05), perspective_matrix(UNIT, corners))
    np.testing.assert_allclose(first.corners, expected, atol=1.0)

    (turned,) = read_crops(crops, boxes)
    by_label = dict(zip(turned.labels, turned.boxes_xyxy, strict=True))
    lefts = [float(by_label[digit][0]) for digit, _ in WHEELS]
    assert lefts == sorted(lefts)
    assert by_label["floatp"][0] > by_label["1"][0]
    # The red ground of the fraction lies to the right once the crop is turned.
    picture = turned.load().astype(int)
    redness = (picture[..., 0] - picture[..., 1]).mean(axis=0)
    assert redness[-len(redness) // 4 :].mean() > 60 > redness[: len(redness) // 2].mean()


def test_crop_cut_by_hand_from_another_corner_gives_the_order(tmp_path):
    """An upside-down photo without a fraction: only the crop, cut the right way up, tells where the reading starts."""
    photos, export, corners = stage1_project(tmp_path, turn=2)
    photo, _ = draw(2)
    matrix = perspective_matrix(corners, np.array([[0, 0], [520, 0], [520, 120], [0, 120]]))
    save(tmp_path / "crops" / "cropped_x.jpg", cv2.warpPerspective(photo, matrix, (520, 120)))
    boxes = stage2_export(tmp_path, tmp_path / "crops", corners, corners, fraction=False)
    (record,) = read_photos_with_boxes(photos, export, tmp_path / "crops", boxes)
    np.testing.assert_allclose(record.windows[0].corners, corners, atol=0.5)
    assert record.windows[0].readings == ("40173",)


def test_crop_of_another_window_is_refused(tmp_path):
    photos, export, corners = stage1_project(tmp_path)
    noise = np.random.default_rng(0).integers(0, 255, (60, 260, 3)).astype(np.uint8)
    save(tmp_path / "crops" / "cropped_x.jpg", noise)
    boxes = stage2_export(tmp_path, tmp_path / "crops", corners, corners)
    with pytest.raises(UserError, match="cropped_x.jpg does not look like a labelled window"):
        read_photos_with_boxes(photos, export, tmp_path / "crops", boxes)


def test_write_crops_keeps_what_is_there(tmp_path):
    photos, export, _ = stage1_project(tmp_path)
    records = read_photos(photos, export)
    write_crops(records, tmp_path / "crops")
    with pytest.raises(UserError, match="--overwrite"):
        write_crops(records, tmp_path / "crops")
    write_crops(records, tmp_path / "crops", overwrite=True)


def test_illegible_windows_are_not_cropped(tmp_path):
    photo, corners = draw(0)
    save(tmp_path / "photos" / "x.jpg", photo)
    label = "analog_illegible"
    export = write_export(tmp_path / "1.json", task("s3://b/x.jpg", polygon(corners, (WIDTH, HEIGHT), label)))
    assert write_crops(read_photos(tmp_path / "photos", export), tmp_path / "crops") == []


def test_groups_and_uploads_keep_photos_and_crops_of_a_meter_in_one_split(tmp_path):
    photos, export, corners = stage1_project(tmp_path, with_name="x.jpg")
    content = json.loads(export.read_text())
    content[0]["data"]["image"] = "/data/upload/7/ab12cd34-x.jpg"
    export.write_text(json.dumps(content))
    groups = tmp_path / "groups.csv"
    groups.write_text("image,group\nx.jpg,meter 5\n")
    (photo,) = read_photos(photos, export, groups)
    assert (photo.group, photo.split) == ("meter 5", split_by_hash("meter 5"))
    write_crops([photo], tmp_path / "crops")
    extent = expand_corners(photo.windows[0].corners, *WINDOW_MARGIN)
    (crop,) = read_crops(tmp_path / "crops", stage2_export(tmp_path, tmp_path / "crops", extent, corners))
    (crop,) = read_crops(tmp_path / "crops", tmp_path / "2.json", groups)
    assert (crop.group, crop.split) == (photo.group, photo.split)
    groups.write_text("image,group\ny.jpg,meter 5\n")
    with pytest.raises(UserError, match="groups.csv: has no line for x.jpg"):
        read_photos(photos, export, groups)


def test_turned_rectangle_gives_the_upright_one_around_it(tmp_path):
    # 10 x 20 pixels at (50, 50) of 100 x 200, turned clockwise by 90 degrees about its top-left.
    result = box([0.5, 0.25, 0.6, 0.35], "5", rotation=90, size=(100, 200))
    (only,) = read_tasks(write_export(tmp_path / "e.json", task("s3://b/x.jpg", result)), stage=2)
    np.testing.assert_allclose(bounding_box(only.shapes[0].corners), [0.3, 0.25, 0.5, 0.3], atol=1e-6)


@pytest.mark.parametrize(
    ("stage", "result", "cause"),
    [
        (1, polygon(WINDOW[:3], (WIDTH, HEIGHT)), "task 1: the shape analog has 3 points"),
        (1, polygon(WINDOW[[0, 2, 1, 3]], (WIDTH, HEIGHT)), "no convex quadrilateral"),
        (1, polygon(np.repeat(WINDOW[:1], 4, axis=0), (WIDTH, HEIGHT)), "no convex quadrilateral"),
        (1, polygon(WINDOW * 2, (WIDTH, HEIGHT)), "lies outside the picture"),
        (1, polygon(WINDOW, (WIDTH, HEIGHT), "meter"), "label meter; expected one of analog, digital"),
        (1, box([0, 0, 0.5, 0.5], "5"), "holds rectanglelabels.*stage 1 needs polygonlabels"),
        (2, polygon(WINDOW, (WIDTH, HEIGHT)), "holds polygonlabels.*stage 2 needs rectanglelabels"),
        (2, box([0, 0, 0.5, 0.5], "10"), "label 10; expected one of 0, 1"),
        (2, box([0.8, 0, 1.2, 0.5], "5"), "lies outside the picture"),
        (2, box([0.5, 0, 0.5, 0.5], "5"), "no convex quadrilateral"),
        (2, {"type": "rectanglelabels", "value": {"rectanglelabels": ["5"]}}, "cannot be understood"),
        (2, {"type": "choices", "value": {}}, "holds no labelled task; expected rectanglelabels"),
    ],
)
def test_wrong_shapes_name_export_task_and_cause(tmp_path, stage, result, cause):
    export = write_export(tmp_path / "e.json", task("s3://b/x.jpg", result))
    with pytest.raises(UserError, match=f"e.json.*{cause}"):
        read_tasks(export, stage)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("not json", "not JSON"),
        ("{}", "expected a list of tasks"),
        ("[]", "no labelled task"),
        ("[3]", "task 1: .*expected data.image"),
        ('[{"id": 9, "image": "x.jpg", "label": []}]', "task 9: .*expected data.image and annotations"),
        ('[{"id": 9, "annotations": [{"result": [{}]}], "data": {}}]', "task 9: .*data.image"),
        ('[{"id": 9, "annotations": [{"result": [{}]}], "data": {"image": "s3://b/"}}]', "names no file"),
    ],
)
def test_wrong_files_name_export_and_cause(tmp_path, text, cause):
    (tmp_path / "e.json").write_text(text)
    with pytest.raises(UserError, match=f"e.json.*{cause}"):
        read_tasks(tmp_path / "e.json", 1)


def test_missing_export_photo_and_other_picture_are_named(tmp_path):
    with pytest.raises(UserError, match="e.json: cannot be read"):
        read_tasks(tmp_path / "e.json", 1)
    photos, export, _ = stage1_project(tmp_path)
    save(photos / "x.jpg", np.zeros((300, 300, 3), np.uint8))
    with pytest.raises(UserError, match="task 1: labelled on a picture of 400 x 240 pixels.* 300 x 300"):
        read_photos(photos, export)
    (photos / "x.jpg").unlink()
    with pytest.raises(UserError, match="1.json: task 1: no file x.jpg in"):
        read_photos(photos, export)


@pytest.mark.parametrize(
    ("on_disk", "in_export"),
    [
        ("WhatsApp Image 2024-05-01 at 10.00.00 (1).jpg", "WhatsApp_Image_2024-05-01_at_10.00.00_1.jpg"),
        ("счётчик № 5.jpg", "счётчик__5.jpg"),
        ("счётчик № 5.jpg", unicodedata.normalize("NFD", "счётчик № 5.jpg")),
        (unicodedata.normalize("NFD", "счётчик.jpg"), "счётчик.jpg"),
        ("первый.jpg", "первыи.jpg"),
        ("x.jpg", "x.jpg"),
    ],
)
def test_uploads_are_found_under_the_names_that_they_had(tmp_path, on_disk, in_export):
    photos, export, corners = stage1_project(tmp_path, with_name=on_disk)
    content = json.loads(export.read_text())
    content[0]["data"]["image"] = f"/data/upload/7/ab12cd34-{quote(in_export)}"
    export.write_text(json.dumps(content))
    (photo,) = read_photos(photos, export)
    assert photo.name == on_disk
    (crop,) = write_crops([photo], tmp_path / "crops")
    size = cv2.imread(str(crop)).shape[1::-1]
    boxes = write_export(
        tmp_path / "2.json",
        task(f"/data/upload/8/0123abcd-cropped_{quote(in_export)}", box([0.1, 0.2, 0.2, 0.8], "5", size=size)),
    )
    (with_boxes,) = read_photos_with_boxes(photos, export, tmp_path / "crops", boxes)
    assert with_boxes.windows[0].readings == ("5",)
    (cut,) = read_crops(tmp_path / "crops", boxes)
    assert (cut.group, cut.split) == (with_boxes.group, with_boxes.split)


def test_equal_names_in_subfolders_are_told_apart_by_their_folders(tmp_path):
    photo, corners = draw(0)
    entries = []
    for number, folder in enumerate(("a", "b"), start=1):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        save(tmp_path / "photos" / folder / "x.jpg", photo)
        url = f"/data/local-files/?d=photos%5C{folder}%5Cx.jpg"
        entries.append(task(url, polygon(corners, (WIDTH, HEIGHT)), number=number))
    export = write_export(tmp_path / "1.json", *entries)
    records = read_photos(tmp_path / "photos", export)
    assert [record.name for record in records] == ["a/x.jpg", "b/x.jpg"]
    assert [record.group for record in records] == ["a/x.jpg", "b/x.jpg"]
    crops = write_crops(records, tmp_path / "crops")
    assert [crop.relative_to(tmp_path / "crops").as_posix() for crop in crops] == ["a/cropped_x.jpg", "b/cropped_x.jpg"]
    upload = write_export(tmp_path / "2.json", task("/data/upload/7/ab12cd34-x.jpg", polygon(corners, (WIDTH, HEIGHT))))
    with pytest.raises(UserError, match="2.json: task 1: ab12cd34-x.jpg may be a/x.jpg or b/x.jpg in .*rename them"):
        read_photos(tmp_path / "photos", upload)


def annotated(*annotations):
    return {"id": 17, "data": {"image": "s3://b/x.jpg"}, "annotations": list(annotations)}


def test_ground_truth_wins_and_differing_annotations_are_told(tmp_path, capsys):
    size = (100, 100)
    one, other = polygon(WINDOW / 4, size), polygon(WINDOW / 5, size)
    again = json.loads(json.dumps({**one, "id": "another"}))
    again["value"]["points"][0][0] += 0.001
    first, second, true = {"result": [one]}, {"result": [other]}, {"result": [other], "ground_truth": True}
    for annotations, expected, warned in (
        ([first, second], WINDOW / 400, True),
        ([first, true], WINDOW / 500, False),
        ([first, {"result": [again]}], WINDOW / 400, False),
        ([first, {**second, "was_cancelled": True}], WINDOW / 400, False),
    ):
        export = write_export(tmp_path / f"{len(capsys.readouterr().err)}.json", annotated(*annotations))
        (only,) = read_tasks(export, 1)
        np.testing.assert_allclose(only.shapes[0].corners, expected, atol=1e-4)
        said = capsys.readouterr().err
        assert ("task 17: its annotations differ; the first one is taken" in said) == warned
        assert len(said.splitlines()) == warned


LONG = "x" * 5000


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('[{"id": 9, "image": "/data/upload/1/x.jpg", "label": [{"points": []}], "annotation_id": 4}]', "as JSON-MIN"),
        ("[" * 100_000 + "]" * 100_000, "not JSON"),
        (json.dumps([annotated({"result": ["x"]})]), "task 17: .*expected data.image"),
        (
            json.dumps([annotated({"result": [{**polygon(WINDOW, (9, 9)), "original_width": float("inf")}]})]),
            "understood",
        ),
        (json.dumps([annotated({"result": [{**polygon(WINDOW, (9, 9)), "original_width": 10**400}]})]), "understood"),
        (json.dumps([annotated({"result": [polygon(WINDOW * np.nan, (9, 9))]})]), "coordinates that are no numbers"),
        (json.dumps([annotated({"result": [polygon(WINDOW, (400, 240), LONG)]})]), "label xxx"),
        (
            json.dumps([{"data": {"image": LONG}, "annotations": [{"result": [polygon(WINDOW, (400, 240))]}]}]),
            "no file xxx",
        ),
        (
            json.dumps([{"data": {"image": "a\u0000b"}, "annotations": [{"result": [polygon(WINDOW, (400, 240))]}]}]),
            "no file",
        ),
        (json.dumps([{"data": {"image": [LONG]}, "annotations": [{"result": [{}]}]}]), "task 1: .*expected data.image"),
    ],
)
def test_odd_exports_are_one_short_line(tmp_path, text, cause):
    (tmp_path / "e.json").write_text(text)
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match=cause) as error:
        read_photos(tmp_path / "photos", tmp_path / "e.json")
    assert len(str(error.value)) < 700 and "\n" not in str(error.value)


def test_small_sets_have_a_photo_in_each_split_and_a_table_says_which(tmp_path):
    photo, corners = draw(0)
    entries = []
    for number in range(3):
        save(tmp_path / "photos" / f"{number}.jpg", photo)
        entries.append(task(f"s3://b/{number}.jpg", polygon(corners, (WIDTH, HEIGHT)), number=number))
    export = write_export(tmp_path / "1.json", *entries)
    assert {record.split for record in read_photos(tmp_path / "photos", export)} == {"train", "validation", "test"}
    table = tmp_path / "splits.csv"
    table.write_text("image;split\n0.jpg;val\n1.jpg;test\n2.jpg;train\n")
    splits = [record.split for record in read_photos(tmp_path / "photos", export, splits=table)]
    assert splits == ["validation", "test", "train"]
    groups = tmp_path / "groups.csv"
    groups.write_text("image,group\n0.jpg,a\n1.jpg,a\n2.jpg,b\n")
    with pytest.raises(UserError, match="splits.csv: the group a is in two splits, validation and test"):
        read_photos(tmp_path / "photos", export, groups, table)
    table.write_text("image,split\n0.jpg,all\n1.jpg,test\n2.jpg,train\n")
    with pytest.raises(UserError, match="splits.csv: 0.jpg has the split 'all'; expected train, val or test"):
        read_photos(tmp_path / "photos", export, splits=table)
    table.write_text("image,split\n0.jpg,train\n")
    with pytest.raises(UserError, match="splits.csv: has no line for 1.jpg; every labelled photo needs its split"):
        read_photos(tmp_path / "photos", export, splits=table)
