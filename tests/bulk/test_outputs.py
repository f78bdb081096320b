import csv
import json
from pathlib import Path

import numpy as np
import pytest

from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.bulk import outputs

CORNERS = np.array([[0, 0], [8, 0], [8, 2], [0, 2]], np.float32)


def counter(text, confidence, **fields):
    return Recognition(
        True,
        text=text,
        confidence=confidence,
        counter_class="analog",
        corners=CORNERS,
        seconds={"total": 0.02},
        **fields,
    )


SEVERAL = outputs.Result(
    Path("two.png"), counter("00123,4", 0.9, others=(counter("00456", 0.81), counter("00789,01", 0.6)))
)
ONE = outputs.Result(Path("one.png"), counter("00123,4", 0.9))
NONE = outputs.Result(Path("none.png"), Recognition(False, "no_meter", seconds={"total": 0.01}))


def test_further_counters_have_lines_of_their_own():
    lines = []
    with outputs.table([SEVERAL.path, ONE.path], lines.append) as write:
        for result in (SEVERAL, ONE, NONE):
            write(result)
    cells = [line.split() for line in lines]
    assert cells[1] == ["two.png", "00123,4", "analog", "0.90", "20"]
    assert cells[2:4] == [["00456", "analog", "0.81"], ["00789,01", "analog", "0.60"]]
    assert lines[2].index("00456") == lines[1].index("00123,4")
    assert cells[4][0] == "one.png" and lines[-1] == "2 of 3 photos read"


def test_further_counters_in_csv(tmp_path):
    with outputs.csv_file(tmp_path / "table.csv") as write:
        for result in (SEVERAL, ONE, NONE, outputs.Result(Path("x"), error="no photo")):
            write(result)
    heading, several, *others = csv.reader((tmp_path / "table.csv").read_text().splitlines())
    assert heading[:7] == ["file", "success", "reading", "class", "confidence", "ms", "reason"]
    assert dict(zip(heading[-2:], several[-2:], strict=True)) == {
        "other_readings": "00456 00789,01",
        "other_confidences": "0.8100 0.6000",
    }
    assert several[2] == "00123,4" and [row[-2:] for row in others] == [["", ""]] * 3


def test_a_disk_that_is_full_at_the_end_is_named():
    # a device that takes nothing; what is written waits in a buffer until the end
    with pytest.raises(UserError, match="^/dev/full: cannot be written: No space left"):
        with outputs.csv_file(Path("/dev/full")) as write:
            write(ONE)


def test_every_counter_in_json():
    found = json.loads(json.dumps(outputs.as_dict(SEVERAL)))
    assert found["several"] is True and found["text"] == "00123,4"
    assert [(reading["text"], reading["confidence"]) for reading in found["readings"]] == [
        ("00123,4", 0.9),
        ("00456", 0.81),
        ("00789,01", 0.6),
    ]
    assert found["readings"][1]["corners"] == CORNERS.tolist()
