import dataclasses

import numpy as np
import pytest

from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.tiles import tile_views
from tests import fake_meters

TEXT = "12305,678"
# to the left and below in a photo of 1200 x 900
CORNERS = fake_meters.turned_corners((380, 620), 200, 50, 0)
NOTHING = []


def missed_from_afar(call, picture):
    """The whole photo shows nothing, whatever comes after that all that is there."""
    return NOTHING if call == 1 else None


def reader_of(script, **thresholds):
    models = dataclasses.replace(fake_meters.models(), stage1=fake_meters.ScriptedStage1(script))
    return MeterReader(models, fake_meters.settings(**thresholds))


@pytest.mark.parametrize(
    ("height", "width", "share", "lefts", "tops"),
    [
        (900, 1200, 0.5, [0, 300, 600], [0, 300]),
        (900, 1200, 0.7, [0, 360], [30]),
        (1000, 1000, 0.7, [0, 300], [0, 300]),
        (800, 1200, 0.7, [0, 360], [-20]),
        (200, 1000, 0.5, [0, 250, 500], [-150]),
    ],
)
def test_tiles_cover_the_photo(height, width, share, lefts, tops):
    photo = np.full((height, width, 3), 200, np.uint8)
    (views,) = tile_views(photo, 80, (share,), 0.5)
    side = share * max(height, width)
    expected = [[(left, top), (left + side, top + side)] for top in tops for left in lefts]
    np.testing.assert_allclose([view.to_photo(np.array([[0, 0], [80, 80]])) for view in views], expected, atol=1e-3)
    assert all(view.picture.shape == (80, 80, 3) for view in views)


@pytest.mark.parametrize("size", [40, 160, 700])
def test_tiles_show_their_part_of_the_photo(size):
    y, x = np.mgrid[:600, :800]
    photo = np.stack([x / 4, y / 4, np.full_like(x, 50)], axis=2).astype(np.uint8)
    _, views = tile_views(photo, size, (0.7, 0.5), 0.5)
    left, top = views[-1].to_photo(np.array([size * 0.25, size * 0.75]))
    assert (left, top) == pytest.approx((500, 500), abs=1e-3)
    seen = views[-1].picture[round(size * 0.75), round(size * 0.25)]
    np.testing.assert_allclose(seen, (125, 125, 50), atol=4)


def test_a_counter_that_the_whole_photo_does_not_show_is_found_in_a_tile():
    photo = fake_meters.meter_photo(CORNERS)
    reader = reader_of(missed_from_afar)
    recognition = reader.read(photo)
    assert recognition.text == TEXT and recognition.others == ()
    assert np.linalg.norm(recognition.corners - CORNERS, axis=1).max() < 2
    # the whole, two tiles, and the zoomed look: no smaller tiles after a sure window
    assert [len(pictures) for pictures in reader.models.stage1.seen] == [1, 2, 1]
    assert reader_of(missed_from_afar, tile_shares=()).read(photo).reason == "no_meter"


def test_smaller_tiles_follow_where_larger_ones_show_nothing():
    photo = fake_meters.meter_photo(CORNERS)
    reader = reader_of(lambda call, picture: NOTHING if call < 3 else None)
    assert reader.read(photo).text == TEXT
    assert [len(pictures) for pictures in reader.models.stage1.seen] == [1, 2, 6, 1]


def test_a_photo_with_a_reading_pays_for_no_tiles():
    reader = reader_of(lambda call, picture: None)
    assert reader.read(fake_meters.meter_photo(CORNERS)).text == TEXT
    assert [len(pictures) for pictures in reader.models.stage1.seen] == [1, 1]


def test_a_reading_from_a_tile_must_be_surer():
    photo = fake_meters.meter_photo(CORNERS)
    confidence = reader_of(missed_from_afar).read(photo).confidence
    strict = reader_of(missed_from_afar, min_confidence_tiled=confidence + 0.01)
    recognition = strict.read(photo)
    assert recognition.reason == "no_meter" and recognition.corners is None
    # the same window seen from afar is believed
    everywhere = reader_of(lambda call, picture: None, min_confidence_tiled=confidence + 0.01)
    assert everywhere.read(photo).text == TEXT


def test_what_the_whole_photo_would_have_shown_is_no_meter_in_a_tile():
    for share, text in ((0.97 / 6, ""), (1.03 / 6, TEXT)):
        # the window is a sixth of the photo long
        reader = reader_of(missed_from_afar, max_length_tiled=share)
        assert reader.read(fake_meters.meter_photo(CORNERS)).text == text


@pytest.mark.parametrize(("limit", "text"), [("min_tile_score", ""), ("min_final_score", ""), ("min_score", TEXT)])
def test_scores_in_tiles_have_limits_of_their_own(limit, text):
    assert reader_of(missed_from_afar, **{limit: 0.95}).read(fake_meters.meter_photo(CORNERS)).text == text
