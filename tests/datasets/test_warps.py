"""Where pixels go, labels go: centroids of spots after each warp, to a twentieth of a pixel."""

import cv2
import numpy as np
import pytest

from deploy.recognition.geometry import (
    perspective_matrix,
    rectangle_corners,
    side_lengths,
    transform_points,
)
from deploy.recognition.rectification import rectify_window, warp
from retinanet.datasets import augmentation
from retinanet.datasets.records import LabelledBox, LabelledPhoto, LabelledWindow
from retinanet.datasets.synthetic import crops, degradation, placement, transplants
from retinanet.datasets.synthetic.windows import DrawnWindow

TOLERANCE = 0.05


def spot(size, centre, sigma):
    """A bell of light on black, float32 RGB; size is (width, height), the centre in continuous coordinates."""
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    light = np.exp(-((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2) / (2 * sigma**2))
    return np.repeat(250 * light[..., None], 3, axis=2).astype(np.float32)


def centroid(picture):
    """The centre of light, in continuous coordinates: pixel i covers i to i + 1."""
    light = picture[..., 0].astype(np.float64)
    columns, rows = np.meshgrid(np.arange(light.shape[1]) + 0.5, np.arange(light.shape[0]) + 0.5)
    return np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()


def centroid_through(picture, matrix):
    """Where the centre of light comes to stand: perspective makes what is near larger, and moves it."""
    height, width = picture.shape[:2]
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    points = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ matrix.T
    light = picture[..., 0] / points[..., 2] ** 3  # the share of the area
    return (points[..., :2] / points[..., 2:] * light[..., None]).sum(axis=(0, 1)) / light.sum()


@pytest.mark.parametrize("scale", [0.2, 0.45, 0.8, 1.0, 2.5])
def test_views_of_recognition(scale):
    matrix = np.array([[scale, 0.02, 3.7], [-0.03, scale, 5.2], [0, 0, 1]])
    size = round(300 * scale + 20), round(400 * scale + 20)
    seen = warp(spot((400, 300), (203.3, 141.6), 12).astype(np.uint8), matrix, size)
    expected = transform_points(np.array([203.3, 141.6]), matrix)
    np.testing.assert_allclose(centroid(seen), expected, atol=TOLERANCE)


def test_rectified_windows():
    corners = np.array([[80, 70], [320, 90], [310, 170], [74, 150]], np.float32)
    centre = corners.mean(axis=0)
    photo = spot((400, 300), centre, 9).astype(np.uint8)
    expected = centroid_through(photo, perspective_matrix(corners, rectangle_corners(256, 128)))
    np.testing.assert_allclose(centroid(rectify_window(photo, corners, (128, 256))), expected, atol=TOLERANCE)


def test_training_views_of_stage_1():
    centre = np.array([203.3, 141.6])
    photo = spot((400, 300), centre, 10).astype(np.uint8)
    window = np.array([[-60, -20], [60, -20], [60, 20], [-60, 20]], np.float32) + centre.astype(np.float32)
    checked = 0
    for seed in range(60):
        view, (moved,) = augmentation.look_at_photo(np.random.default_rng(seed), photo, window[None], 224)
        middle = centroid_through(photo, perspective_matrix(window, moved))
        width, height = side_lengths(moved)
        if view[0, 0].any() or np.any(middle < width / 2) or np.any(middle > 224 - width / 2) or height < 12:
            continue
        np.testing.assert_allclose(centroid(view), middle, atol=TOLERANCE, err_msg=str(seed))
        checked += 1
    assert checked > 10


def test_training_views_of_stage_2():
    box = np.array([[120, 90, 160, 150]], np.float64)
    window = spot((256, 256), (140, 120), 8).astype(np.uint8)
    for seed in range(20):
        view, boxes = augmentation.jitter_window(np.random.default_rng(seed), window, box, (256, 128))
        middle = (boxes[0, :2] + boxes[0, 2:]) / 2
        np.testing.assert_allclose(centroid(view), middle, atol=0.3)  # the box is one round a quadrilateral


@pytest.mark.parametrize("scale", [0.3, 0.7, 1.6])
def test_drawn_things_laid_onto_photos(scale):
    matrix = np.array([[scale, -0.1, 60.4], [0.1, scale, 31.7], [0, 0, 1]])
    image = spot((200, 120), (90.0, 52.0), 9)
    photo = placement.lay(np.zeros((300, 500, 3), np.float32), image, np.full((120, 200), 255, np.uint8), matrix)
    np.testing.assert_allclose(centroid(photo), transform_points(np.array([90.0, 52.0]), matrix), atol=TOLERANCE)


def test_drawn_crops(monkeypatch):
    """Nothing but the warp: light, dirt, blur, noise and compression left out, corners as they are."""
    for name in ("soil_glass", "add_shadow", "light", "add_reflection", "add_glare", "blur"):
        monkeypatch.setattr(degradation, name, lambda random, image, *more: image)
    monkeypatch.setattr(degradation, "sense", lambda random, image, noise: image)
    monkeypatch.setattr(degradation, "compress", lambda pixels, quality: pixels)
    monkeypatch.setattr(crops, "_bend", lambda image, bow: image)
    monkeypatch.setattr(crops, "_bow_at", lambda columns, width, bow: 0 * columns)
    for name in ("MOVED_SHARE", "MESH_SHARE", "WASHED_OUT_SHARE", "CHEAP_CAMERA_SHARE"):
        monkeypatch.setattr(crops, name, 0.0)
    monkeypatch.setattr(crops, "jitter_corners", lambda random, corners: corners)
    corners = np.array([[40, 30], [440, 30], [440, 110], [40, 110]], np.float32)
    centre = np.array([210.0, 70.0])
    box = LabelledBox((centre + [[-20, -30], [20, -30], [20, 30], [-20, 30]]).astype(np.float32), "3")
    image = spot((480, 140), centre, 9)
    for seed in range(20):
        pixels, boxes_xyxy, _ = crops.degrade_crop(np.random.default_rng(seed), image, corners, (box,))
        height, width = pixels.shape[:2]
        middle = (boxes_xyxy[0, :2] + boxes_xyxy[0, 2:]) / 2 * (width, height)
        np.testing.assert_allclose(centroid(pixels), middle, atol=TOLERANCE, err_msg=str(seed))


def test_transplanted_windows(monkeypatch):
    corners = np.array([[20, 20], [420, 20], [420, 100], [20, 100]], np.float32)
    centre = np.array([180.0, 60.0])
    box = LabelledBox((centre + [[-20, -30], [20, -30], [20, 30], [-20, 30]]).astype(np.float32), "3")
    drawn = DrawnWindow(spot((440, 120), centre, 8), corners, (box,), "3", "analog", (), np.zeros(3))
    monkeypatch.setattr(transplants, "draw_window", lambda random, **more: drawn)
    monkeypatch.setattr(transplants, "grain", lambda grey: 0.0)
    place = np.array([[100, 90], [300, 100], [297, 141], [98, 131]], np.float32)
    dim = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 2, (240, 400, 3), np.uint8), (0, 0), 1)
    record = LabelledPhoto("a.jpg", lambda: dim, "train", "a", (LabelledWindow(place, "analog", (), ("00003",)),))
    photo = transplants.transplant(record, 1, 0)
    (placed,) = photo.windows
    expected = centroid_through(drawn.image, perspective_matrix(drawn.corners, placed.corners))
    close = cv2.circle(np.zeros((240, 400, 1), np.uint8), tuple(np.round(expected).astype(int).tolist()), 12, 1, -1)
    light = np.clip(photo.load().astype(np.float32) - 60, 0, None) * close
    np.testing.assert_allclose(centroid(light), expected, atol=0.15)
