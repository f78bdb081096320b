import dataclasses

import numpy as np
import pytest

from deploy.recognition.meter_reader import MeterReader
from retinanet.studies import window_limits
from retinanet.studies.window_limits import Answer, Study
from tests import fake_meters

TEXT = "12305,678"
CORNERS = fake_meters.turned_corners((600, 440), 300, 75, 0)


def test_what_each_limit_lets_through():
    answers = [Answer(0.9, True), Answer(0.62, False), Answer(0.5, True), Answer(0.39, False)]
    heading, *rows = window_limits.counts({"tiles": answers, "no meter": iter([Answer(0.45, False)])})
    assert heading == ["limit", "tiles, right", "tiles, wrong", "no meter, right", "no meter, wrong"]
    passed = {row[0]: row[1:] for row in rows}
    assert passed["0.4"] == ["2", "1", "0", "1"] and passed["0.5"] == ["2", "1", "0", "0"]
    assert passed["0.65"] == ["1", "0", "0", "0"]


def test_a_photo_shrunk_onto_another():
    photo, ground = np.full((90, 120, 3), 250, np.uint8), np.full((45, 45, 3), 10, np.uint8)
    picture = window_limits.shrunk_onto(photo, ground, np.random.default_rng(1))
    rows, columns = np.nonzero(picture[..., 0] == 250)
    assert picture.shape == photo.shape and len(rows) == 30 * 40
    assert (np.ptp(rows), np.ptp(columns)) == (29, 39) and (picture[..., 0] == 10).sum() == 90 * 120 - 30 * 40


def test_side_by_side():
    picture = window_limits.side_by_side(np.full((40, 20, 3), 9, np.uint8), np.full((20, 30, 3), 7, np.uint8))
    assert picture.shape == (20, 40, 3)
    assert (picture[:, :10] == 9).all() and (picture[:, 10:] == 7).all()


def models_of(script):
    return dataclasses.replace(fake_meters.models(), stage1=fake_meters.ScriptedStage1(script))


def test_tiles_are_asked_only_for_what_has_no_answer():
    photo = fake_meters.meter_photo(CORNERS)
    assert Study(models_of(lambda call, picture: None)).tiled(photo, TEXT.__eq__) == []
    # nothing in the whole photo, in both readings
    missed = models_of(lambda call, picture: [] if call in (1, 2) else None)
    strict = dataclasses.replace(missed, settings=fake_meters.settings(min_confidence_tiled=1.0))
    assert MeterReader(strict).read(photo).text == ""
    strict.stage1.seen.clear()
    (answer,) = Study(strict).tiled(photo, TEXT.__eq__)
    assert answer.right and 0.7 < answer.sure < 1


def test_further_counters_are_answers_whatever_the_limit():
    photo, other = fake_meters.meter_photo(CORNERS), CORNERS + (0, 400)
    fake_meters.add_meter(photo, other, "00417305")
    scale, shift = fake_meters.SIZE / 1200, (0, 40)
    found = [(CORNERS * scale + shift, 0.9), (other * scale + shift, 0.6)]
    models = models_of(lambda call, picture: found if call == 1 else None)
    models = dataclasses.replace(models, settings=fake_meters.settings(min_confidence_beside=1.0))
    (answer,) = Study(models).beside(photo, "00417,305".__eq__)
    assert answer.right and answer.sure == pytest.approx(0.9, abs=0.1)
