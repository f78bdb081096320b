import dataclasses

import cv2
import numpy as np
import pytest

from deploy.recognition.classes import DIGIT_CLASSES
from retinanet.datasets.synthetic import crops, degradation, makes, meters, obstacles, odometer, windows


def _window(make, seed, **changes):
    random = np.random.default_rng([seed, 3])
    style, (wheels, decimals), strip = makes.random_make(random, make)
    strip = dataclasses.replace(strip, **changes)
    return windows.draw_wheels(random, style, odometer.random_phases(random, wheels), decimals, strip), strip


@pytest.mark.parametrize("make", ["gas", "electricity", "unit"])
def test_reading_is_what_the_boxes_spell_from_left_to_right(make):
    for seed in range(20):
        window, _ = _window(make, seed)
        digits = [box for box in window.boxes if box.label in DIGIT_CLASSES]
        assert "".join(box.label for box in digits) == window.reading.replace(",", "")
        middles = [box.corners[:, 0].mean() for box in digits]
        assert middles == sorted(middles)
        fractions = [box.corners for box in window.boxes if box.label == "floatp"]
        inside = [any(part[0, 0] < middle < part[1, 0] for part in fractions) for middle in middles]
        assert sum(inside) == len(window.reading.partition(",")[2])


def test_most_electricity_meters_have_one_decimal_and_most_gas_meters_two_or_three():
    shares = {}
    for make in ("gas", "electricity"):
        decimals = [len(_window(make, seed)[0].reading.partition(",")[2]) for seed in range(40)]
        shares[make] = [decimals.count(number) / 40 for number in range(4)]
    assert shares["electricity"][1] > 0.7
    assert shares["gas"][2] + shares["gas"][3] > 0.9


def test_unit_on_the_strip_lies_outside_the_window_and_has_no_box():
    for seed in range(20):
        window, strip = _window("unit", seed)
        without, _ = _window("unit", seed, unit="")
        assert window.reading == without.reading and np.array_equal(window.corners, without.corners)
        changed = np.abs(window.image.astype(int) - without.image).max(axis=2) > 20
        assert changed.sum() > 30
        columns = np.flatnonzero(changed.any(axis=0))
        left, right = window.corners[:, 0].min(), window.corners[:, 0].max()
        assert columns.min() >= right or columns.max() < left
        assert strip.unit and len(window.boxes) == len(without.boxes)
        low, high = window.corners.min(axis=0) - 1, window.corners.max(axis=0) + 1
        for box in window.boxes:
            assert np.all(box.corners >= low) and np.all(box.corners <= high)


def test_strip_holds_window_and_unit():
    for seed in range(20):
        window, _ = _window("unit", seed)
        without, _ = _window("unit", seed, unit="")
        changed = np.abs(window.image.astype(int) - without.image).max(axis=2) > 20
        rows, columns = np.nonzero(changed)
        low, high = window.strip.min(axis=0), window.strip.max(axis=0)
        assert np.all(low <= window.corners.min(axis=0)) and np.all(high >= window.corners.max(axis=0))
        assert low[0] <= columns.min() and columns.max() <= high[0] + 1


def test_crops_reach_towards_the_strip_but_never_beyond_it():
    corners = np.array([[20, 10], [80, 10], [80, 30], [20, 30]], np.float32)
    strip = np.array([[10, 5], [140, 5], [140, 35], [10, 35]], np.float32)
    found = np.array([crops.towards_strip(np.random.default_rng(seed), corners, strip) for seed in range(300)])
    assert found[..., 0].min() == 10 and found[..., 0].max() == 140
    assert found[..., 1].min() == 5 and found[..., 1].max() == 35
    as_they_were = np.mean([np.array_equal(each, corners) for each in found])
    assert as_they_were == pytest.approx(1 - crops.STRIP_SHARE, abs=0.1)
    assert crops.towards_strip(np.random.default_rng(0), corners, None) is corners


def test_about_a_third_of_the_wheels_are_of_gas_and_electricity_meters_or_have_a_unit_beside_them():
    drawn = [windows.draw_window(np.random.default_rng(seed), digital=False) for seed in range(300)]
    on_strips = np.mean([window.strip is not None for window in drawn])
    assert 0.25 < on_strips < 0.45
    assert {window.meter for window in drawn} == {"water", "gas", "electricity"}


@pytest.mark.parametrize("make", ["gas", "electricity"])
def test_case_shows_the_window_where_it_says(make):
    for seed in range(8):
        window, _ = _window(make, seed)
        face = meters.draw_meter(np.random.default_rng(seed), window, float(np.ptp(window.corners[:, 1])))
        corners = window.corners + np.array(face.to_face)
        assert face.mask.shape == face.image.shape[:2]
        x0, y0, x1, y1 = np.round([*corners.min(axis=0), *corners.max(axis=0)]).astype(int)
        assert np.all(face.mask[y0:y1, x0:x1] == 255)
        shown = cv2.cvtColor(face.image[y0:y1, x0:x1], cv2.COLOR_RGB2GRAY).astype(float)
        low, high = (np.round(end).astype(int) for end in (window.corners.min(axis=0), window.corners.max(axis=0)))
        own = cv2.cvtColor(window.image[low[1] : high[1], low[0] : high[0]], cv2.COLOR_RGB2GRAY).astype(float)
        assert np.corrcoef(shown.ravel(), own.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("make", ["gas", "electricity", "unit"])
def test_same_seed_draws_the_same_meter(make):
    shots = []
    for _ in range(2):
        window, _ = _window(make, 5)
        shots.append((window.image, meters.draw_meter(np.random.default_rng(5), window, 70.0).image))
    assert all(np.array_equal(*pair) for pair in zip(*shots, strict=True))


def test_mesh_covers_little_of_a_window():
    photo = np.full((300, 400, 3), 250.0, np.float32)
    corners = np.array([[100, 130], [300, 130], [300, 170], [100, 170]], np.float32)
    for seed in range(20):
        behind = obstacles.draw_mesh(np.random.default_rng(seed), photo, corners)
        assert 0 < (np.abs(behind - photo).max(axis=2) > 20).mean() < 0.35


def test_motion_along_the_row_keeps_what_is_the_same_along_it():
    stripes = np.repeat(np.arange(40, dtype=np.float32)[:, None, None], 60, axis=1).repeat(3, axis=2)
    moved = degradation.blur_along(stripes, np.array([1.0, 0.0]), 9.0)
    assert np.abs(moved - stripes)[:, 8:-8].max() < 0.6
    edge = np.zeros((40, 60, 3), np.float32)
    edge[:, 30:] = 200
    row = degradation.blur_along(edge, np.array([1.0, 0.0]), 9.0)[20, :, 0]
    assert ((row > 5) & (row < 195)).sum() == pytest.approx(9, abs=2)


def test_washed_out_pictures_keep_their_order_of_tones_and_little_contrast():
    ramp = np.repeat(np.linspace(20, 120, 50, dtype=np.float32)[None, :, None], 3, axis=2)
    for seed in range(12):
        washed = degradation.wash_out(np.random.default_rng(seed), ramp)[0, :, 0]
        assert np.all(np.diff(washed) > 0)
        milky = washed[-1] - washed[0] < 61
        assert milky or washed[0] >= 76
