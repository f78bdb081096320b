import json
import struct

import cv2
import numpy as np
import pytest

from deploy.recognition.errors import UserError
from retinanet.datasets import window_crops
from retinanet.datasets.corner_order import order_corners
from retinanet.datasets.importers import beregun_itelma, chongqing, mbarira, russian_flats
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow
from retinanet.datasets.splits import split_by_hash

WIDTH, HEIGHT = 400, 200


def rectangle(left, top, right, bottom):
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float64)


def row_of_wheels(count):
    """Upright wheels in a window of 320 x 60 pixels, and the window."""
    return [rectangle(45 + 38 * i, 75, 45 + 38 * i + 30, 125) for i in range(count)], rectangle(40, 70, 360, 130)


def draw(wheels, red, turn=0):
    """A grey photo with black wheels, the last ones red, turned by quarter turns to the left."""
    photo = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    for index, wheel in enumerate(wheels):
        colour = (170, 40, 40) if index >= len(wheels) - red else (40, 40, 40)
        cv2.fillPoly(photo, [wheel.astype(np.int32)], colour)
    return np.rot90(photo, turn)


def turned(points, turn):
    """Points of the photo after quarter turns to the left."""
    width, height = WIDTH, HEIGHT
    for _ in range(turn):
        points = np.stack([points[:, 1], width - points[:, 0]], axis=1)
        width, height = height, width
    return points


def save(folder, name, photo):
    (folder / "images").mkdir(parents=True, exist_ok=True)
    (folder / "labels").mkdir(exist_ok=True)
    cv2.imwrite(str(folder / "images" / name), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))


def mbarira_lines(window, wheels, classes, size):
    shapes = [(0, window), (1, window), *zip(classes, wheels, strict=True)]
    return "".join(f"{label} {' '.join(map(str, (points / size).ravel()))}\n" for label, points in shapes)


def mbarira_folder(tmp_path, classes, red=0, turn=0, start=0, reverse=False, splits=""):
    wheels, window = row_of_wheels(len(classes))
    photo = draw(wheels, red, turn)
    shapes = [turned(np.roll(points, start, axis=0), turn) for points in (window, *wheels)]
    shapes = [points[::-1] for points in shapes] if reverse else shapes
    save(tmp_path, "a.jpg", photo)
    # The lines stand in no order: the last wheel first.
    text = mbarira_lines(shapes[0], shapes[:0:-1], classes[::-1], photo.shape[1::-1])
    (tmp_path / "labels" / "a.txt").write_text(text)
    if splits:
        (tmp_path / "splits.csv").write_text(splits)
    return wheels, window


DIGITS_0123 = [2, 3, 4, 5]


@pytest.mark.parametrize("start", range(4))
@pytest.mark.parametrize("reverse", [False, True])
def test_mbarira_puts_corners_into_the_readings_order(tmp_path, start, reverse):
    wheels, window = mbarira_folder(tmp_path, DIGITS_0123, start=start, reverse=reverse)
    (photo,) = mbarira.read(tmp_path)
    np.testing.assert_allclose(photo.windows[0].corners, window, atol=1e-3)
    assert [box.label for box in photo.windows[0].boxes] == ["0", "1", "2", "3"]
    np.testing.assert_allclose(photo.windows[0].boxes[1].corners, wheels[1], atol=1e-3)
    assert photo.windows[0].readings == ("0123",)
    assert photo.load().shape == (HEIGHT, WIDTH, 3)


def test_mbarira_takes_direction_of_an_upside_down_photo_from_the_given_digits(tmp_path):
    splits = "image,split,meter_group,digits_in_reading_order\na.jpg,val,m7,0123\n"
    _, window = mbarira_folder(tmp_path, DIGITS_0123, turn=2, splits=splits)
    (photo,) = mbarira.read(tmp_path)
    np.testing.assert_allclose(photo.windows[0].corners, turned(window, 2), atol=1e-3)
    assert photo.windows[0].readings == ("0123",)
    assert (photo.split, photo.group) == ("validation", "m7")


def test_mbarira_marks_unclear_wheels(tmp_path):
    mbarira_folder(tmp_path, [2, 3, 4, 12])
    window = mbarira.read(tmp_path)[0].windows[0]
    assert window.readings == ("012?",)
    assert window.boxes[-1].label == "_"


@pytest.mark.parametrize("red", [0, 1, 2, 3])
def test_mbarira_finds_the_fraction_by_its_red_ground(tmp_path, red):
    wheels, _ = mbarira_folder(tmp_path, [2, 3, 4, 5, 6, 7, 8], red=red)
    boxes = mbarira.read(tmp_path)[0].windows[0].boxes
    assert [box.label for box in boxes[7:]] == ["floatp"] * bool(red)
    if red:
        expected = rectangle(*wheels[-red][0], *wheels[-1][2])
        np.testing.assert_allclose(boxes[-1].corners, expected, atol=1e-2)


def test_mbarira_takes_the_last_three_of_eight_wheels_whatever_their_colour(tmp_path):
    wheels, _ = mbarira_folder(tmp_path, [2, 3, 4, 5, 6, 7, 8, 9])
    boxes = mbarira.read(tmp_path)[0].windows[0].boxes
    np.testing.assert_allclose(boxes[-1].corners, rectangle(*wheels[5][0], *wheels[7][2]), atol=1e-2)


def test_mbarira_without_splits_splits_by_name(tmp_path):
    mbarira_folder(tmp_path, DIGITS_0123)
    (photo,) = mbarira.read(tmp_path)
    assert (photo.split, photo.group) == (split_by_hash("a"), "a")


def test_mbarira_photo_without_labels_has_no_window(tmp_path):
    mbarira_folder(tmp_path, DIGITS_0123)
    (tmp_path / "labels" / "a.txt").write_text("")
    assert mbarira.read(tmp_path)[0].windows == ()


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("1 0 0 1 0 1 1", "line 1: expected a class"),
        ("1 0 0 1 0 1 1 0 x", "no number"),
        ("13 0 0 1 0 1 1 0 1", "line 1: expected a class"),
        ("1 0 0 300 0 300 40 0 40", "outside the photo"),
        ("2 0 0 .1 0 .1 .1 0 .1", "one counter window"),
        ("1 0 0 1 0 1 1 0 1", "expected the digits"),
        ("nan 0 0 1 0 1 1 0 1", "expected a class"),
    ],
)
def test_mbarira_names_the_file_of_a_wrong_label(tmp_path, text, cause):
    mbarira_folder(tmp_path, DIGITS_0123)
    (tmp_path / "labels" / "a.txt").write_text(text)
    with pytest.raises(UserError, match=f"a.txt.*{cause}"):
        mbarira.read(tmp_path)


def test_importers_name_what_is_missing(tmp_path):
    for importer in (mbarira, chongqing, beregun_itelma):
        with pytest.raises(UserError, match="images: no such folder"):
            importer.read(tmp_path)
    save(tmp_path, "a.jpg", np.zeros((40, 40, 3), np.uint8))
    for importer in (mbarira, chongqing, beregun_itelma):
        with pytest.raises(UserError, match="no such label file"):
            importer.read(tmp_path)
    (tmp_path / "splits.csv").write_text("image,split\nb.jpg,train\n")
    for importer in (mbarira, chongqing):
        with pytest.raises(UserError, match="no line for a.jpg"):
            importer.read(tmp_path)
    (tmp_path / "splits.csv").write_text("image,split\na.jpg,training\n")
    with pytest.raises(UserError, match="'training'; expected train, val or test"):
        mbarira.read(tmp_path)


def chongqing_window(tmp_path, label):
    save(tmp_path, "train_1.jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (tmp_path / "labels" / "train_1.txt").write_text(label)
    (photo,) = chongqing.read(tmp_path)
    return photo.windows[0]


def test_huge_and_broken_photos_are_named(tmp_path):
    mbarira_folder(tmp_path, DIGITS_0123)
    # The header of a BMP file promises pixels that never come.
    header = struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + struct.pack(
        "<IiiHHIIiiII", 40, 20000, 20000, 1, 24, *[0] * 6
    )
    (tmp_path / "images" / "a.jpg").write_bytes(header)
    with pytest.raises(UserError, match="a.jpg: 20000 x 20000 pixels are too many"):
        mbarira.read(tmp_path)
    (tmp_path / "images" / "a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="a.jpg: not a photo"):
        mbarira.read(tmp_path)


def test_chongqing_places_wheels_evenly(tmp_path):
    window = chongqing_window(tmp_path, "100 50 300 50 300 100 100 100 00412")
    np.testing.assert_allclose(window.corners, rectangle(100, 50, 300, 100))
    assert [box.label for box in window.boxes] == list("00412")
    # The third of five cells of 40 pixels, 72 % of its width and 92 % of its height.
    np.testing.assert_allclose(window.boxes[2].corners, rectangle(185.6, 52, 214.4, 98), atol=1e-3)
    assert window.readings == ("00412",)


def test_chongqing_reads_several_readings(tmp_path):
    assert chongqing_window(tmp_path, "0 0 50 0 50 9 0 9 00470.00479").readings == ("00470", "00479")
    assert chongqing_window(tmp_path, "0 0 50 0 50 9 0 9 00470 00479\n").readings == ("00470", "00479")


def test_chongqing_takes_one_valid_reading_and_over_many_photos_each_as_often():
    readings = ["00470", "00479"]
    taken = [chongqing.one_of(readings, f"train_{number}") for number in range(400)]
    assert taken == [chongqing.one_of(readings, f"train_{number}") for number in range(400)]
    assert 160 <= taken.count("00470") <= 240 and set(taken) == set(readings)
    assert chongqing.one_of(["00412"], "train_3") == "00412"


@pytest.mark.parametrize(
    ("label", "cause"),
    [
        ("", "eight numbers"),
        ("0 0 50 0 50 9 0 x 00470", "eight numbers"),
        ("0 0 50 9 50 0 0 9 00470", "no quadrilateral"),
        ("0 9 50 9 50 0 0 0 00470", "no quadrilateral that runs clockwise"),
        ("0 0 50 0 50 9 0 9", "expected readings"),
        ("0 0 50 0 50 9 0 9 0047x", "expected readings"),
        ("0 0 50 0 50 9 0 9 00470.0471", "different numbers of digits"),
    ],
)
def test_chongqing_names_the_file_of_a_wrong_label(tmp_path, label, cause):
    with pytest.raises(UserError, match=f"train_1.txt.*{cause}"):
        chongqing_window(tmp_path, label)


def labelme(shapes, scale=2):
    return json.dumps(
        {
            "imageWidth": WIDTH * scale,
            "imageHeight": HEIGHT * scale,
            "shapes": [{"label": label, "points": (np.array(points) * scale).tolist()} for label, points in shapes],
        }
    )


@pytest.mark.parametrize("turn", [0, 2])
def test_beregun_reads_floor_digits_and_fraction_in_the_order_of_the_reading(tmp_path, turn):
    wheels, window = row_of_wheels(8)
    labels = ["0", "0", "4", "8", "8", "r7", "r1", "r9.5"]
    shapes = [("value", turned(window, turn)), ("meter", [[200, 100], [300, 100]])]
    shapes += [(label, turned(points, turn)) for label, points in zip(labels, wheels, strict=True)][::-1]
    save(tmp_path, "a.jpg", draw(wheels, 3, turn))
    (tmp_path / "labels" / "a.json").write_text(labelme(shapes))
    (photo,) = beregun_itelma.read(tmp_path)
    assert photo.split == "test"
    assert photo.windows[0].readings == ("00488,719",)
    np.testing.assert_allclose(photo.windows[0].corners, turned(window, turn), atol=1e-3)
    assert [box.label for box in photo.windows[0].boxes] == [*"00488719", "floatp"]
    region = turned(rectangle(*wheels[5][0], *wheels[7][2]), turn)
    np.testing.assert_allclose(photo.windows[0].boxes[-1].corners, region, atol=1e-2)


def test_beregun_takes_rectangles_by_two_corners(tmp_path):
    wheels, window = row_of_wheels(2)
    save(tmp_path, "a.jpg", draw(wheels, 0))
    shapes = [("value", window[[2, 0]]), ("3", wheels[0]), ("4.5", wheels[1])]
    (tmp_path / "labels" / "a.json").write_text(labelme(shapes))
    window_read = beregun_itelma.read(tmp_path)[0].windows[0]
    np.testing.assert_allclose(window_read.corners, window, atol=1e-3)
    assert window_read.readings == ("34",)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("{", "not a labelme file"),
        ("{}", "not a labelme file"),
        (labelme([("x", [[0, 0], [1, 0], [1, 1], [0, 1]])]), "unknown label 'x'"),
        (labelme([("value", [[0, 0], [1, 0], [1, 1]])]), "3 points; expected a quadrilateral"),
        (labelme([("value", [[0, 0], [1, 1]])]), "one window and its wheels, found 1 and 0"),
        ('{"imageWidth": 200, "imageHeight": 400, "shapes": []}', "other proportions"),
    ],
)
def test_beregun_names_the_file_of_a_wrong_label(tmp_path, text, cause):
    save(tmp_path, "a.jpg", draw([], 0))
    (tmp_path / "labels" / "a.json").write_text(text)
    with pytest.raises(UserError, match=f"a.json.*{cause}"):
        beregun_itelma.read(tmp_path)


def test_russian_flats_gives_value_rectangle_and_polygon(tmp_path):
    save(tmp_path, "a.jpg", draw([], 0))
    points = [[0.25, 0.4], [0.75, 0.4], [0.75, 0.6], [0.5, 0.6], [0.5, 0.5], [0.25, 0.5]]
    (tmp_path / "labels.csv").write_text(f'image,value,window_polygon\na.jpg,302.18,"{points}"\n')
    (photo,) = russian_flats.read(tmp_path)
    assert photo.split == "test"
    assert photo.windows[0].readings == ("302.18",)
    assert photo.windows[0].boxes == ()
    np.testing.assert_allclose(photo.windows[0].corners, rectangle(100, 80, 300, 120), atol=1e-3)
    np.testing.assert_allclose(russian_flats.read_polygons(tmp_path)["a.jpg"], np.array(points) * (WIDTH, HEIGHT))


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("image,value\na.jpg,1\n", "no column window_polygon"),
        ('image,value,window_polygon\na.jpg,x,"[]"\n', "the value is no number"),
        ('image,value,window_polygon\na.jpg,1,"[["\n', "no list of points"),
        ('image,value,window_polygon\na.jpg,1,"[[0, 1]]"\n', "three points"),
        ('image,value,window_polygon\nb.jpg,1,"[[0, 0], [1, 0], [1, 1]]"\n', "no such photo"),
    ],
)
def test_russian_flats_names_the_cause(tmp_path, text, cause):
    save(tmp_path, "a.jpg", draw([], 0))
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(UserError, match=cause):
        russian_flats.read(tmp_path)


def test_order_corners_follows_the_direction_of_tall_shapes_too():
    tall = rectangle(0, 0, 10, 40)
    np.testing.assert_allclose(order_corners(np.roll(tall, 2, axis=0), np.array([1.0, 0.1])), tall)
    np.testing.assert_allclose(order_corners(tall, np.array([0.0, 1.0]))[0], [10, 0])


def photo_with_window(label="analog", boxes=None, split="train"):
    corners = rectangle(100, 50, 300, 100).astype(np.float32)
    if boxes is None:
        boxes = (LabelledBox(rectangle(110, 60, 130, 90).astype(np.float32), "7"),)
    window = LabelledWindow(corners, label, boxes)
    return LabelledPhoto("a.b.jpg", lambda: draw([rectangle(110, 60, 130, 90)], 1), split, "g", (window,))


def test_crops_project_boxes_into_the_window_with_its_margin():
    (crop,) = window_crops.crops_of(photo_with_window(), variants=1, seed=0)
    # The window is cut 3 % wider and 10 % higher on each side: 212 x 60 pixels from (94, 45).
    np.testing.assert_allclose(crop.boxes_xyxy, [[16 / 212, 15 / 60, 36 / 212, 45 / 60]], atol=1e-5)
    assert (crop.name, crop.labels, crop.split, crop.group) == ("a.b.png", ("7",), "train", "g")
    picture = crop.load()
    assert picture.shape == (256, 512, 3)
    left, top, right, bottom = np.round(crop.boxes_xyxy[0] * [512, 256, 512, 256]).astype(int)
    inside = np.abs(picture[top + 6 : bottom - 6, left + 6 : right - 6].astype(int) - (170, 40, 40))
    assert inside.max() <= 2
    assert np.abs(picture[top + 20, left - 8].astype(int) - 150).max() <= 2


def test_crop_variants_differ_repeat_and_are_made_for_training_only():
    first, second = (window_crops.crops_of(photo_with_window(), 4, seed=3) for _ in range(2))
    assert [crop.name for crop in first] == ["a.b.png", "a.b_1.png", "a.b_2.png", "a.b_3.png"]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.boxes_xyxy, other.boxes_xyxy)
    lefts = [float(crop.boxes_xyxy[0, 0]) for crop in first]
    assert len(set(lefts)) == 4
    # A deviation of 2 % of the width, and not more than a few of them.
    assert max(abs(left - lefts[0]) for left in lefts) < 0.1
    assert len(window_crops.crops_of(photo_with_window(split="validation"), 4, seed=3)) == 1


def test_crops_skip_windows_without_boxes_and_illegible_ones():
    assert window_crops.crops_of(photo_with_window(boxes=()), 1, seed=0) == []
    assert window_crops.crops_of(photo_with_window(label="analog_illegible"), 1, seed=0) == []


def test_boxes_less_than_half_visible_are_dropped():
    corners = rectangle(0, 0, 100, 50).astype(np.float32)
    boxes = tuple(
        LabelledBox(rectangle(left, 10, left + 20, 40).astype(np.float32), label)
        for left, label in ((-12, "1"), (-8, "2"), (85, "3"), (200, "4"))
    )
    boxes_xyxy, labels = window_crops.project_boxes(LabelledWindow(corners, "analog", boxes), corners)
    assert labels == ("2", "3")
    np.testing.assert_allclose(boxes_xyxy, [[0, 0.2, 0.12, 0.8], [0.85, 0.2, 1, 0.8]], atol=1e-6)
