import dataclasses

import numpy as np
import pytest

from deploy.recognition.drawing import annotate
from deploy.recognition.geometry import covered_share, rectangle_corners
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.recognition import Recognition
from tests import fake_meters

UPPER = fake_meters.turned_corners((600, 250), 300, 75, 0)
LOWER = fake_meters.turned_corners((560, 650), 300, 75, 0)
SCALE = fake_meters.SIZE / 1200
SHIFT = np.array([0, 40])


@pytest.fixture
def photo():
    photo = fake_meters.meter_photo(UPPER)
    fake_meters.add_meter(photo, LOWER, "00417305")
    return photo


def reader_of(*first_look, **thresholds):
    """Reads a photo on which the first look finds these windows (corners in the photo, score)."""
    found = [(corners * SCALE + SHIFT, score) for corners, score in first_look]
    stage1 = fake_meters.ScriptedStage1(lambda call, picture: found if call == 1 else None)
    models = dataclasses.replace(fake_meters.models(), stage1=stage1)
    return MeterReader(models, fake_meters.settings(**thresholds))


def test_every_counter_is_read(photo):
    reader = reader_of((UPPER, 0.9), (LOWER, 0.6))
    recognition = reader.read(photo)
    assert [counter.text for counter in recognition.readings] == ["12305,678", "00417,305"]
    assert recognition.text == "12305,678" and len(reader.models.stage1.seen) == 3
    for counter, corners in zip(recognition.readings, (UPPER, LOWER), strict=True):
        assert np.linalg.norm(counter.corners - corners, axis=1).max() < 3
        assert len(counter.digits) == 8 and counter.counter_class == "analog"
    told = recognition.to_dict()
    assert told["several"] is True and told["text"] == told["readings"][0]["text"]
    assert told["readings"][1]["text"] == "00417,305" and 0 < told["readings"][1]["confidence"] < 1
    np.testing.assert_allclose(told["readings"][1]["corners"], LOWER, atol=3)


def test_a_counter_alone_is_no_several(photo):
    reader = reader_of((LOWER, 0.9))
    told = reader.read(photo).to_dict()
    assert told["several"] is False and [counter["text"] for counter in told["readings"]] == ["00417,305"]
    assert len(reader.models.stage1.seen) == 2
    nothing = reader.read(np.full((90, 90, 3), 60, np.uint8)).to_dict()
    assert nothing["several"] is False and nothing["readings"] == []


def test_windows_that_lie_on_one_another_are_one_counter(photo):
    reader = reader_of((UPPER, 0.9), (UPPER + (140, 0), 0.8))
    recognition = reader.read(photo)
    assert recognition.text == "12305,678" and recognition.others == ()
    assert len(reader.models.stage1.seen) == 2
    # a window beside it of which the zoomed look finds the first one again
    reader = reader_of((UPPER, 0.9), (UPPER + (230, 0), 0.8))
    recognition = reader.read(photo)
    assert recognition.others == () and len(reader.models.stage1.seen) > 2


def test_beside_a_sure_window_a_weaker_first_look_will_do(photo):
    weak = fake_meters.settings().window.min_score - 0.02
    assert len(reader_of((UPPER, 0.9), (LOWER, weak)).read(photo).readings) == 2
    assert reader_of((LOWER, weak), tile_shares=()).read(photo).reason == "no_meter"


def test_a_further_counter_must_be_a_sure_window(photo):
    unsure = fake_meters.settings().window.sure_score - 0.01
    found = [(UPPER * SCALE + SHIFT, 0.9), (LOWER * SCALE + SHIFT, 0.6)]
    # the third look is the one at the lower counter
    middle = fake_meters.turned_corners((160, 160), 176, 44, 0)
    for score, count in ((unsure, 1), (unsure + 0.02, 2)):
        stage1 = fake_meters.ScriptedStage1(
            lambda call, picture, score=score: {1: found, 3: [(middle, score)]}.get(call)
        )
        models = dataclasses.replace(fake_meters.models(), stage1=stage1)
        assert len(MeterReader(models).read(photo).readings) == count


@pytest.mark.parametrize("limit", ["min_score_beside", "min_confidence_beside"])
def test_further_counters_have_limits_of_their_own(photo, limit):
    recognition = reader_of((UPPER, 0.9), (LOWER, 0.6), **{limit: 0.99}).read(photo)
    assert recognition.text == "12305,678" and recognition.others == ()


def test_a_doubtful_first_window_is_no_second_counter(photo):
    found = [(UPPER * SCALE + SHIFT, 0.9), (LOWER * SCALE + SHIFT, 0.6)]
    middle = fake_meters.turned_corners((160, 160), 176, 44, 0)

    def texts(first_look, limit):
        script = {1: first_look, 2: [(middle, 0.77)], 3: [(middle, 0.99)]}
        models = dataclasses.replace(
            fake_meters.models(), stage1=fake_meters.ScriptedStage1(lambda call, picture: script.get(call))
        )
        settings = fake_meters.settings(min_confidence_beside=limit)
        return [counter.text for counter in MeterReader(models, settings).read(photo).readings]

    # alone it is read whatever the limit, beside a surer one it has to keep to it
    assert texts(found[:1], 0.98) == ["12305,678"]
    assert texts(found, 0.98) == ["00417,305"]
    assert texts(found, 0.9) == ["00417,305", "12305,678"]


def test_the_surest_reading_comes_first():
    def counter(text, confidence):
        return Recognition(bool(text), "" if text else "illegible", text, confidence=confidence, corners=UPPER)

    first, second, third = counter("1", 0.7), counter("2", 0.9), counter("3", 0.8)
    found = Recognition.of_counters([first, counter("", 0.0), second, third])
    assert [reading.text for reading in found.readings] == ["2", "3", "1"]
    illegible = counter("", 0.0)
    assert Recognition.of_counters([illegible]) == illegible
    assert Recognition.of_counters([illegible, second]) == second
    larger = found.scaled(2)
    np.testing.assert_array_equal([reading.corners for reading in larger.readings], [2 * UPPER] * 3)


def test_all_counters_are_drawn(photo):
    picture = annotate(photo, reader_of((UPPER, 0.9), (LOWER, 0.6)).read(photo))
    for corners in (UPPER, LOWER):
        x, y = np.round(corners[0]).astype(int)
        assert picture[y, x].tolist() == [255, 40, 40]


def test_the_covered_share_of_the_smaller():
    square = rectangle_corners(10, 10)
    assert covered_share(square, square + (5, 0)) == pytest.approx(0.5)
    assert covered_share(square, rectangle_corners(100, 100)) == 1
    assert covered_share(square, square + (10, 0)) == pytest.approx(0, abs=1e-6)
    assert covered_share(square, square[[0, 2, 1, 3]]) == pytest.approx(1)
    assert covered_share(square, np.zeros((4, 2))) == 0
