import cv2
import numpy as np
import pytest

from deploy.recognition.errors import UserError
from retinanet.datasets.importers import photo_table

HEADER = "image,split,meter_group,label,reading,x1,y1,x2,y2,x3,y3,x4,y4,remark"
CORNERS = "10,20,90,20,90,40,10,40"


def folder(tmp_path, *lines, header=HEADER, names=("a.jpg", "b.jpg")):
    (tmp_path / "images").mkdir()
    for name in names:
        cv2.imwrite(str(tmp_path / "images" / name), np.full((60, 100, 3), 99, np.uint8))
    (tmp_path / "labels.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    return tmp_path


def test_a_row_gives_window_class_reading_split_and_group(tmp_path):
    [photo] = photo_table.read(folder(tmp_path, f'a.jpg,val,meter 7,Digital,"005,6",{CORNERS},'))
    assert (photo.name, photo.split, photo.group) == ("a.jpg", "validation", "meter 7")
    [window] = photo.windows
    assert (window.label, window.readings) == ("digital", ("005,6",))
    assert window.corners.tolist() == [[10, 20], [90, 20], [90, 40], [10, 40]]
    assert photo.load().shape == (60, 100, 3)


@pytest.mark.parametrize(
    ("reading", "remark", "readings"),
    [
        ("005.6", "", ("005,6",)),
        ('"0?5,6"', "small_prefix", ("0?5,6",)),
        ('"005,6"', '"between 005,6/005,7"', ("005,6", "005,7")),
        ('"005,6"', "dot_not_visible; glare", ("005,6", "0056")),
        ("", "no_reading", ()),
    ],
)
def test_readings_that_pass(tmp_path, reading, remark, readings):
    [photo] = photo_table.read(folder(tmp_path, f"a.jpg,test,,digital,{reading},{CORNERS},{remark}"))
    assert photo.windows[0].readings == readings


def test_a_table_of_readings_alone_serves_evaluation_but_not_training(tmp_path):
    photos = photo_table.read(folder(tmp_path, "a.jpg;analog;00012,5", header="image;label;reading"))
    assert photos[0].windows[0].readings == ("00012,5",)
    assert photos[0].windows[0].corners is None
    assert photo_table.with_corners(photos) == []


def test_two_windows_and_none(tmp_path):
    rows = (
        f"a.jpg,train,,analog,123,{CORNERS},",
        f"a.jpg,train,,digital,456,{CORNERS},",
        "b.jpg,train,,no_meter,,,,,,,,,,",
    )
    two, none = photo_table.read(folder(tmp_path, *rows))
    assert [window.readings for window in two.windows] == [("123",), ("456",)]
    assert none.windows == ()
    assert photo_table.with_corners([two, none]) == [two, none]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"a.jpg,test,,gauge,123,{CORNERS},", r"line 2 \(a.jpg\): the label 'gauge'; expected analog"),
        (f"a.jpg,later,,analog,123,{CORNERS},", r"line 2 \(a.jpg\): the split 'later'; expected train"),
        (f"a.jpg,test,,analog,12x3,{CORNERS},", r"line 2 \(a.jpg\): the reading '12x3'; expected digits"),
        (f"a.jpg,test,,analog_illegible,123,{CORNERS},", "a window that is analog_illegible; expected none"),
        (f"a.jpg,test,,analog,123,{CORNERS},between 123", "expected two readings"),
        ("a.jpg,test,,analog,123,10,20,90,20,90,40,10,,", "expected eight numbers"),
        ("a.jpg,test,,analog,123,10,20,10,40,90,40,90,20,", "do not run clockwise"),
        ("a.jpg,test,,analog,123,10,20,900,20,900,40,10,40,", "outside the photo of 100 x 60 pixels"),
        (f"c.jpg,test,,analog,123,{CORNERS},", "c.jpg: no such photo"),
        (f"../c.jpg,test,,analog,123,{CORNERS},", "expected the name of a photo in images/"),
        (f"a.jpg,test,,,123,{CORNERS},", "line 2 has no label"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path, row, said):
    with pytest.raises(UserError, match=said):
        photo_table.read(folder(tmp_path, row))


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(UserError, match="has no column reading; expected image, label, reading"):
        photo_table.read(folder(tmp_path, "a.jpg,analog", header="image,label"))
