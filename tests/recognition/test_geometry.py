import numpy as np
import pytest

from deploy.recognition import geometry, rectification

SQUARE = np.array([[10, 20], [110, 20], [110, 60], [10, 60]], np.float32)
TILTED = np.array([[30, 10], [130, 40], [120, 80], [18, 55]], np.float32)


def test_perspective_matrix_maps_corners_to_corners():
    matrix = geometry.perspective_matrix(TILTED, geometry.rectangle_corners(256, 128))
    mapped = geometry.transform_points(TILTED, matrix)
    np.testing.assert_allclose(mapped, [[0, 0], [256, 0], [256, 128], [0, 128]], atol=1e-3)


def test_transform_points_and_its_inverse():
    matrix = geometry.perspective_matrix(TILTED, SQUARE)
    points = np.array([[[40, 30]], [[100, 60]]], np.float32)
    back = geometry.transform_points(geometry.transform_points(points, matrix), np.linalg.inv(matrix))
    assert back.shape == points.shape
    np.testing.assert_allclose(back, points, atol=1e-3)


def test_expand_corners_of_a_rectangle():
    grown = geometry.expand_corners(SQUARE, 0.1, 0.25)
    np.testing.assert_allclose(grown, [[0, 10], [120, 10], [120, 70], [0, 70]], atol=1e-3)


def test_side_lengths_and_natural_size():
    assert geometry.side_lengths(SQUARE) == (100, 40)
    assert geometry.natural_size(SQUARE, 64) == (64, 160)


@pytest.mark.parametrize(
    ("corners", "convex"),
    [
        (SQUARE, True),
        (TILTED, True),
        (np.roll(SQUARE, 1, axis=0), True),
        (SQUARE[::-1], False),  # anticlockwise
        (SQUARE[[0, 2, 1, 3]], False),  # crossed
        (SQUARE[[0, 0, 1, 2]], False),  # two in one place
    ],
)
def test_is_convex(corners, convex):
    assert geometry.is_convex(corners) is convex


def test_polygon_iou():
    moved = SQUARE + (50, 0)
    assert geometry.polygon_iou(SQUARE, SQUARE) == pytest.approx(1)
    assert geometry.polygon_iou(SQUARE, moved) == pytest.approx(1 / 3, abs=1e-4)
    assert geometry.polygon_iou(SQUARE, moved[::-1]) == pytest.approx(1 / 3, abs=1e-4)
    assert geometry.polygon_iou(SQUARE, SQUARE + (500, 0)) == 0


def test_polygon_iou_of_a_dented_polygon():
    dented = np.array([[0, 0], [50, 20], [100, 0], [100, 40], [0, 40]], np.float32)
    assert geometry.polygon_iou(dented, SQUARE - (10, 20)) == pytest.approx(0.75, abs=0.01)


def test_bounding_box():
    np.testing.assert_array_equal(geometry.bounding_box(TILTED), [18, 10, 130, 80])


def test_warp_with_the_identity_returns_the_photo():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    np.testing.assert_array_equal(rectification.warp(photo, np.eye(3), (20, 30)), photo)


def test_warp_shrinks_by_area():
    # a board of single pixels: interpolation alone would show black or white, the area's mean is grey
    board = np.indices((400, 400)).sum(axis=0) % 2 * 255
    photo = np.repeat(board[..., np.newaxis], 3, axis=2).astype(np.uint8)
    small = rectification.warp(photo, np.diag([0.1, 0.1, 1]), (40, 40))
    inner = small[2:-2, 2:-2].astype(int)
    assert np.abs(inner - 127).max() <= 2


@pytest.mark.parametrize("scale", [1, 3, 8])
def test_rectify_window_keeps_positions_at_every_scale(scale):
    # left half black, right half white: the edge stays in the middle, to a fraction of a pixel
    photo = np.zeros((80 * scale, 160 * scale, 3), np.uint8)
    corners = np.array([[20, 20], [140, 20], [140, 60], [20, 60]], np.float32) * scale
    photo[:, 80 * scale :] = 255
    crop = rectification.rectify_window(photo, corners, (40, 120))
    assert crop.shape == (40, 120, 3)
    np.testing.assert_allclose(crop[:, :, 0].mean(axis=1) / 255, 0.5, atol=0.005)


def test_rectify_window_upside_down():
    photo = np.zeros((60, 120, 3), np.uint8)
    photo[20:40, 20:40] = (255, 0, 0)
    corners = np.roll(np.array([[20, 20], [100, 20], [100, 40], [20, 40]], np.float32), 2, axis=0)
    crop = rectification.rectify_window(photo, corners, (20, 80))
    assert crop[10, 70, 0] == 255
    assert crop[10, 10, 0] == 0


def test_warp_of_a_view_outside_the_photo_is_black():
    photo = np.full((50, 50, 3), 200, np.uint8)
    far = np.array([[0.1, 0, 1000], [0, 0.1, 1000], [0, 0, 1]])
    assert rectification.warp(photo, far, (20, 20)).max() == 0
