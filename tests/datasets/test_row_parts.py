import numpy as np

from retinanet.datasets.records import WindowCrop
from retinanet.datasets.row_parts import SHARE, part_of
from retinanet.datasets.stored_examples import examples_of

WHEELS = 8


def crop(name, wheels=WHEELS, split="train"):
    """Wheels of 30 columns from column 10 on, the k-th one in grey 20 + 20 k, the last three a fraction."""
    picture = np.zeros((128, 30 * wheels + 20, 3), np.uint8)
    boxes = [[10 + 30 * place, 20, 40 + 30 * place, 110] for place in range(wheels)]
    for place, (left, top, right, bottom) in enumerate(boxes):
        picture[top:bottom, left:right] = 20 + 20 * place
    boxes.append([10 + 30 * (wheels - 3), 10, 10 + 30 * wheels, 120])
    shares = np.array(boxes, np.float32) / np.tile(picture.shape[1::-1], 2)
    labels = (*(str(place) for place in range(wheels)), "floatp")
    return WindowCrop(name, picture.copy, split, name, shares, labels)


def test_parts_hold_whole_wheels_and_their_boxes():
    counts, lasts, parts = set(), 0, 0
    for number in range(200):
        part = part_of(crop(f"{number}.png"), seed=5)
        if part is None:
            continue
        parts += 1
        picture = part.load()
        digits = [int(label) for label in part.labels if label != "floatp"]
        assert digits == list(range(digits[0], digits[-1] + 1))
        counts.add(len(digits))
        lasts += digits[-1] == WHEELS - 1
        for box, label in zip(part.boxes_xyxy, part.labels, strict=True):
            left, right = np.round(box[[0, 2]] * picture.shape[1]).astype(int)
            assert 0 <= left < right <= picture.shape[1]
            if label != "floatp":
                assert set(picture[64, left + 1 : right - 1, 0]) == {20 + 20 * int(label)} and right - left >= 15
        assert ("floatp" in part.labels) == (digits[-1] >= WHEELS - 3)
        assert part.name == f"{number}_part.png" and part.group == f"{number}.png"
    assert counts == {3, 4, 5}
    assert abs(parts - 200 * SHARE) < 25 and 0.3 < lasts / parts < 0.6


def test_parts_are_the_same_at_every_call_and_others_for_another_seed():
    parts = [[part_of(crop(f"{number}.png"), seed) for number in range(20)] for seed in (1, 1, 2)]
    labels = [[part and part.labels for part in row] for row in parts]
    assert labels[0] == labels[1] != labels[2]


def test_short_rows_and_photos_to_measure_with_have_no_parts():
    for number in range(20):
        assert part_of(crop(f"{number}.png", wheels=3), seed=0) is None
        assert part_of(crop(f"{number}.png", split="validation"), seed=0) is None


def test_datasets_hold_parts_after_their_windows():
    made = [examples_of(crop(f"{number}.png"), 2, 1, 0) for number in range(20)]
    assert {len(examples) for examples in made} == {1, 2}
    for examples in made:
        assert [example.filename.endswith("_part.png") for example in examples] == [False, True][: len(examples)]


def low_row(name):
    """A display: five digits 60 of 160 rows high, and two half as high on the same foot, 7 grey steps apart."""
    picture = np.zeros((160, 400, 3), np.uint8)
    boxes = [[20 + 40 * place, 50, 52 + 40 * place, 110] for place in range(5)]
    boxes += [[224 + 24 * place, 80, 242 + 24 * place, 110] for place in range(2)]
    for place, (left, top, right, bottom) in enumerate(boxes):
        picture[top:bottom, left:right] = 20 + 20 * place
    shares = np.array(boxes, np.float32) / np.tile(picture.shape[1::-1], 2)
    return WindowCrop(name, picture.copy, "train", name, shares, tuple(str(place) for place in range(7)))


def test_every_low_row_has_a_part_cut_along_its_digits_height():
    whole, with_room = 0, 0
    for number in range(100):
        part = part_of(low_row(f"{number}.png"), seed=3)
        picture = part.load()
        heights = part.boxes_xyxy[:, 3] - part.boxes_xyxy[:, 1]
        assert 60 * 1.15 < picture.shape[0] < 60 * 1.75
        for box, label in zip(part.boxes_xyxy, part.labels, strict=True):
            left, top, right, bottom = np.round(box * np.tile(picture.shape[1::-1], 2)).astype(int)
            assert set(picture[top + 2 : bottom - 2, left + 2 : right - 2, 0].ravel()) == {20 + 20 * int(label)}
        whole += part.labels == tuple("0123456")
        if part.labels[-1] == "6":
            np.testing.assert_allclose(heights[-1] * picture.shape[0], 30, atol=1.5)
            with_room += 1 - part.boxes_xyxy[-1, 2] > 0.2
    assert 20 <= whole <= 60 and with_room >= 10
