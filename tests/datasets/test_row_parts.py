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
