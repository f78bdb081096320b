import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.recognition.errors import UserError
from retinanet import files
from retinanet.files import lock_folder, replace_folder, write_json, write_text, write_then_move

ROOT = Path(__file__).resolve().parents[1]


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


def folder(path, name):
    """A folder of two files that belong together."""
    path.mkdir()
    for number in (1, 2):
        (path / f"{number}").write_text(name)
    return path


def contents(path):
    return [(path / number).read_text() for number in ("1", "2")]


def test_replacing_a_folder(tmp_path):
    target = tmp_path / "models"
    replace_folder(folder(tmp_path / "new", "first"), target)
    replace_folder(folder(tmp_path / "new", "second"), target)
    assert contents(target) == ["second"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_replacing_where_folders_cannot_be_exchanged(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    target = folder(tmp_path / "models", "first")
    replace_folder(folder(tmp_path / "new", "second"), target)
    assert contents(target) == ["second"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


def test_one_writer_at_a_time(tmp_path):
    with (
        lock_folder(tmp_path),
        pytest.raises(UserError, match="another process is writing there"),
        lock_folder(tmp_path),
    ):
        raise AssertionError("it is locked")
    with lock_folder(tmp_path):
        pass


WRITER = """
import sys, shutil, itertools
from pathlib import Path
from retinanet.files import lock_folder, replace_folder
root = Path(sys.argv[1])
for number in itertools.count():
    with lock_folder(root):
        new = root / ".models.partial"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        for name in ("1", "2"):
            (new / name).write_text(f"{sys.argv[2]}.{number}" * 10_000)
        replace_folder(new, root / "models")
    if number == 0:
        print("writing", flush=True)
"""


def test_kills_leave_a_whole_folder(tmp_path):
    before = None
    for attempt in range(12):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(attempt)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "writing\n"
        # a reader that looks all the time never finds half a folder, nor none
        end = time.monotonic() + 0.02 + 0.013 * attempt
        while time.monotonic() < end:
            descriptor = os.open(tmp_path / "models", os.O_RDONLY)
            os.close(descriptor)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        first, second = contents(tmp_path / "models")
        assert first == second and first.startswith(f"{attempt}.")
        assert first != before
        before = first
