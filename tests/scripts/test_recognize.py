import csv
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from tqdm import tqdm

import recognize
from deploy.recognition import exported_models
from deploy.recognition.errors import UserError
from deploy.recognition.recognition import Recognition
from retinanet.bulk import outputs, stream
from tests import fake_meters

ROOT = Path(recognize.__file__).parent
CORNERS = fake_meters.turned_corners((300, 200), 300, 75, 12)
TEXT = "12305,678"


@pytest.fixture(autouse=True)
def fake_models(monkeypatch):
    monkeypatch.setattr(exported_models, "load_models", lambda folder: fake_meters.models())


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(fake_meters.meter_photo(CORNERS, 600, 400)).save(folder / "a.png")
    Image.fromarray(np.full((100, 100, 3), 90, np.uint8)).save(folder / "more" / "b.png")
    return folder


def test_heic(photos, capsys, monkeypatch):
    import pillow_heif

    pixels = fake_meters.meter_photo(CORNERS, 600, 400)
    pillow_heif.from_pillow(Image.fromarray(pixels)).save(photos / "c.heic", quality=95)
    assert recognize.main([str(photos / "c.heic")]) == 0
    assert TEXT in capsys.readouterr().out
    # without the library it is a line, and the others go on
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert recognize.main([str(photos / "c.heic"), str(photos / "a.png")]) == 1
    found = capsys.readouterr()
    assert TEXT in found.out and "pip install pillow-heif" in found.err and len(found.err.splitlines()) == 1


def test_table(photos, capsys):
    assert recognize.main([str(photos / "a.png")]) == 0
    heading, row, total = capsys.readouterr().out.splitlines()
    assert heading.split() == ["file", "reading", "class", "confidence", "ms"]
    cells = row.split()
    assert cells[:3] == [str(photos / "a.png"), TEXT, "analog"]
    assert 0 < float(cells[3]) < 1 and float(cells[4]) >= 0
    assert total == "1 of 1 photos read"


def test_a_photo_of_which_a_part_is_missing_is_one_line(photos, capfd):
    Image.open(photos / "a.png").save(photos / "a.jpg", quality=95)
    assert recognize.main([str(photos / "a.jpg")]) == 0
    assert TEXT in capfd.readouterr().out
    content = (photos / "a.jpg").read_bytes()
    (photos / "a.jpg").write_bytes(content[: int(0.9 * len(content))] + b"\xff\xd9")
    assert recognize.main([str(photos / "a.jpg")]) == 1
    found = capfd.readouterr()
    assert TEXT not in found.out
    reason = "damaged or cut off: premature end of data segment; copy or take the photo again"
    assert found.err == f"{photos / 'a.jpg'}: {reason}\n"


def test_a_bad_file_is_one_line_and_the_others_go_on(photos, capsys):
    (photos / "bad.jpg").write_bytes(b"nothing")
    assert recognize.main([str(photos)]) == 1
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == [
        str(photos / "a.png"),
        str(photos / "bad.jpg"),
        str(photos / "more" / "b.png"),
    ]
    assert TEXT in lines[1] and "not a readable file" in lines[2] and "no_meter" in lines[3]
    assert lines[4] == "1 of 3 photos read"
    assert f"{photos / 'bad.jpg'}: not a photo" in output.err
    assert "reading" in output.err  # the bar
    assert "Traceback" not in output.err


def test_json(photos, capsys):
    (photos / "bad.jpg").write_bytes(b"nothing")
    assert recognize.main([str(photos), "--json"]) == 1
    good, bad, empty = json.loads(capsys.readouterr().out)
    assert good["text"] == TEXT and good["success"] is True and good["file"] == str(photos / "a.png")
    assert bad["success"] is False and "not a photo" in bad["error"]
    assert empty["reason"] == "no_meter"


def test_json_of_a_single_photo_and_of_a_bad_one(photos, capsys):
    recognize.main([str(photos / "a.png"), "--json"])
    assert [entry["text"] for entry in json.loads(capsys.readouterr().out)] == [TEXT]
    (photos / "bad.jpg").write_bytes(b"nothing")
    recognize.main([str(photos / "bad.jpg"), "--json"])
    assert "not a photo" in json.loads(capsys.readouterr().out)[0]["error"]


def test_results_stream_out(photos, monkeypatch, capsys):
    said = []
    monkeypatch.setattr(tqdm, "write", lambda line, file=None: said.append(line))

    def results(reader, files, finish, batch_size):
        for number, file in enumerate(files):
            assert len(said) == 1 + number
            yield outputs.Result(file.path, Recognition(False, "no_meter", seconds={"total": 0.1}))

    monkeypatch.setattr(stream, "read_photos", results)
    assert recognize.main([str(photos)]) == 1
    assert said[-1] == "0 of 2 photos read" and len(said) == 4


def test_an_interrupted_run_keeps_what_was_read(photos, tmp_path, monkeypatch, capsys):
    def results(reader, files, finish, batch_size):
        yield outputs.Result(files[0].path, Recognition(False, "no_meter", seconds={"total": 0.1}))
        raise KeyboardInterrupt

    monkeypatch.setattr(stream, "read_photos", results)
    table = tmp_path / "new" / "folder" / "table.csv"
    with pytest.raises(KeyboardInterrupt):
        recognize.main([str(photos), "--csv", str(table), "--json"])
    with open(table, newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["file"], row["reason"]) == (str(photos / "a.png"), "no_meter")
    assert [path.name for path in table.parent.iterdir()] == ["table.csv"]
    output = capsys.readouterr()
    assert f"{table}: holds the 1 of 2 photos that were read" in output.err
    assert len(json.loads(output.out)) == 1


def test_a_failed_run_leaves_no_half_csv(photos, tmp_path, monkeypatch):
    def results(reader, files, finish, batch_size):
        yield outputs.Result(files[0].path, Recognition(False, "no_meter", seconds={"total": 0.1}))
        raise UserError("the disk is full")

    monkeypatch.setattr(stream, "read_photos", results)
    table = tmp_path / "table.csv"
    table.write_text("the last one")
    with pytest.raises(UserError):
        recognize.main([str(photos), "--csv", str(table)])
    assert table.read_text() == "the last one" and list(tmp_path.glob("*table*")) == [table]


def test_what_a_folder_holds_besides_photos_is_counted_by_kind(photos, capsys):
    for name in ("a.mov", "more/b.MOV", "notes.txt", "LICENSE", ".hidden.jpg"):
        (photos / name).write_text("")
    (photos / "away.jpg").symlink_to(photos / "nowhere.jpg")
    os.mkfifo(photos / "pipe.png")
    recognize.main([str(photos)])
    told = "skipped 7, no photos: 2 .mov, 2 broken links or pipes, 1 .txt, 1 without an ending, 1 hidden"
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "skipped" in line]
    assert line.startswith(f"{photos}: skipped 7, no photos: ") and sorted(line.split(": ")[2].split(", ")) == sorted(
        told.split(": ")[1].split(", ")
    )


def test_an_empty_argument_is_not_this_folder(photos, monkeypatch, capsys):
    # as a shell's variable that was never set gives it
    monkeypatch.chdir(photos)
    with pytest.raises(SystemExit) as caught:
        recognize.main([""])
    assert caught.value.code == 2
    assert "argument PHOTO_OR_FOLDER: expected a file or folder, got nothing" in capsys.readouterr().err


# what people, cameras and attackers call files
ODD_NAMES = [b"\xff\xfe.png", b"=cmd|x!A1.png", b"+1.png", b"-1.png", b"@SUM.png", b"two\nlines.png",
             b"\x1b[31mred.png", b"back\\slash.png", "№ й.png".encode(), "\u202egnp.png".encode()]  # fmt: skip


def test_odd_names_of_files_lose_nothing_and_run_nothing(photos, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in ODD_NAMES:
        shutil.copy(photos / "a.png", os.path.join(os.fsencode(folder), name))
    (folder / "\x1b[2Jbad.jpg").write_text("")
    monkeypatch.chdir(folder)
    names = sorted(os.fsdecode(name) for name in os.listdir(b"."))
    recognize.main([*(f"./{name}" for name in names), "--csv", "../table.csv", "--json", "--label_studio", "../t.json"])
    output = capsys.readouterr()
    assert "\x1b" not in output.out + output.err and output.out.encode()
    assert [entry["file"] for entry in json.loads(output.out)] == names
    with open("../table.csv", newline="", encoding="utf-8") as file:
        content = file.read()
    assert "\x1b" not in content and "\n" not in content.replace("\r\n", "")
    cells = [row["file"] for row in csv.DictReader(content.splitlines())]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)
    assert [shown_again(cell) for cell in cells] == [os.fsencode(name) for name in names]
    tasks = json.loads(Path("../t.json").read_text())
    found = {parse_qs(urlsplit(task["data"]["image"]).query, errors="surrogateescape")["d"][0] for task in tasks}
    assert found == {str(folder / name)[1:] for name in names if "bad" not in name}
    capsys.readouterr()
    recognize.main([f"./{name}" for name in names])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(names) + 2 and all(line.isprintable() for line in lines)


def shown_again(cell):
    """The bytes of a name from its cell."""
    cell = cell[1:] if cell.startswith("'") else cell
    pattern = r"\\(n|r|t|\\|x[0-9a-f]{2}|u[0-9a-f]{4})"
    named = {"n": b"\n", "r": b"\r", "t": b"\t", "\\": b"\\"}

    def sign(match):
        word = match[1]
        if word[0] == "x":
            return bytes([int(word[1:], 16)]).decode(errors="surrogateescape")
        return (named[word] if word in named else chr(int(word[1:], 16)).encode()).decode()

    return os.fsencode(re.sub(pattern, sign, cell))


def test_csv_and_annotated_pictures(photos, tmp_path, capsys):
    table, annotated = tmp_path / "table.csv", tmp_path / "out" / "annotated"
    recognize.main([str(photos), "--csv", str(table), "--annotate", str(annotated)])
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["reading"] for row in rows] == [TEXT, ""]
    assert [row["success"] for row in rows] == ["True", "False"]
    assert [row["reason"] for row in rows] == ["", "no_meter"]
    assert float(rows[0]["confidence"]) <= float(rows[0]["confidence_integer"]) < 1
    added = ("value_low", "value_high", "mirrored")
    assert [[row[name] for name in added] for row in rows] == [[TEXT, TEXT, "False"], ["", "", "False"]]
    assert sorted(tmp_path.glob("*table*")) == [table]
    assert {str(path.relative_to(annotated)) for path in annotated.rglob("*.jpg")} == {"a.jpg", "more/b.jpg"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--csv", "photos"], "expected a file, found a folder"),
        (["--annotate", "photos/a.png"], "expected a folder, found a file"),
    ],
)
def test_bad_outputs_are_refused_before_reading(photos, monkeypatch, arguments, message):
    monkeypatch.chdir(photos.parent)
    with pytest.raises(UserError, match=message):
        recognize.main(["photos", *arguments])


def test_missing_photo(capsys):
    with pytest.raises(SystemExit) as error:
        recognize.main(["nowhere.jpg"])
    assert error.value.code == 2
    assert "no such file or folder: nowhere.jpg" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["recognize.py", "bench.py", "deploy/prepare_model.py"])
def test_help_needs_no_tensorflow(script):
    start = time.perf_counter()
    shown = subprocess.run([sys.executable, ROOT / script, "--help"], capture_output=True, text=True, check=True)
    assert "usage:" in shown.stdout
    assert time.perf_counter() - start < 3


def test_missing_models_are_one_line(tmp_path, photos):
    command = [sys.executable, ROOT / "recognize.py", photos / "a.png", "--models", tmp_path / "none"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "no exported models there: run `python deploy/prepare_model.py`" in run.stderr
    assert len(run.stderr.splitlines()) == 1
