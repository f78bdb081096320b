import cv2
import numpy as np
import pytest

from retinanet.datasets.records import LabelledPhoto, LabelledWindow
from retinanet.datasets.source_photos import decode_picture
from retinanet.datasets.stored_examples import stage1_example


def test_a_window_of_which_only_the_reading_is_known_gets_into_no_dataset():
    window = LabelledWindow(None, "analog", readings=("00595,825",))
    photo = LabelledPhoto("a.jpg", lambda: np.zeros((40, 60, 3), np.uint8), "train", "a", (window,))
    with pytest.raises(ValueError, match="00595,825.* has no corners"):
        stage1_example(photo)


def test_pictures_are_decoded_as_rgb_or_as_the_flags_say():
    picture = np.zeros((2, 3, 3), np.uint8)
    picture[:] = (10, 20, 200)
    _, file = cv2.imencode(".png", picture[..., ::-1])
    np.testing.assert_array_equal(decode_picture(file), picture)
    np.testing.assert_array_equal(decode_picture(file, cv2.IMREAD_COLOR), picture[..., ::-1])


def test_what_is_no_picture_is_told():
    with pytest.raises(ValueError, match="3 bytes are no picture"):
        decode_picture(np.array([1, 2, 3], np.uint8))
