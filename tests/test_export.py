import shutil
from pathlib import Path

import pytest

from deploy.recognition.errors import UserError
from deploy.recognition.photo_files import read_photo
from deploy.recognition.pipeline import NO_METER, MeterReader
from deploy.recognition.runtime import load_models, read_manifest
from retinanet.datasets.synthetic.examples import EXAMPLES
from retinanet.datasets.synthetic.photos import draw_photo
from retinanet.export import export_models

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ROOT / "deploy" / "retinanet"
DISPLAY, CLOCK = "display.jpg", "clock_without_meter.jpg"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("deploy") / "models"
    export_models(SHIPPED, folder)
    return folder


@pytest.fixture(scope="module")
def reader(models):
    return MeterReader(load_models(models))


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {DISPLAY, CLOCK}))
def test_shipped_weights_read_the_examples(reader, name):
    right = draw_photo(*EXAMPLES[name]).windows[0].readings[0]
    recognition = reader.read(read_photo(ROOT / "resources" / "examples" / name))
    assert recognition.success
    assert recognition.counter_class == "analog"
    assert recognition.text == right


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
