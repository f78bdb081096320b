import cv2
import numpy as np
import pytest

from retinanet.config import STAGE1, STAGE2
from retinanet.datasets import augmentation
from retinanet.datasets.input_pipeline import (
    POINT_SIZE,
    UPSIDE_DOWN_SHARE,
    _augmented_stage2,
    _plain_stage1,
    pad_boxes,
)
from retinanet.datasets.schema import SCHEMAS


def photo_with_window():
    """A grey photo in which each corner of the window has a colour of its own."""
    photo = np.full((300, 400, 3), 90, np.uint8)
    corners = np.array([[120, 100], [280, 110], [275, 150], [118, 140]], np.float32)
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]])
    for corner, color in zip(corners, colors, strict=True):
        cv2.circle(photo, tuple(int(value) for value in corner), 9, color.tolist(), -1)
    return photo, corners, colors


def test_corners_go_where_the_picture_goes():
    photo, corners, colors = photo_with_window()
    checked = 0
    for seed in range(40):
        view, moved = augmentation.look_at_photo(np.random.default_rng(seed), photo, corners[None], 320)
        assert view.shape == (320, 320, 3)
        if np.linalg.norm(moved[0, 1] - moved[0, 0]) < 60:
            continue
        for (x, y), color in zip(moved[0], colors, strict=True):
            if 8 < x < 311 and 8 < y < 311:
                seen = view[int(round(y)), int(round(x))].astype(int)
                assert np.abs(seen - color).max() < 90, (seed, x, y)
                checked += 1
    assert checked > 60


def test_photo_without_windows_stays_without():
    view, corners = augmentation.look_at_photo(
        np.random.default_rng(0), np.zeros((50, 80, 3), np.uint8), np.zeros((0, 4, 2), np.float32), 64
    )
    assert view.shape == (64, 64, 3)
    assert corners.shape == (0, 4, 2)


def test_boxes_go_where_the_window_goes():
    window = np.zeros((256, 256, 3), np.uint8)
    window[60:200, 100:140] = 255
    for seed in range(20):
        view, boxes = augmentation.jitter_window(
            np.random.default_rng(seed), window, np.array([[100, 60, 140, 200]], np.float64), (256, 128)
        )
        rows, columns = np.nonzero(view[..., 0] > 128)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(boxes[0], seen, atol=3)


@pytest.mark.parametrize("change", [augmentation.change_light, augmentation.degrade, augmentation.change_colors])
def test_same_seed_gives_the_same_picture(change):
    picture = photo_with_window()[0]
    for seed in range(12):
        first, second = (change(np.random.default_rng(seed), picture) for _ in range(2))
        assert first.dtype == np.uint8
        assert first.shape == picture.shape
        np.testing.assert_array_equal(first, second)


def test_quarter_turns_of_validation_photos_keep_the_reading_order():
    photo, corners, colors = photo_with_window()
    square = np.zeros((400, 400, 3), np.uint8)
    square[:300] = photo
    stored = np.zeros((1, 12), np.float32)
    stored[0, 4:] = (corners[:, ::-1] / 400).reshape(-1)
    for seed in range(8):
        view, padded, classes = _plain_stage1(np.random.default_rng(seed), square, stored, np.array([1]), STAGE1)
        assert classes.tolist() == [1] + [-1] * (SCHEMAS[1].most_objects - 1)
        for (x, y), color in zip(padded[0], colors, strict=True):
            assert np.abs(view[int(y), int(x)].astype(int) - color).max() < 60


def test_points_grow_and_padding_lies_outside():
    boxes, classes = pad_boxes(np.array([[100.0, 100, 104, 104], [10, 10, 11, 60]]), np.array([13, 4]))
    np.testing.assert_allclose(boxes[0], [102 - POINT_SIZE[0] / 2, 70, 102 + POINT_SIZE[0] / 2, 134])
    assert classes.tolist() == [13] + [-1] * (SCHEMAS[2].most_objects - 1)
    assert np.all(boxes[1:] < 0)


def test_low_digits_grow_round_their_middles_and_slivers_of_high_ones_do_not():
    boxes, classes = pad_boxes(np.array([[100.0, 80, 112, 104], [40, 60, 70, 90], [0, 4, 6, 120]]), np.array([3, 5, 7]))
    np.testing.assert_allclose(boxes[:3], [[95, 69, 117, 115], [40, 52, 70, 98], [0, 4, 6, 120]])
    assert classes[:3].tolist() == [3, 5, 7]


def test_windows_upside_down_have_nothing_to_find():
    window = np.zeros((256, 256, 3), np.uint8)
    window[40:200, 20:60] = 255
    upside_down = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        boxes, labels = np.array([[40, 20, 200, 60]], np.float32) / 256, np.array([7])
        view, padded, classes = _augmented_stage2(random, window, boxes, labels, STAGE2)
        grey = view.mean(axis=2).astype(float)
        # the digit is what differs from the middle, dark on light ones too
        left, right = (
            abs(grey[:, 20:60].mean() - grey[:, 128].mean()),
            abs(grey[:, 196:236].mean() - grey[:, 128].mean()),
        )
        assert (right > left) == (classes[0] == -1)
        upside_down += classes[0] == -1
    assert upside_down == pytest.approx(200 * UPSIDE_DOWN_SHARE, abs=12)
