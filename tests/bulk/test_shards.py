import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.bulk.shards import make_plan, read_shard


class Reader:
    """Tells the grey of photos; fails as if it were killed when it sees a given one."""

    def __init__(self, killed_at=None):
        self.killed_at, self.seen = killed_at, []

    def read_batch(self, photos):
        for photo in photos:
            if photo[0, 0, 0] == self.killed_at:
                raise KeyboardInterrupt
            self.seen.append(int(photo[0, 0, 0]))
        return [Recognition(True, text=str(photo[0, 0, 0])) for photo in photos]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(23):
        Image.fromarray(np.full((32, 32, 3), number, np.uint8)).save(folder / f"{number:02}.png")
    return folder


def texts(plan):
    lines = [line for shard in range(plan.shards) for line in plan.result_file(shard).read_text().splitlines()]
    return [json.loads(line)["text"] for line in lines]


def test_a_killed_run_goes_on_with_the_unfinished_shards(photos, tmp_path):
    output = tmp_path / "readings"
    plan = make_plan(output, [photos], "v1", 5)
    assert (plan.count, plan.shards, plan.unfinished()) == (23, 5, [0, 1, 2, 3, 4])
    killed = Reader(killed_at=12)
    with pytest.raises(KeyboardInterrupt):
        for shard in plan.unfinished():
            read_shard(killed, plan, shard)
    # photos that came later do not move the others into other shards
    Image.fromarray(np.full((32, 32, 3), 99, np.uint8)).save(photos / "00a.png")
    again, reader = make_plan(output, [photos], "v1", 5), Reader()
    assert again == plan and again.unfinished() == [2, 3, 4]
    assert sum(read_shard(reader, again, shard) for shard in again.unfinished()) == 13
    assert sorted(reader.seen) == list(range(10, 23))
    assert texts(again) == [str(number) for number in range(23)]
    assert again.unfinished() == []
    # an engine that lost a worker asks for what it did, too
    assert read_shard(Reader(killed_at=3), again, 0) == 5
    names = {path.name for path in output.iterdir()}
    assert names == {"plan.json", "photos.txt", *(f"results-{shard:05d}-of-00005.jsonl" for shard in range(5))}


def test_what_a_killed_run_left_half_written_is_removed(photos, tmp_path):
    plan = make_plan(tmp_path / "readings", [photos], "v1", 5)
    read_shard(Reader(), plan, 1)
    (plan.folder / ".results-00000-of-00005.4711.partial.jsonl").write_text("half")
    plan.clear()
    assert {path.name for path in plan.folder.iterdir()} == {"plan.json", "photos.txt", plan.result_file(1).name}


def test_what_was_killed_while_planning_is_planned_anew(photos, tmp_path):
    output = tmp_path / "readings"
    plan = make_plan(output, [photos], "v1", 5)
    (output / "plan.json").unlink()
    (output / "photos.txt").write_text("half")
    assert make_plan(output, [photos], "v1", 5) == plan
    assert len((output / "photos.txt").read_text().splitlines()) == 23


def test_a_bad_file_is_a_line(photos, tmp_path):
    (photos / "01.png").write_bytes(b"nothing")
    plan = make_plan(tmp_path / "readings", [photos], "v1", 100)
    assert read_shard(Reader(), plan, 0) == 22
    entries = [json.loads(line) for line in plan.result_file(0).read_text().splitlines()]
    assert entries[1]["success"] is False and "01.png: not a photo" in entries[1]["error"]
    assert entries[2]["file"] == str(photos / "02.png")


@pytest.mark.parametrize(
    ("models", "shard_size", "message"),
    [("v2", 5, "begun with models v1, now v2"), ("v1", 6, "begun with shard_size 5, now 6")],
)
def test_a_folder_belongs_to_its_models_and_shards(photos, tmp_path, models, shard_size, message):
    make_plan(tmp_path / "readings", [photos], "v1", 5)
    with pytest.raises(UserError, match=message):
        make_plan(tmp_path / "readings", [photos], models, shard_size)


def test_a_folder_belongs_to_its_photos(photos, tmp_path):
    make_plan(tmp_path / "readings", [photos], "v1", 5)
    with pytest.raises(UserError, match="begun with sources .*photos, now .*01.png; go on with the same, or give"):
        make_plan(tmp_path / "readings", [photos / "01.png"], "v1", 5)


def test_a_broken_plan_is_one_line(photos, tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(UserError, match="plan.json: no plan of reading"):
        make_plan(tmp_path, [photos], "v1", 5)


def test_odd_names_keep_their_lines(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    names = ["\udcff.png", "two\nlines.png", "\x1b[31m.png", '"quoted".png', "plain.png"]
    for number, name in enumerate(names):
        Image.fromarray(np.full((32, 32, 3), number, np.uint8)).save(tmp_path / "a.png")
        (tmp_path / "a.png").rename(folder / name)
    plan = make_plan(tmp_path / "readings", [folder], "v1", 2)
    assert (plan.count, [read_shard(Reader(), plan, shard) for shard in range(plan.shards)]) == (5, [2, 2, 1])
    lines = [line for shard in range(3) for line in plan.result_file(shard).read_text().splitlines()]
    assert {Path(json.loads(line)["file"]).name for line in lines} == set(names)
    assert f"{folder}/plain.png" in (plan.folder / "photos.txt").read_text().splitlines()
