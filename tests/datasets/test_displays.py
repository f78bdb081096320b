"""Drawn displays: what they show, and that their labels say the same."""

import cv2
import numpy as np
import pytest

from deploy.recognition.classes import DIGIT_CLASSES, STAGE2_CLASSES
from deploy.recognition.geometry import side_lengths
from retinanet.datasets.synthetic import (
    crops,
    display_cases,
    display_rows,
    display_signs,
    displays,
    faces,
    fonts,
    windows,
)
from retinanet.datasets.synthetic.display_glass import GlassLook, darken_round, draw_glass, stamp
from retinanet.training.epoch_metrics import labelled_text


def _drawn(count: int) -> list[windows.DrawnWindow]:
    return [windows.draw_window(np.random.default_rng([seed, 50]), True) for seed in range(count)]


def _bounds(box) -> tuple[np.ndarray, np.ndarray]:
    return box.corners.min(axis=0), box.corners.max(axis=0)


def _row(**changes) -> display_rows.DigitRow:
    values = {
        **{"digits": (8, 8, 8, 8), "decimals": 2, "places": 4, "lefts": (10.0, 50.0, 90.0, 115.0), "bottom": 80},
        **{"sizes": ((30, 60), (30, 60), (18, 30), (18, 30)), "shares": (1.0,) * 4, "has_point": False},
        "layout": "plain",
    }
    return display_rows.DigitRow(**{**values, **changes})


def _boxes_of(row: display_rows.DigitRow, ink: np.ndarray) -> dict[str, list[np.ndarray]]:
    random = np.random.default_rng(1)
    boxes = displays.draw_digits(random, ink, row, *fonts.segment_digits(random))
    found: dict[str, list[np.ndarray]] = {}
    for box in boxes:
        found.setdefault(box.label, []).append(np.concatenate(_bounds(box)))
    return found


def test_boxes_spell_the_reading():
    for drawn in _drawn(120):
        boxes = np.array([np.concatenate(_bounds(box)) for box in drawn.boxes])
        classes = np.array([STAGE2_CLASSES.index(box.label) for box in drawn.boxes])
        assert labelled_text(boxes, classes) == drawn.reading


def test_boxes_are_as_large_as_the_segments_and_stay_on_the_glass():
    ink = np.zeros((100, 160), np.float32)
    boxes = _boxes_of(_row(), ink)
    for box, left, width, height in zip(boxes["8"], (10, 50, 90, 115), (30, 30, 18, 18), (60, 60, 30, 30), strict=True):
        rows, columns = np.nonzero(ink[:, left : left + width] > 0.3)
        assert 0 <= rows.min() - box[1] < 5 and 0 <= box[3] - rows.max() - 1 < 5
        assert 0 <= left + columns.min() - box[0] < 6 and 0 <= box[2] - left - columns.max() - 1 < 6
        assert rows.max() - rows.min() + 1 == pytest.approx(height, abs=2)
    for drawn in _drawn(60):
        low, high = drawn.corners.min(axis=0), drawn.corners.max(axis=0)
        for box in drawn.boxes:
            assert np.all(_bounds(box)[0] >= low) and np.all(_bounds(box)[1] <= high)
            assert np.all(_bounds(box)[1] - _bounds(box)[0] > 1.5)


def test_half_high_decimals_have_half_high_boxes_and_a_region():
    boxes = _boxes_of(_row(), np.zeros((100, 160), np.float32))
    heights = [box[3] - box[1] for box in boxes["8"]]
    assert heights[2] == heights[3] == pytest.approx(heights[0] / 2, abs=3)
    [region] = boxes["floatp"]
    np.testing.assert_allclose(region, [boxes["8"][2][0], boxes["8"][0][1], boxes["8"][3][2], boxes["8"][3][3]])
    assert "point" not in boxes


def test_decimals_that_look_like_the_rest_have_a_point_and_no_region():
    boxes = _boxes_of(_row(sizes=((20, 60),) * 4, has_point=True), np.zeros((100, 160), np.float32))
    assert "floatp" not in boxes
    [point] = boxes["point"]
    assert boxes["8"][1][2] - 3 < (point[0] + point[2]) / 2 < boxes["8"][2][0] + 3
    assert point[3] - point[1] < 15 and point[3] > 70


def test_digits_behind_the_bezel_have_boxes_that_end_with_the_glass():
    boxes = _boxes_of(_row(decimals=0, sizes=((20, 60),) * 4), np.zeros((70, 160), np.float32))
    assert [box[3] for box in boxes["8"]] == [70] * 4
    assert boxes["8"][0][1] == pytest.approx(20 - displays.BOX_PAD * 60)


def test_glasses_are_of_the_proportions_of_real_ones():
    aspects = np.array([np.divide(*side_lengths(drawn.corners)) for drawn in _drawn(300)])
    assert aspects.min() < 1.9 and 1.2 < aspects.min() and 7.5 < aspects.max() < 9.5
    assert 3.2 < np.median(aspects) < 5.2


def test_digits_take_little_and_much_of_the_glass():
    shares, middles = [], []
    for drawn in _drawn(150):
        digits = [_bounds(box) for box in drawn.boxes if box.label in DIGIT_CLASSES]
        top, height = drawn.corners[0, 1], side_lengths(drawn.corners)[1]
        shares.append((digits[0][1][1] - digits[0][0][1]) / height)
        middles.append(((digits[0][1][1] + digits[0][0][1]) / 2 - top) / height)
    assert min(shares) < 0.45 and max(shares) > 0.85
    assert min(middles) < 0.4 and max(middles) > 0.65


def test_some_displays_have_a_seven_with_a_stub():
    faces_of_displays = [fonts.segment_digits(np.random.default_rng(seed))[0] for seed in range(40)]
    stubs = [face[7][24:32, : face.shape[2] // 3].max() > 128 for face in faces_of_displays]
    assert 10 < sum(stubs) < 26
    for face in faces_of_displays:
        assert (face[0] >= face[7]).all() and face[7][60:, : face.shape[2] // 3].max() < 128


def test_signs_take_no_place_that_is_taken():
    ink = np.zeros((60, 100), np.float32)
    glass = display_signs.GlassInk(ink, [(20, 10, 80, 50)])
    for seed in range(20):
        display_signs.print_signs(np.random.default_rng(seed), glass, 40.0)
    assert len(glass.taken) > 2 and ink.max() > 0.4
    assert not ink[10:50, 20:80].any()


def test_stamp_keeps_the_darker_and_cuts_off_what_leaves_the_glass():
    ink = np.full((4, 4), 0.5, np.float32)
    stamp(ink, np.full((3, 3), 255, np.uint8), (-1, 2), 0.4)
    assert np.all(ink == 0.5)
    stamp(ink, np.full((3, 3), 255, np.uint8), (-1, 2), 1.0)
    assert np.all(ink[2:, :2] == 1) and ink.sum() == pytest.approx(4 + 12 * 0.5)


def test_ink_shows_on_every_glass():
    ink = np.zeros((60, 200), np.float32)
    ink[20:40, 60:140] = 1
    look = GlassLook(np.array([60, 200, 120], np.float32), np.array([20, 60, 40], np.float32), True)
    for seed in range(20):
        glass = draw_glass(np.random.default_rng(seed), look, ink, 40.0)
        assert glass.shape == (60, 200, 3)
        assert glass[45:, 60:140].mean() - glass[20:40, 60:140].mean() > 15


def test_a_display_in_its_case_stays_as_it_is():
    likeness = []
    for seed in range(12):
        drawn = windows.draw_window(np.random.default_rng([seed, 51]), True)
        image, mask, corner = display_cases.draw_case(np.random.default_rng(seed), drawn)
        (x0, y0), (x1, y1) = (np.round(f(drawn.corners, axis=0)).astype(int) for f in (np.min, np.max))
        inside = image[y0 + corner[1] : y1 + corner[1], x0 + corner[0] : x1 + corner[0]].astype(float)
        assert inside.shape == (y1 - y0, x1 - x0, 3)
        assert np.all(mask[y0 + corner[1] : y1 + corner[1], x0 + corner[0] : x1 + corner[0]] == 255)
        shown = drawn.image[y0:y1, x0:x1]
        grey, shown_grey = (cv2.cvtColor(np.float32(part), cv2.COLOR_RGB2GRAY) for part in (inside, shown))
        likeness.append(np.corrcoef(grey.ravel(), shown_grey.ravel())[0, 1])
    # the remains of a film hide little
    assert min(likeness) > 0.2 and np.median(likeness) > 0.9


def test_wheels_are_never_in_the_case_of_a_display(monkeypatch):
    monkeypatch.setattr(faces, "draw_case", lambda *_: pytest.fail("a display's case"))
    wheels = windows.draw_window(np.random.default_rng(3), False)
    assert faces.draw_face(np.random.default_rng(3), wheels, 60.0).to_face is not None


def test_same_seed_draws_the_same_display():
    first, second = (windows.draw_window(np.random.default_rng(8), True) for _ in range(2))
    assert np.array_equal(first.image, second.image) and first.reading == second.reading
    for one, other in zip(first.boxes, second.boxes, strict=True):
        assert one.label == other.label and np.array_equal(one.corners, other.corners)


def test_a_lit_display_shines_in_the_dark_and_an_unlit_one_keeps_its_photo():
    corners = np.array([[40, 40], [140, 40], [140, 70], [40, 70]], np.float32)
    photo = np.full((120, 200, 3), 180, np.float32)
    photo[40:70, 40:140] = (60, 230, 120)
    dark = darken_round(np.random.default_rng(0), photo, corners)
    np.testing.assert_array_equal(dark[42:68, 42:138], photo[42:68, 42:138])
    assert dark[:10].mean() < 0.5 * photo[:10].mean()
    photo[40:70, 40:140] = (70, 80, 60)
    np.testing.assert_array_equal(darken_round(np.random.default_rng(0), photo, corners), photo)


def test_crops_of_displays_keep_their_digits_wide_enough_to_read():
    for drawn in _drawn(40):
        image = drawn.image.astype(np.float32)
        pixels, boxes, labels = crops.degrade_crop(np.random.default_rng(2), image, drawn.corners, drawn.boxes)
        widths = [box[2] - box[0] for box, label in zip(boxes, labels, strict=True) if label in DIGIT_CLASSES]
        assert np.median(widths) * pixels.shape[1] > 4
