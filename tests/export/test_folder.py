import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.recognition.errors import UserError
from deploy.recognition.exported_models import check_models, load_models, read_manifest
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.photo_files import read_photo
from deploy.recognition.recognition import NO_METER
from deploy.recognition.settings import Settings
from retinanet.datasets.synthetic.examples import EXAMPLES
from retinanet.datasets.synthetic.photos import draw_photo
from retinanet.export.folder import _confidence, export_models

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "deploy" / "retinanet"
CLOCK = "clock_without_meter.jpg"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deploy") / "models"
    export_models(SHIPPED, folder)
    return folder


@pytest.fixture(scope="module")
def reader(models):
    return MeterReader(load_models(models))


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {CLOCK}))
def test_shipped_weights_read_the_examples(reader, name):
    window = draw_photo(*EXAMPLES[name]).windows[0]
    recognition = reader.read(read_photo(ROOT / "resources" / "examples" / name))
    assert recognition.success
    assert recognition.counter_class == window.label
    assert recognition.text == window.readings[0]


def test_a_clock_is_no_meter(reader):
    recognition = reader.read(read_photo(ROOT / "resources" / "examples" / CLOCK))
    assert not recognition.success
    assert recognition.reason == NO_METER
    assert recognition.text == ""


def test_shipped_weights_are_small_and_without_optimizer():
    for stage in (1, 2):
        assert (SHIPPED / f"stage{stage}.keras").stat().st_size < 20_000_000


def test_a_damaged_file_leaves_the_models_as_they_are(models, tmp_path):
    before = read_manifest(models)
    shutil.copy(SHIPPED / "stage1.keras", tmp_path / "stage1.keras")
    content = (SHIPPED / "stage2.keras").read_bytes()
    (tmp_path / "stage2.keras").write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match="stage2.keras: damaged"):
        export_models(tmp_path, models)
    assert read_manifest(models) == before
    assert [path.name for path in models.parent.iterdir()] == ["models"]


def test_swapped_stages_are_refused(tmp_path):
    shutil.copy(SHIPPED / "stage1.keras", tmp_path / "stage2.keras")
    shutil.copy(SHIPPED / "stage1.keras", tmp_path / "stage1.keras")
    with pytest.raises(UserError, match="a model of stage 1; expected one of stage 2"):
        export_models(tmp_path, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_folder_with_other_things_is_not_replaced(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(UserError, match="something other than exported models"):
        export_models(SHIPPED, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "keep"


def test_the_manifest_says_what_went_in(models):
    manifest = check_models(models)
    assert set(manifest["packages"]) == {"tensorflow", "keras", "keras-cv", "numpy"}
    loaded = load_models(models)
    assert loaded.settings == Settings()
    assert loaded.version == manifest["model_version"] and len(loaded.version) == 12


def test_a_file_too_many_is_refused(models):
    stranger = models / "stage1" / "stranger.pb"
    stranger.write_bytes(b"x")
    with pytest.raises(UserError, match="stranger.pb: manifest.json knows of no such file"):
        check_models(models)
    stranger.unlink()


def test_a_killed_export_leaves_the_models_as_they_are(models, tmp_path):
    shutil.copytree(models, tmp_path / "models")
    before = check_models(tmp_path / "models")
    shutil.copytree(models, tmp_path / ".models.partial")
    (tmp_path / ".models.partial" / "manifest.json").unlink()
    command = [sys.executable, str(ROOT / "deploy" / "prepare_model.py"), "--output", str(tmp_path / "models")]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("stage2: exporting"):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert check_models(tmp_path / "models") == before
    assert json.loads((tmp_path / "models" / "manifest.json").read_text()) == before


def test_a_confidence_fitted_to_other_weights_is_told(tmp_path, capsys):
    file = tmp_path / "confidence.json"
    shipped = json.loads((SHIPPED / "confidence.json").read_text())
    values = {name: shipped[name] for name in ("intercept", "weights")}
    values["integer"] = dict(values)
    own = {"stage1": "a", "stage2": "b"}
    file.write_text(json.dumps({**values, "fitted_to": {"stage1": "a", "stage2": "c"}}))
    assert set(_confidence(file, own)) == {"intercept", "weights", "integer"}
    assert "confidence.json was fitted to other weights of stage2: confidences will be off" in capsys.readouterr().err
    for fitted_to in ({}, {"fitted_to": own}):
        file.write_text(json.dumps({**values, **fitted_to}))
        _confidence(file, own)
    assert not capsys.readouterr().err
    older = {name: values[name] for name in ("intercept", "weights")}
    file.write_text(json.dumps(older))
    assert _confidence(file, own) == older
    assert "knows nothing of the digits before the comma" in capsys.readouterr().err
    for content in ("[]", "{", '{"intercept": 1}', json.dumps({**older, "integer": {"intercept": 1}})):
        file.write_text(content)
        with pytest.raises(UserError, match="confidence.json: not as calibrate.py writes it"):
            _confidence(file, own)
