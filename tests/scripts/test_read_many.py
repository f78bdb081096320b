import json

import numpy as np
import pytest
from PIL import Image

import read_many
from deploy.recognition import manifest
from deploy.recognition.errors import UserError
from tests import fake_meters


def has_beam():
    try:
        import apache_beam  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


needs_beam = pytest.mark.skipif(not has_beam(), reason="Apache Beam is not installed (requirements-beam.txt)")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    corners = fake_meters.turned_corners((300, 200), 300, 75, 12)
    Image.fromarray(fake_meters.meter_photo(corners, 600, 400)).save(folder / "a.png")
    for name in "bcde":
        Image.fromarray(np.full((100, 100, 3), 90, np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.mark.skipif(has_beam(), reason="Apache Beam is installed")
def test_without_beam_it_says_how_to_get_it(photos, tmp_path):
    with pytest.raises(UserError, match="apache_beam: not installed.*requirements-beam.txt"):
        read_many.main([str(photos), "--output", str(tmp_path / "readings")])


@needs_beam
@pytest.mark.filterwarnings("ignore")
def test_shards_are_read_once(photos, tmp_path, monkeypatch, capsys):
    from retinanet.bulk import beam

    loaded = []
    monkeypatch.setattr(beam, "load_models", lambda folder: loaded.append(folder) or fake_meters.models())
    monkeypatch.setattr(manifest, "read_manifest", lambda folder: {"model_version": "v1"})
    output = tmp_path / "readings"
    command = [str(photos), "--output", str(output), "--shard_size", "2"]
    read_many.main(command)
    files = sorted(output.glob("*.jsonl"))
    assert [file.name for file in files] == [f"results-0000{shard}-of-00003.jsonl" for shard in range(3)]
    entries = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [entry["text"] for entry in entries] == ["12305,678", "", "", "", ""]
    assert "5 photos in 3 shards, 0 of them finished before" in capsys.readouterr().out
    files[1].unlink()
    kept = [file.stat().st_mtime_ns for file in (files[0], files[2])]
    read_many.main(command)
    assert "2 of them finished before" in capsys.readouterr().out
    assert files[1].exists() and kept == [file.stat().st_mtime_ns for file in (files[0], files[2])]
    assert 1 <= len(loaded) <= 4
