import csv
import pickle
import zipfile

import cv2
import numpy as np
import pytest

from deploy.recognition.classes import DIGIT_CLASSES, STAGE1_CLASSES, STAGE2_CLASSES
from deploy.recognition.errors import UserError
from deploy.recognition.geometry import is_convex
from retinanet.datasets.records import LabelledPhoto, LabelledWindow
from retinanet.datasets.synthetic import (
    crops,
    displays,
    examples,
    fonts,
    odometer,
    photos,
    plates,
    prints,
    transplants,
    wheels,
    windows,
)
from retinanet.datasets.synthetic.drums import random_style


def test_last_wheel_carries_only_from_nine_to_zero():
    assert odometer.carried_phases([0, 4, 9, 9], 0.25) == (0, 4.25, 9.25, 9.25)
    assert odometer.carried_phases([9, 8, 3], 0.5) == (9, 8, 3.5)
    assert odometer.carried_phases([9, 9], 0.0) == (9, 9)


def test_half_turned_wheel_counts_as_the_lower_digit_until_the_upper_one_fills_the_opening():
    assert odometer.digits_of((3.5, 9.5, 0.0, 4.3), 0.5) == [3, 9, 0, 4]
    assert odometer.digits_of((3.51, 9.75, 4.999), 0.5) == [4, 0, 5]


def test_wheels_that_turn_together_change_together():
    assert odometer.digits_of(odometer.carried_phases([0, 4, 9, 9], 0.5), 0.5) == [0, 4, 9, 9]
    assert odometer.digits_of(odometer.carried_phases([0, 4, 9, 9], 0.7), 0.5) == [0, 5, 0, 0]


def test_readers_differ_where_the_upper_digit_begins():
    readers = [odometer.random_lower_until(np.random.default_rng(seed)) for seed in range(50)]
    assert min(readers) >= odometer.LOWER_UNTIL_RANGE[0] and max(readers) <= odometer.LOWER_UNTIL_RANGE[1]
    assert {odometer.digit_at(3.5, turn) for turn in readers} == {3, 4}
    assert {odometer.digit_at(3.65, turn) for turn in readers} == {4}


def test_carried_wheels_have_play_and_all_others_stand_as_they_are():
    phases = odometer.carried_phases([0, 4, 9, 9], 0.4)
    shown = np.array([odometer.with_play(np.random.default_rng(seed), phases) for seed in range(50)])
    assert np.all(shown[:, [0, 3]] == np.array(phases)[[0, 3]])
    off = np.abs(shown[:, 1:3] - np.array(phases)[1:3])
    assert 0.02 < off.mean() and off.max() <= odometer.LARGEST_PLAY + 1e-9
    resting = odometer.carried_phases([0, 4, 9, 9], 0.0)
    assert odometer.with_play(np.random.default_rng(0), resting) == resting


def test_random_phases_follow_the_carry_rule():
    random = np.random.default_rng(5)
    for _ in range(200):
        phases = odometer.random_phases(random, 6)
        assert 0 <= min(phases) and max(phases) < 10
        for left, right in zip(phases, phases[1:], strict=False):
            expected = right % 1 if int(right) == 9 else 0.0
            assert left % 1 == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(12))
def test_drawn_window_is_labelled_as_it_was_drawn(seed):
    window = windows.draw_window(np.random.default_rng(seed), digital=False)
    digits = [box.label for box in window.boxes if box.label in DIGIT_CLASSES]
    early, late = (odometer.digits_of(window.phases, turn) for turn in odometer.LOWER_UNTIL_RANGE)
    assert digits in ([str(digit) for digit in reader] for reader in (early, late))
    assert window.reading.replace(",", "") == "".join(digits)
    middles = [box.corners[:, 0].mean() for box in window.boxes if box.label in DIGIT_CLASSES]
    assert middles == sorted(middles)
    fraction = [box.corners for box in window.boxes if box.label == "floatp"]
    assert len(fraction) == window.reading.count(",")
    if fraction:
        inside = [fraction[0][0, 0] <= middle <= fraction[0][1, 0] for middle in middles]
        decimals = len(window.reading.split(",")[1])
        assert inside == [False] * (len(digits) - decimals) + [True] * decimals


@pytest.mark.parametrize("seed", range(12))
def test_boxes_stand_inside_the_opening_and_the_opening_inside_the_picture(seed):
    window = windows.draw_window(np.random.default_rng(seed), digital=seed % 3 == 0)
    assert is_convex(window.corners)
    low, high = window.corners.min(axis=0), window.corners.max(axis=0)
    assert np.all(low > 0.4 * (high - low)[1]) and np.all(high < window.image.shape[1::-1])
    for box in window.boxes:
        assert box.label in STAGE2_CLASSES
        assert np.all(box.corners >= low - 0.12 * (high - low)[1]) and np.all(
            box.corners <= high + 0.12 * (high - low)[1]
        )


def test_turned_wheel_shows_its_digits_higher_the_further_it_turns():
    random = np.random.default_rng(3)
    style = random_style(random)
    face = np.zeros((10, 96, 60), np.uint8)
    face[4] = 255
    changes = {
        "bulge": 0.0,
        "teeth": 0.0,
        "shift": 0.0,
        "wall": 0.0,
        "downwards": False,
        "step": 1.0,
        "glyph": (0.4, 0.4),
    }
    plain = type(style)(**{**vars(style), **changes, "face": face, "cell": 0.6})
    middles = []
    for phase in (3.75, 4.0, 4.25):
        coverage = windows.draw_wheel(np.random.default_rng(0), plain, phase, (60, 100), 100, False)
        marked = np.abs(coverage - style.grounds[0]).sum(axis=(1, 2))
        middles.append(np.average(np.arange(100), weights=marked))
    assert middles[0] - middles[1] == pytest.approx(25, abs=2)
    assert middles[1] - middles[2] == pytest.approx(25, abs=2)


def test_display_point_or_region_stands_before_the_fraction():
    for seed in range(10):
        window = windows.draw_window(np.random.default_rng(seed), digital=True)
        points = [box.corners[:, 0].mean() for box in window.boxes if box.label == "point"]
        regions = [box.corners[:, 0].min() for box in window.boxes if box.label == "floatp"]
        middles = [box.corners[:, 0].mean() for box in window.boxes if box.label in DIGIT_CLASSES]
        assert window.label == "digital" and bool(points or regions) == ("," in window.reading)
        for start in points + regions:
            assert sum(middle > start for middle in middles) == len(window.reading.split(",")[1])


@pytest.mark.parametrize("make", [lambda: crops.window_crop(4, 7), lambda: photos.draw_photo(4, 7)])
def test_same_seed_draws_the_same(make):
    first, second = make(), make()
    assert np.array_equal(first.load(), second.load())
    assert (first.name, first.split, first.group) == (second.name, second.split, second.group)


def test_other_index_draws_something_else():
    assert crops.window_crop(4, 7).labels != crops.window_crop(4, 8).labels


def test_crop_boxes_are_shares_of_the_crop():
    for index in range(8):
        crop = crops.window_crop(1, index)
        assert crop.boxes_xyxy.shape == (len(crop.labels), 4) and crop.boxes_xyxy.dtype == np.float32
        assert crop.boxes_xyxy.min() >= 0 and crop.boxes_xyxy.max() <= 1
        assert np.all(crop.boxes_xyxy[:, 2:] > crop.boxes_xyxy[:, :2])
        assert crop.load().dtype == np.uint8


def test_one_in_twenty_validates_and_one_tests():
    splits = [pending.split for pending in photos.photos(40, 0)]
    assert (splits.count("train"), splits.count("validation"), splits.count("test")) == (36, 2, 2)
    pending = crops.window_crops(20, 3)[18]
    record = pickle.loads(pickle.dumps(pending)).make()
    assert record.split == pending.split == "validation"


def test_photos_of_a_seed_hold_every_class_and_some_no_meter():
    labels = {}
    for index in range(24):
        photo = photos.draw_photo(11, index)
        label = photo.windows[0].label if photo.windows else "none"
        labels[label] = labels.get(label, 0) + 1
        assert max(photo.load().shape) <= 1024
        for window in photo.windows:
            assert window.label in STAGE1_CLASSES and is_convex(window.corners)
            legible = not window.label.endswith("illegible")
            assert bool(window.readings) == bool(window.boxes) == legible
            size = np.array(photo.load().shape[1::-1])
            assert np.all(window.corners >= -1) and np.all(window.corners <= size + 1)
    assert labels["analog"] > 12 and labels["none"] >= 1 and labels["digital"] >= 1


def test_transplant_keeps_split_and_group_and_changes_only_the_window():
    scene = np.full((200, 300, 3), 120, np.uint8)
    corners = np.array([[80, 80], [220, 80], [220, 110], [80, 110]], np.float32)
    source = LabelledPhoto("a.jpg", scene.copy, "train", "m1", (LabelledWindow(corners, "analog"),))
    other = LabelledPhoto("b.jpg", scene.copy, "test", "m2", (LabelledWindow(corners, "analog"),))
    made = [pending.make() for pending in photos.transplanted([source, other], 3, 0)]
    assert [(record.split, record.group) for record in made] == [("train", "m1")] * 3
    changed = np.any(made[0].load() != scene, axis=2)
    assert changed[85:105, 90:210].mean() > 0.5 and not changed[:60].any() and not changed[:, :60].any()
    assert made[0].windows[0].readings and made[0].windows[0].boxes
    assert photos.transplanted([other], 3, 0) == []


def test_blur_of_an_edge_is_measured():
    step = np.zeros((60, 60), np.float32)
    step[:, 30:] = 200
    assert transplants.edge_blur(cv2.GaussianBlur(step, (0, 0), 3.0)) == pytest.approx(3.0, rel=0.15)


def _collection(folder, rows):
    random = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "wheels.zip", "w") as archive:
        for name, *_ in rows:
            pixels = random.integers(0, 255, (40, 24, 3), dtype=np.uint8)
            archive.writestr(name, cv2.imencode(".jpg", pixels)[1].tobytes())
    with (folder / "labels.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["file", "tenths", "split", "group", "width", "height"])
        writer.writerows([*row, 24, 40] for row in rows)


def test_composed_windows_keep_the_split_of_their_wheels(tmp_path):
    # The digit tells the part: validation wheels show only 3, test wheels only 7.
    rows = [(f"{group}{n}.jpg", 3.0 if group == "d" else 1.0, "train", group) for group in "abcdef" for n in range(12)]
    rows += [(f"t{n}.jpg", 7.0, "test", "t") for n in range(12)]
    _collection(tmp_path, rows)
    for pending in wheels.wheel_windows(tmp_path, 20, 0):
        crop = pending.make()
        digits = {label for label in crop.labels if label in DIGIT_CLASSES}
        assert crop.split == pending.split
        assert digits == {"train": {"1"}, "validation": {"3"}, "test": {"7"}}[crop.split]


def test_missing_collection_is_one_line(tmp_path):
    with pytest.raises(UserError, match="labels.csv"):
        wheels.wheel_windows(tmp_path, 1, 0)


def test_every_font_draws_ten_different_digits():
    assert len(fonts.font_names()) >= 25
    for name in fonts.font_names():
        face = fonts.font_digits(name)
        assert face.shape[:2] == (10, fonts.GLYPH_HEIGHT)
        for first in range(10):
            for second in range(first):
                assert np.abs(face[first].astype(int) - face[second]).mean() > 4, (name, first, second)


def test_seven_segments_light_as_they_should():
    face, every = fonts.segment_digits(np.random.default_rng(0))
    assert np.array_equal(face[8], every)
    assert face[1].sum() < face[7].sum() < face[3].sum() < face[9].sum() < face[8].sum()


def test_examples_are_what_their_seeds_draw(tmp_path, capsys):
    examples.main(["--output", str(tmp_path)])
    assert capsys.readouterr().out.split() == [str(tmp_path / name) for name in examples.EXAMPLES]
    kept = fonts.FONTS_FOLDER.parent / "examples"
    for name in examples.EXAMPLES:
        drawn, shipped = (cv2.imread(str(folder / name)).astype(float) for folder in (tmp_path, kept))
        assert np.abs(drawn - shipped).mean() < 3
        assert (kept / name).stat().st_size < 150_000


def test_bands_run_past_a_counter_and_change_nothing_in_it(monkeypatch):
    shots = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(prints, "BANDS_SHARE", share)
        shots.append([crops.window_crop(11, index) for index in range(20)])
    changed = []
    for plain, banded in zip(*shots, strict=True):
        assert plain.labels == banded.labels
        np.testing.assert_array_equal(plain.boxes_xyxy, banded.boxes_xyxy)
        changed.append(np.abs(plain.load().astype(float) - banded.load()).mean(axis=2))
    assert sum((difference > 40).sum() > 100 for difference in changed) >= 3
    assert np.median([np.median(difference) for difference in changed]) < 3


def test_wheels_that_all_look_alike_seldom_have_a_fraction():
    plain = {True: [], False: []}
    for seed in range(300):
        random = np.random.default_rng(seed)
        style = random_style(np.random.default_rng(seed))
        window = windows.draw_window(random, digital=False)
        if window.strip is None:
            plain[windows.is_plain(style)].append("," in window.reading)
    assert len(plain[True]) > 20
    assert np.mean(plain[True]) < 0.3 < 0.6 < np.mean(plain[False])


@pytest.mark.parametrize(("fraction_left", "open_ones"), [(None, 0), (120.0, 15)])
def test_a_bracket_ends_where_the_fraction_starts_or_goes_all_round(fraction_left, open_ones):
    is_open = []
    for seed in range(40):
        canvas = np.zeros((120, 300, 3), np.float32)
        plates.draw_bracket(
            np.random.default_rng(seed), canvas, (60, 40, 240, 80), fraction_left, np.array([255.0] * 3)
        )
        columns = np.flatnonzero(canvas.any(axis=(0, 2)))
        assert columns[0] < 60
        is_open.append(columns[-1] < 240)
        assert columns[-1] == pytest.approx(120, abs=3) if is_open[-1] else columns[-1] > 240
    assert sum(is_open) >= open_ones
    assert any(is_open) == bool(open_ones)


def test_stickers_lie_beside_windows_and_change_nothing_else(monkeypatch):
    inside, elsewhere = [], []
    for index in range(16):
        shots = []
        for share in (0.0, 1.0):
            monkeypatch.setattr(photos, "STICKERS_SHARE", share)
            shots.append(photos.draw_photo(77, index))
        without, stuck = shots
        assert [window.readings for window in without.windows] == [window.readings for window in stuck.windows]
        difference = np.abs(without.load().astype(float) - stuck.load()).mean(axis=2)
        elsewhere.append((difference > 40).sum())
        for window in stuck.windows:
            area = np.zeros(difference.shape, np.uint8)
            cv2.fillPoly(area, [np.round(window.corners).astype(np.int32)], 1)
            inside.append(difference[area > 0].mean())
    assert len(inside) >= 8 and max(inside) < 3
    assert sum(count > 500 for count in elsewhere) >= 4


def test_signs_beside_a_displays_digits_are_no_part_of_its_reading(monkeypatch):
    drawn = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(displays, "SIGNS_SHARE", share)
        drawn[share] = [displays.draw_display(np.random.default_rng(seed)) for seed in range(10)]
    changed = []
    for (plain, _, boxes, text, _), (signed, _, same_boxes, same_text, _) in zip(drawn[0.0], drawn[1.0], strict=True):
        assert text == same_text and plain.shape == signed.shape
        for box, same in zip(boxes, same_boxes, strict=True):
            assert box.label == same.label and np.array_equal(box.corners, same.corners)
    changed = [
        np.abs(plain.astype(float) - signed).max() > 20
        for (plain, *_), (signed, *_) in zip(*drawn.values(), strict=True)
    ]
    assert sum(changed) > 5
