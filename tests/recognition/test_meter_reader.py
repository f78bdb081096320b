import dataclasses
import json

import numpy as np
import pytest

from deploy.recognition import geometry
from deploy.recognition.confidence import ConfidenceModel
from deploy.recognition.drawing import annotate
from deploy.recognition.errors import UserError
from deploy.recognition.looks import Clock
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.recognition import STEPS
from deploy.recognition.rectification import rectify_window
from deploy.recognition.settings import WINDOW_MARGIN
from deploy.recognition.window import best_window, letterbox, zoom
from deploy.recognition.window_reading import Cut, WindowReader
from tests import fake_meters
from tests.recognition.test_reading import decode, row

TEXT = "12305,678"
CORNERS = fake_meters.turned_corners((620, 400), 300, 75, 12)


def corner_error(found, corners):
    return np.linalg.norm(found - corners, axis=1).max()


def read_window(photo, corners):
    """Returns the cut and the reading of a window, and how many pictures stage 2 looked at."""
    models = fake_meters.models()
    reader = WindowReader(models.stage2, fake_meters.STAGE2_SIZE, WINDOW_MARGIN, models.settings)
    ((cut, reading),) = reader.read([np.ascontiguousarray(photo)], [corners], ["analog"], Clock(STEPS))
    return cut, reading, sum(map(len, models.stage2.seen))


def test_letterbox_of_a_wide_photo():
    photo = np.full((100, 200, 3), 50, np.uint8)
    view = letterbox(photo, 80)
    assert view.picture.shape == (80, 80, 3)
    assert view.picture[19].max() == 0 and view.picture[20:60].min() == 50 and view.picture[60].max() == 0
    np.testing.assert_allclose(view.to_photo(np.array([[0, 20], [80, 60]])), [[0, 0], [200, 100]], atol=1e-4)


@pytest.mark.parametrize("degrees", [0, 33, 90, 180, 270])
@pytest.mark.parametrize(("width", "height"), [(60, 15), (900, 200), (100, 160)])
def test_zoom_puts_the_window_upright_in_the_middle(degrees, width, height):
    photo = np.zeros((900, 1200, 3), np.uint8)
    corners = fake_meters.turned_corners((600, 450), width, height, degrees)
    view = zoom(photo, corners, 320, 0.55)
    scale = 0.55 * 320 / max(width, height)
    half_width, half_height = width * scale / 2, height * scale / 2
    expected = [
        [160 - half_width, 160 - half_height],
        [160 + half_width, 160 - half_height],
        [160 + half_width, 160 + half_height],
        [160 - half_width, 160 + half_height],
    ]
    np.testing.assert_allclose(geometry.transform_points(corners, view.matrix), expected, atol=0.01)
    np.testing.assert_allclose(view.to_photo(expected), corners, atol=0.05)


def test_best_window_prefers_the_middle_when_told():
    view = letterbox(np.zeros((100, 100, 3), np.uint8), 100)
    square = geometry.rectangle_corners(20, 10)
    outputs = {
        "corners": np.array([[square + (75, 5), square + (40, 45), square]]),
        "boxes": np.array([[[75, 5, 95, 15], [40, 45, 60, 55], [0, 0, 20, 10]]]),
        "scores": np.array([[0.9, 0.6, 0.0]]),
        "classes": np.array([[0, 1, 0]]),
    }
    assert best_window(view, outputs, 0).score == 0.9
    central = best_window(view, outputs, 0, central=True)
    assert (central.score, central.label) == (0.6, "digital")
    np.testing.assert_allclose(central.corners, square + (40, 45), atol=1e-4)
    nothing = {name: np.zeros_like(value) for name, value in outputs.items()}
    assert best_window(view, nothing, 0) is None


@pytest.mark.parametrize("degrees", [0, 12, 90, 135, 180, 270])
@pytest.mark.parametrize("width", [240, 700])
def test_reading_at_any_rotation_and_size(degrees, width):
    corners = fake_meters.turned_corners((600, 440), width, width / 4, degrees)
    recognition = MeterReader(fake_meters.models()).read(fake_meters.meter_photo(corners))
    assert recognition.success and recognition.reason == ""
    assert (recognition.text, recognition.integer, recognition.fraction) == (TEXT, "12305", "678")
    assert corner_error(recognition.corners, corners) < 0.03 * width / 4 + 1
    assert recognition.counter_class == "analog"
    assert recognition.alternatives[0] == (TEXT, recognition.confidence)


def test_digits_lie_where_they_are_in_the_photo():
    recognition = MeterReader(fake_meters.models()).read(fake_meters.meter_photo(CORNERS))
    to_photo = geometry.perspective_matrix(fake_meters.UNIT, CORNERS)
    for digit, left in zip(recognition.digits, fake_meters.digit_lefts(), strict=True):
        expected = geometry.transform_points(
            np.array([[left, 0.3], [left + 0.07, 0.3], [left + 0.07, 0.7], [left, 0.7]]), to_photo
        )
        assert corner_error(digit.corners, expected) < 2


def test_large_photos_are_read_from_their_full_resolution():
    models = fake_meters.models()
    corners = fake_meters.turned_corners((2000, 1500), 2400, 600, 20)
    recognition = MeterReader(models).read(fake_meters.meter_photo(corners, 4000, 3000))
    assert recognition.text == TEXT
    assert corner_error(recognition.corners, corners) < 12


def test_no_meter():
    models = fake_meters.models()
    recognition = MeterReader(models).read(np.full((100, 300, 3), 128, np.uint8))
    assert not recognition.success and recognition.reason == "no_meter"
    assert recognition.corners is None and recognition.text == "" and recognition.digits == ()
    assert models.stage2.seen == []


def test_a_weak_first_look_is_no_meter():
    recognition = MeterReader(fake_meters.models(score=0.29)).read(fake_meters.meter_photo(CORNERS))
    assert recognition.reason == "no_meter"


def test_a_weak_window_in_all_looks_is_no_meter():
    recognition = MeterReader(fake_meters.models(score=0.39)).read(fake_meters.meter_photo(CORNERS))
    assert recognition.reason == "no_meter" and recognition.corners is None
    assert MeterReader(fake_meters.models(score=0.76)).read(fake_meters.meter_photo(CORNERS)).success


def test_an_unsure_window_is_a_meter_only_where_its_reading_is_sure():
    photo = fake_meters.meter_photo(CORNERS)
    limit = fake_meters.models().settings.window.sure_score
    unsure, sure = (MeterReader(fake_meters.models(score=limit + step)) for step in (-0.01, 0.01))
    confidence = unsure.read(photo).confidence
    assert unsure.read(photo).text == TEXT
    reading = dataclasses.replace(unsure.settings.reading, min_confidence_unsure=confidence + 1e-2)
    for reader, reason in ((unsure, "no_meter"), (sure, "")):
        strict = MeterReader(reader.models, dataclasses.replace(reader.settings, reading=reading))
        assert strict.read(photo).reason == reason
    assert strict.read(photo).text == TEXT and unsure.read(photo).reason == ""


def test_a_doubtful_comma_counts_in_the_confidence_but_makes_no_meter_none():
    photo = fake_meters.meter_photo(CORNERS)
    sure, doubtful = (MeterReader(fake_meters.models(score=0.74, fraction_score=score)) for score in (1.0, 0.53))
    sure, doubtful = sure.read(photo), doubtful.read(photo)
    assert sure.text == doubtful.text == TEXT
    assert doubtful.confidence == pytest.approx(sure.confidence / 2, rel=1e-2)
    assert doubtful.confidence < 0.75 < sure.confidence
    assert doubtful.alternatives[1] == (TEXT.replace(",", ""), pytest.approx(doubtful.confidence))


def test_an_unsure_window_without_digits_is_no_meter(monkeypatch):
    assert MeterReader(fake_meters.models(label=2, score=0.6)).read(fake_meters.meter_photo(CORNERS)).corners is None
    monkeypatch.setattr(fake_meters, "DIGITS", "12")
    monkeypatch.setattr(fake_meters, "FRACTION", 1)
    recognition = MeterReader(fake_meters.models(score=0.6)).read(fake_meters.meter_photo(CORNERS))
    assert recognition.reason == "no_meter" and recognition.corners is None


def test_illegible():
    models = fake_meters.models(label=2)
    recognition = MeterReader(models).read(fake_meters.meter_photo(CORNERS))
    assert not recognition.success and recognition.reason == "illegible"
    assert recognition.counter_class == "analog_illegible"
    assert corner_error(recognition.corners, CORNERS) < 3
    assert recognition.text == "" and models.stage2.seen == []


def test_too_few_digits_are_unreadable(monkeypatch):
    monkeypatch.setattr(fake_meters, "DIGITS", "12")
    monkeypatch.setattr(fake_meters, "FRACTION", 1)
    recognition = MeterReader(fake_meters.models()).read(fake_meters.meter_photo(CORNERS))
    assert not recognition.success and recognition.reason == "unreadable"
    assert recognition.text == "" and recognition.window.shape == (128, 256, 3)


def test_the_second_look_may_turn_the_window():
    def alter(call, corners, score):
        return (np.roll(corners, 2, axis=0), 0.5) if call == 1 else (corners, score)

    models = fake_meters.models(alter=alter)
    recognition = MeterReader(models).read(fake_meters.meter_photo(CORNERS))
    assert recognition.text == TEXT
    assert corner_error(recognition.corners, CORNERS) < 3
    assert len(models.stage1.seen) == 3  # a third look, from the second's corners


def test_a_window_upside_down_in_both_looks_is_read_the_other_way():
    models = fake_meters.models(alter=lambda call, corners, score: (np.roll(corners, 2, axis=0), score))
    recognition = MeterReader(models).read(fake_meters.meter_photo(CORNERS))
    assert recognition.text == TEXT
    assert corner_error(recognition.corners, CORNERS) < 3
    assert np.array_equal(recognition.window, models.stage2.seen[1][0])


def test_a_window_that_the_second_look_misses_is_no_meter():
    models = fake_meters.models(score=1.0, alter=lambda call, corners, score: (corners, score if call == 1 else 0.0))
    assert MeterReader(models).read(fake_meters.meter_photo(CORNERS)).reason == "no_meter"


def test_the_next_candidate_is_looked_at_where_the_best_does_not_hold():
    class WithSticker(fake_meters.Stage1):
        """Takes a dark corner of the whole photo for a better window than the meter's."""

        def __call__(self, images):
            outputs = super().__call__(images)
            if len(self.seen) == 1:
                for name in outputs:
                    outputs[name][0, 1] = outputs[name][0, 0]
                outputs["corners"][0, 0] = geometry.rectangle_corners(40, 10) + (10, 50)
                outputs["boxes"][0, 0] = (10, 50, 50, 60)
                outputs["scores"][0, :2] = (0.9, 0.5)
            return outputs

    models = dataclasses.replace(fake_meters.models(), stage1=WithSticker())
    reader = MeterReader(models)
    recognition = reader.read(fake_meters.meter_photo(CORNERS))
    assert recognition.text == TEXT and len(models.stage1.seen) == 3
    models.stage1.seen.clear()
    window = dataclasses.replace(reader.settings.window, most_candidates=1, tile_shares=())
    reader = MeterReader(models, dataclasses.replace(reader.settings, window=window))
    assert reader.read(fake_meters.meter_photo(CORNERS)).reason == "no_meter"


def test_crossed_corners_are_replaced_by_the_box_any_way_up():
    def alter(call, corners, score):
        if call == 1:
            return corners[[0, 2, 1, 3]], score
        # the surest when the window stands upright in the view
        return corners, 0.9 if corners[1, 0] - corners[0, 0] > 100 else 0.5

    models = fake_meters.models(alter=alter)
    corners = fake_meters.turned_corners((600, 450), 300, 75, 90)
    recognition = MeterReader(models).read(fake_meters.meter_photo(corners))
    assert len(models.stage1.seen[1]) == 4
    assert recognition.text == TEXT
    assert recognition.counter_score == pytest.approx(0.9)
    assert corner_error(recognition.corners, corners) < 3


def test_a_mirrored_window_is_read_the_right_way_round():
    photo = fake_meters.meter_photo(CORNERS)
    height, width = photo.shape[:2]
    for flipped, corners in (
        (photo[:, ::-1], np.stack([width - CORNERS[:, 0], CORNERS[:, 1]], axis=1)),
        (photo[::-1], np.stack([CORNERS[:, 0], height - CORNERS[:, 1]], axis=1)),
    ):
        # stage 1 gives the corners of any window clockwise
        cut, reading, looks = read_window(flipped, corners[[1, 0, 3, 2]])
        # the window, on its head, mirrored both ways up, then its row and two parts; the mirror image is sure
        assert (reading.text, cut.mirrored, looks) == (TEXT, True, 7)
        assert corner_error(cut.corners, geometry.expand_corners(corners, *WINDOW_MARGIN)) < 0.1
    cut, reading, looks = read_window(photo, CORNERS)
    assert (reading.text, cut.mirrored, looks) == (TEXT, False, 1)


@pytest.mark.parametrize(
    ("text", "score", "surer_at_once", "mirrored", "either_way"),
    [
        ("00301", 0.99, True, True, False),
        # hardly surer, or not so at first: the photo may be either
        ("00301", 0.93, True, False, True),
        ("00301", 0.99, False, False, True),
        ("00301", 0.90, True, False, False),
        # the same either way
        ("00501", 0.99, True, False, False),
    ],
)
def test_a_window_is_told_from_its_mirror_image(text, score, surer_at_once, mirrored, either_way):
    models = fake_meters.models()
    reader = WindowReader(models.stage2, fake_meters.STAGE2_SIZE, WINDOW_MARGIN, models.settings)
    cut = Cut(np.zeros((9, 9, 3), np.uint8), CORNERS, np.zeros((9, 9, 3), np.uint8), "analog")
    straight, image = (cut, decode(row("00501", 0.9))), (cut.mirror_image(), decode(row(text, score)))
    found, reading = reader._told_apart(straight, image, surer_at_once)
    assert (found.mirrored, found.either_way, reading.text) == (mirrored, either_way, text if mirrored else "00501")


def test_a_photo_that_may_be_mirrored_is_refused_for_that_reason(monkeypatch):
    read = WindowReader.read

    def either_way(self, *args):
        return [(dataclasses.replace(cut, either_way=True), reading) for cut, reading in read(self, *args)]

    monkeypatch.setattr(WindowReader, "read", either_way)
    found = MeterReader(fake_meters.models()).read(fake_meters.meter_photo(CORNERS))
    assert (found.success, found.reason, found.text) == (False, "mirrored", "")
    assert corner_error(found.corners, CORNERS) < 3 and annotate(np.zeros((90, 90, 3), np.uint8), found).shape[1] == 90


def test_batches_give_what_single_photos_give():
    photos = [
        fake_meters.meter_photo(CORNERS),
        np.zeros((50, 60, 3), np.uint8),
        fake_meters.meter_photo(fake_meters.turned_corners((300, 500), 400, 100, 200)),
    ]
    models = fake_meters.models()
    window = dataclasses.replace(models.settings.window, tile_shares=())
    reader = MeterReader(models, dataclasses.replace(models.settings, window=window))
    batch = reader.read_batch(photos)
    assert [recognition.text for recognition in batch] == [TEXT, "", TEXT]
    assert len(models.stage1.seen) == 2 and len(models.stage2.seen) == 1
    for photo, recognition in zip(photos, batch, strict=True):
        single = reader.read(photo)
        assert single.text == recognition.text and single.confidence == recognition.confidence
        assert set(single.seconds) == {*STEPS, "total"}
        assert single.seconds["total"] == pytest.approx(sum(single.seconds[stage] for stage in STEPS))
    assert reader.read_batch([]) == []


def test_a_doubtful_reading_is_cut_out_again_along_its_digits():
    photo = fake_meters.meter_photo(CORNERS)
    sure, doubtful = fake_meters.models(digit_score=0.93), fake_meters.models(digit_score=0.85)
    MeterReader(sure).read(photo)
    assert len(sure.stage2.seen) == 1
    recognition = MeterReader(doubtful).read(photo)
    # all closer looks at once
    first, mirrored, (second, *parts) = doubtful.stage2.seen
    assert len(mirrored) == 2
    # the outer digits' middles, 0.75 of a step from the ends, and at the right a step more: there is room
    lefts = fake_meters.digit_lefts()
    left, right = lefts[0] + 0.035 - 0.06, lefts[-1] + 0.035 + 0.06 + 0.08
    region = np.array([[left, 0.22], [right, 0.22], [right, 0.78], [left, 0.78]])
    corners = geometry.transform_points(region, geometry.perspective_matrix(fake_meters.UNIT, recognition.corners))
    expected = rectify_window(photo, corners, fake_meters.STAGE2_SIZE)
    assert np.abs(second.astype(int) - expected).mean() < 6 < 20 < np.abs(first[0].astype(int) - expected).mean()
    assert recognition.success and len(recognition.features) == 6
    # and each half of the eight digits on its own, as high as the whole
    for part, start in zip(parts, (0, 4), strict=True):
        region[[0, 3], 0], region[[1, 2], 0] = lefts[start] + 0.035 - 0.048, lefts[start + 3] + 0.035 + 0.048
        corners = geometry.transform_points(region, geometry.perspective_matrix(fake_meters.UNIT, recognition.corners))
        expected = rectify_window(photo, corners, fake_meters.STAGE2_SIZE)
        assert np.abs(part.astype(int) - expected).mean() < 10 < 20 < np.abs(part.astype(int) - second).mean()


@pytest.mark.parametrize("photo", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3)), np.zeros((0, 9, 3), np.uint8)])
def test_arrays_that_are_no_photo(photo):
    with pytest.raises(UserError, match=r"expected a photo as uint8 RGB \(height, width, 3\), got"):
        MeterReader(fake_meters.models()).read(photo)


def test_the_confidence_of_the_digits_before_the_comma_has_coefficients_of_its_own():
    photo = fake_meters.meter_photo(CORNERS)
    even = ConfidenceModel(0.0, (0.0,) * 6)
    found = {}
    for intercept in (2.0, -2.0):
        integer = ConfidenceModel(intercept, (0.0,) * 6)
        models = dataclasses.replace(fake_meters.models(), confidence=even, confidence_integer=integer)
        found[intercept] = MeterReader(models).read(photo)
    assert found[2.0].confidence == pytest.approx(found[-2.0].confidence) == pytest.approx(0.5, abs=2e-3)
    assert found[2.0].confidence_integer == pytest.approx(1 / (1 + np.exp(-2)), abs=4e-3)
    # a text that is right has a right integer part
    assert found[-2.0].confidence_integer == found[-2.0].confidence


def test_displays_have_no_last_wheel():
    photo = fake_meters.meter_photo(CORNERS)
    assert MeterReader(fake_meters.models()).read(photo).last_wheel.value_high == TEXT
    display = MeterReader(fake_meters.models(label=1)).read(photo)
    assert (display.text, display.counter_class, display.last_wheel) == (TEXT, "digital", None)


def test_to_dict_is_json():
    reader = MeterReader(fake_meters.models())
    found = json.loads(json.dumps(reader.read(fake_meters.meter_photo(CORNERS)).to_dict()))
    assert found["text"] == TEXT and len(found["digits"]) == 8 and len(found["corners"]) == 4
    nothing = json.loads(json.dumps(reader.read(np.zeros((50, 50, 3), np.uint8)).to_dict()))
    assert nothing["reason"] == "no_meter" and nothing["corners"] is None


def test_annotate_marks_window_and_first_corner():
    photo = fake_meters.meter_photo(CORNERS)
    recognition = MeterReader(fake_meters.models()).read(photo)
    picture = annotate(photo, recognition)
    assert picture.shape[1] == photo.shape[1] and picture.shape[0] > photo.shape[0]
    first = np.round(recognition.corners[0]).astype(int)
    np.testing.assert_array_equal(picture[first[1], first[0]], [255, 40, 40])
    # the far corner of the photo and the photo itself stay as they are
    np.testing.assert_array_equal(picture[:50, :50], photo[:50, :50])
    strip = picture[photo.shape[0] :]
    assert (strip == 255).all(axis=2).any()
    without = annotate(photo, MeterReader(fake_meters.models(score=0.1)).read(photo))
    np.testing.assert_array_equal(without[: photo.shape[0]], photo)
