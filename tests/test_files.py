import os
from pathlib import Path

import pytest

from deploy.recognition.errors import UserError
from retinanet.files import write_json, write_text, write_then_move


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with write_then_move(path) as unfinished:
        unfinished.write_text("new")
        assert path.read_text() == "old" and unfinished.suffix == ".txt"
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ValueError), write_then_move(path) as unfinished:
        unfinished.write_text("half")
        raise ValueError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_two_writers_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with write_then_move(path, ".1") as one, write_then_move(path, ".2") as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one" and os.listdir(tmp_path) == ["a.txt"]


def test_devices_are_written_to_as_they_are():
    write_text(Path("/dev/null"), "x")


def test_folders_are_made_and_what_cannot_be_written_is_one_line(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"a": "\N{CYRILLIC SMALL LETTER A}"})
    assert (tmp_path / "new" / "a.json").read_text(encoding="utf-8") == '{\n "a": "\N{CYRILLIC SMALL LETTER A}"\n}\n'
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="b.txt: cannot be written: "):
        write_text(tmp_path / "file" / "b.txt", "")
