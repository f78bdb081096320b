"""The container: its lists of packages, and where nothing can build it, its Dockerfile followed line by line."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.serving.settings import ServerSettings, describe
from tests.containers import assert_reads_the_photo, free_port, running
from tests.dockerfile_replay import instructions, is_ignored, replay
from tests.exported_models import exported_models
from tests.images.building import why_not
from tests.requirement_lists import pins_of

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    if not why_not():
        pytest.skip("the image can really be built here: make image-test")
    folder = tmp_path_factory.mktemp("container")
    context = folder / "deploy"
    shutil.copytree(DEPLOY, context, ignore=shutil.ignore_patterns("models", ".models*"))
    shutil.copytree(exported_models(), context / "models")
    # kept between runs, one for each list of packages and each Python
    key = hashlib.sha256((DEPLOY / "requirements-cpu.txt").read_bytes() + sys.version.encode()).hexdigest()[:12]
    kept = ROOT / "output" / f"container-{key}"
    return replay(context, folder / "root", kept, {"REQUIREMENTS": "requirements-cpu.txt"})


def files_of(image):
    return {
        path.relative_to(image.root).as_posix(): path.stat().st_mtime_ns
        for path in image.root.rglob("*")
        if path.is_file()
    }


def test_only_what_it_needs_is_in_it(image):
    files = {name.removeprefix("app/deploy/") for name in files_of(image)}
    assert {"serve.py", "gunicorn.conf.py", "__init__.py", "static/index.html", "models/manifest.json"} <= files
    assert {name.split("/")[0] for name in files if "/" in name} == {"recognition", "serving", "static", "models"}
    assert not [name for name in files if name.endswith((".keras", ".pyc", ".md")) or "prepare" in name]


def test_it_reads_a_photo(image):
    before = files_of(image)
    port = free_port()
    variables = {**image.environment, "METER_PORT": str(port), "METER_HOST": "127.0.0.1"}
    # one log for all
    with running(image.command, port, image.root.parent / "server.log", cwd=image.folder, env=variables):
        subprocess.run(image.healthcheck, cwd=image.folder, env=variables, check=True, timeout=60)
        assert_reads_the_photo(port, exported_models())
    assert files_of(image) == before, "the server wrote into its own folder: a read-only container could not"
    assert subprocess.run(image.healthcheck, env=variables, capture_output=True).returncode != 0


def test_it_runs_as_nobody_and_serves_8080():
    words = dict(instructions((DEPLOY / "Dockerfile").read_text()))
    assert words["USER"] == "10001:10001"
    assert words["EXPOSE"] == str(ServerSettings().port) == "8080"
    assert "models/" in (DEPLOY / "Dockerfile").read_text()


def test_hadolint():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([str(hadolint), str(DEPLOY / "Dockerfile")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_dockerignore_is_an_allow_list():
    patterns = (DEPLOY / ".dockerignore").read_text().splitlines()
    for name in ("serve.py", "recognition/window.py", "models/stage1/saved_model.pb", "static/page.js"):
        assert not is_ignored(name, patterns)
    for name in (
        "prepare_model.py",
        "retinanet/stage1.keras",
        ".env",
        "recognition/__pycache__/window.pyc",
        "x/serve.py",
    ):
        assert is_ignored(name, patterns)


RUNTIME_PACKAGES = {
    "requirements.txt": "tensorflow",
    "requirements-cpu.txt": "tensorflow-cpu",
    "requirements-openvino.txt": "openvino",
    "requirements-onnx.txt": "onnxruntime",
    "requirements-onnx-gpu.txt": "onnxruntime-gpu[cuda,cudnn]",
}


@pytest.mark.parametrize("name", RUNTIME_PACKAGES)
def test_every_package_is_pinned_as_it_is_tested(name):
    pins = pins_of(DEPLOY / name)
    assert all(version[0].isdigit() for version in pins.values())
    tested = pins_of(ROOT / "requirements.txt") | pins_of(ROOT / "requirements-export.txt")
    for package in ("numpy", "opencv-python-headless", "pillow", "flask", "gunicorn", "prometheus-client"):
        assert pins[package] == tested[package]
    package = RUNTIME_PACKAGES[name]
    kind = package.split("[")[0].removesuffix("-cpu")
    if kind == "tensorflow":
        assert pins["keras"] == tested["keras"]
    else:
        assert not {"tensorflow", "keras"} & {word.split("-")[0] for word in pins}
    # the builds for graphics cards come out some weeks after the others
    if kind != "onnxruntime-gpu":
        assert pins[package] == tested[kind]
    assert name in (DEPLOY / "Dockerfile").read_text()


def test_the_examples_name_settings_that_there_are():
    known = {name for name, _, _ in describe()}
    for name in ("compose.yaml", "kubernetes.yaml"):
        text = (DEPLOY / name).read_text()
        used = {
            word.strip("\"'{},:$") for word in text.replace("-}", " ").replace("{", " ").split() if "METER_" in word
        }
        assert {word for word in used if word.startswith("METER_")} <= known, name
    assert os.access(DEPLOY / "serve.py", os.R_OK)
