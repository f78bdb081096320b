import numpy as np
import pytest

import draw_no_meter as script
from deploy.recognition.photo_files import read_photo
from retinanet.datasets.synthetic.no_meter import HELD_OUT_KINDS, THINGS, TRAINING_KINDS, draw_no_meter, photos


@pytest.mark.parametrize("name", THINGS)
def test_things_are_drawn_in_ink_that_shows(name):
    thing = THINGS[name](np.random.default_rng(3))
    assert thing.ndim == 3 and thing.dtype == np.float32
    brightest = thing.max(axis=2)
    assert np.percentile(brightest, 99.5) - np.percentile(brightest, 0.5) > 80


def test_photos_are_the_same_at_every_call_and_differ_from_each_other():
    name, photo = draw_no_meter(1, 2)
    again, same = draw_no_meter(1, 2)
    assert name == again == "price_tag" and np.array_equal(photo, same)
    assert photo.dtype == np.uint8 and 640 <= photo.shape[1] < 1100
    other = draw_no_meter(2, 2)[1]
    assert photo.shape != other.shape or not np.array_equal(photo, other)


def test_every_fifth_photo_is_scenery_and_the_others_take_turns():
    names = [draw_no_meter(5, index, list(THINGS))[0] for index in range(15)]
    assert [index for index, name in enumerate(names) if name == "scenery"] == [4, 9, 14]
    assert sorted(name for name in names if name != "scenery") == sorted(THINGS)


def test_what_is_trained_on_is_not_what_is_measured_on():
    assert sorted(TRAINING_KINDS + HELD_OUT_KINDS) == sorted(THINGS)
    assert {draw_no_meter(5, index)[0] for index in range(5)} == {*HELD_OUT_KINDS, "scenery"}
    photo = photos(3, seed=1)[2].make()
    assert photo.windows == () and photo.load().shape != draw_no_meter(1, 2, TRAINING_KINDS)[1].shape


def test_script(tmp_path, capsys):
    script.main(["--count", "1", "--seed", "7", "--output", str(tmp_path)])
    assert f"{tmp_path}: 1 photos" in capsys.readouterr().out
    written = read_photo(tmp_path / "000_gauge.jpg")
    assert np.abs(written.astype(int) - draw_no_meter(7, 0)[1]).mean() < 4
