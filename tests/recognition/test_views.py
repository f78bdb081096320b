import io

import cv2
import numpy as np
import pytest
from PIL import Image

from deploy.recognition import photo_files
from deploy.recognition.quick_decoding import decode_quickly
from deploy.recognition.rectification import shrink
from deploy.recognition.window import letterbox, windows_of


@pytest.mark.parametrize(("factor", "steps"), [(2, 1), (3, 1), (4, 2), (6, 2), (12, 3)])
def test_shrink_takes_means_and_leaves_a_rest_out(factor, steps):
    photo = np.random.default_rng(0).integers(0, 256, (2 * factor + 1, 3 * factor + 1, 3), np.uint8)
    small = shrink(photo, factor)
    assert small.shape == (2, 3, 3)
    expected = photo[: 2 * factor, : 3 * factor].reshape(2, factor, 3, factor, 3).mean(axis=(1, 3))
    # each step rounds
    assert np.abs(small - expected).max() <= 0.5 * steps


def test_shrink_by_one_is_the_photo():
    photo = np.zeros((3, 5, 3), np.uint8)
    assert shrink(photo, 1) is photo


@pytest.mark.parametrize(("width", "height"), [(1000, 750), (1007, 499), (755, 1007)])
def test_letterbox_shrinks_as_by_area(width, height):
    coarse = np.random.default_rng(0).integers(0, 256, (height // 160, width // 160, 3), np.uint8)
    photo = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    view = letterbox(photo, 80)
    side = max(width, height)
    left, top = np.round(-view.to_photo(np.zeros(2))).astype(int)
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + height, left : left + width] = photo
    direct = cv2.resize(square, (80, 80), interpolation=cv2.INTER_AREA)
    assert np.abs(view.picture.astype(int) - direct).mean() < 3
    # a white spot stands where the matrix says
    centre = np.array([0.7 * width, 0.4 * height])
    marked = cv2.circle(np.zeros_like(photo), tuple(np.round(centre).astype(int).tolist()), 40, (255, 255, 255), -1)
    view = letterbox(marked, 80)
    rows, columns = np.nonzero(view.picture[..., 0] > 127)
    back = view.to_photo(np.array([columns.mean() + 0.5, rows.mean() + 0.5]))
    assert np.linalg.norm(back - centre) < 5


def test_letterbox_centres_on_black():
    stripes = np.zeros((200, 400, 3), np.uint8)
    stripes[..., 0] = 250
    view = letterbox(stripes, 1024)
    np.testing.assert_allclose(view.matrix, [[2.56, 0, 0], [0, 2.56, 256], [0, 0, 1]])
    assert not view.picture[:255].any() and not view.picture[769:].any()
    np.testing.assert_array_equal(view.picture[300, 10], [250, 0, 0])
    view = letterbox(np.zeros((2000, 500, 3), np.uint8), 1024)
    np.testing.assert_allclose(view.matrix, [[0.512, 0, 384], [0, 0.512, 0], [0, 0, 1]])


def test_letterbox_of_a_needle_of_a_photo():
    assert letterbox(np.full((2, 4000, 3), 90, np.uint8), 320).picture.shape == (320, 320, 3)


def test_windows_are_all_detections_with_the_least_score():
    view = letterbox(np.zeros((200, 400, 3), np.uint8), 320)
    square = np.array([[0, 0], [40, 0], [40, 10], [0, 10]], np.float32)
    outputs = {
        "corners": np.array([[square + (100, 100), square + (200, 150), square, square]]),
        "boxes": np.array([[[100, 100, 140, 110], [200, 150, 240, 160], [0, 0, 40, 10], [0, 0, 40, 10]]]),
        "scores": np.array([[0.9, 0.3, 0.29, 0.0]]),
        "classes": np.array([[0, 3, 0, 0]]),
    }
    found = windows_of(view, outputs, 0, 0.3)
    assert [(window.score, window.label) for window in found] == [(0.9, "analog"), (0.3, "digital_illegible")]
    # the view shows the photo at 0.8 of its size, 80 pixels down
    np.testing.assert_allclose(found[1].corners, (square + (200, 150 - 80)) / 0.8, atol=1e-3)
    assert found[1].box_overlap == pytest.approx(1)
    assert len(windows_of(view, outputs, 0, 0.0)) == 3


def jpeg(image, **options):
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True, "subsampling": 0}, {"quality": 30, "subsampling": 2}])
def test_jpeg_pixels_are_those_that_pillow_decodes(mode, options):
    noise = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    image = Image.fromarray(noise).resize((121, 93), Image.Resampling.BICUBIC).convert(mode)
    content = jpeg(image, **options)
    with Image.open(io.BytesIO(content)) as opened:
        expected = np.array(opened.convert("RGB"))
        # CMYK is left to Pillow
        by_opencv = decode_quickly(opened, content, 1)
    assert (by_opencv is None) == (mode == "CMYK")
    np.testing.assert_array_equal(photo_files.decode_photo(content, "x"), expected)


def test_a_jpeg_with_more_behind_its_end_is_read():
    content = jpeg(Image.new("RGB", (64, 48), (200, 100, 50)))
    whole = photo_files.decode_photo(content, "x")
    np.testing.assert_array_equal(photo_files.decode_photo(content + b"\0 a trailer", "x"), whole)
