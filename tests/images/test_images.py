"""deploy/Dockerfile, built as it stands and run: `make image-test`, `make image-test IMAGES="openvino cuda"`."""

import os
import re
import shutil
import subprocess
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from deploy.recognition.manifest import ONNX, OPENVINO, SAVEDMODEL
from tests.containers import assert_reads_the_photo, free_port, running
from tests.exported_models import exported_models
from tests.images.building import built, why_not
from tests.requirement_lists import pins_of

pytestmark = pytest.mark.images
DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
# the list of packages, the models that it runs, and the most MiB that it may add to the base image
IMAGES = {
    "openvino": ("requirements-openvino.txt", OPENVINO, 400),
    "onnx": ("requirements-onnx.txt", ONNX, 380),
    "cpu": ("requirements-cpu.txt", SAVEDMODEL, 1880),
    "cuda": ("requirements.txt", SAVEDMODEL, 6300),
}
CODE = ("recognition", "serving", "static", "models")


@pytest.fixture(scope="module", params=os.environ.get("IMAGES", "").split() or IMAGES)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def models(kind):
    return exported_models(IMAGES[kind][1])


@pytest.fixture(scope="module")
def image(kind, models, tmp_path_factory):
    if reason := why_not():
        pytest.skip(reason)
    context = tmp_path_factory.mktemp("context") / "deploy"
    shutil.copytree(DEPLOY, context, ignore=shutil.ignore_patterns("models", ".models*"))
    shutil.copytree(models, context / "models")
    # what must stay outside
    (context / ".env").write_text("METER_TOKEN=secret")
    with built(context, IMAGES[kind][0]) as found:
        yield found


def test_it_says_how_it_is_to_be_run(image):
    config = image.config
    assert config["User"] == "10001:10001"
    assert config["WorkingDir"] == "/app/deploy"
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Cmd"] == ["python", "serve.py"] and not config.get("Entrypoint")
    assert not [pair for pair in config["Env"] if "TOKEN" in pair or "PROXY" in pair.upper()]


def test_it_holds_the_server_and_nothing_else_of_ours(image, models):
    found = {path.relative_to("app/deploy").as_posix() for path in image.added() if path.is_relative_to("app/deploy")}
    sources = [
        DEPLOY / "serve.py",
        DEPLOY / "gunicorn.conf.py",
        DEPLOY / "__init__.py",
        *DEPLOY.glob("requirements*.txt"),
    ]
    for folder in CODE[:-1]:
        sources += [path for path in (DEPLOY / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    expected = {path.relative_to(DEPLOY).as_posix() for path in sources}
    expected |= {f"models/{path.relative_to(models).as_posix()}" for path in models.rglob("*") if path.is_file()}
    assert found == expected


def test_it_holds_the_packages_of_its_list_and_nothing_else(image, kind):
    (packages,) = image.root.glob("usr/local/lib/python3.*/*-packages")
    installed = {normal(PathDistribution(path).metadata["Name"]) for path in packages.glob("*.dist-info")}
    assert installed == {normal(name) for name in pins_of(DEPLOY / IMAGES[kind][0])}
    # pip writes there, Python its bytecode, and the build the server; caches and temporary files stay nowhere
    ours = ("app/deploy/", "usr/local/", "usr/lib/python3")
    others = {
        str(path): (image.root / path).lstat().st_size for path in image.added() if not str(path).startswith(ours)
    }
    # what the builder mounts over leaves an empty file
    assert others in ({}, {"etc/hosts": 0}, {"etc/hosts": 0, "etc/resolv.conf": 0})


def normal(name):
    return re.sub(r"[-_.]+", "-", name.split("[")[0]).lower()


def test_it_is_no_larger_than_it_is_told(image, kind):
    size = sum((image.root / path).lstat().st_size for path in image.added()) / 2**20
    base = sum(path.lstat().st_size for path in image.base.rglob("*")) / 2**20
    print(f"\n{kind}: {size:.0f} MiB beside the base image's {base:.0f}")
    assert 0.8 * IMAGES[kind][2] < size < IMAGES[kind][2]


def test_its_user_can_change_nothing_of_it(image):
    mounts = {"app": image.root / "app", "usr": image.root / "usr"}
    for folder in mounts.values():
        ours = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
        writable = [
            str(path)
            for path in ours
            if path.stat().st_mode & 0o002 or 10001 in (path.stat().st_uid, path.stat().st_gid)
        ]
        assert writable == []
    script = "import os; print(os.getuid(), os.getgid(), os.getgroups(), open('/proc/self/status').read())"
    told = subprocess.run(image.command(["python", "-c", script]), check=True, capture_output=True, text=True).stdout
    assert told.startswith("10001 10001 []")
    assert set(re.findall(r"Cap(?:Eff|Prm|Bnd):\s*(\w+)", told)) == {"0" * 16}


WRITE = """
import tempfile
for folder in ("/", "/app/deploy", "/app/deploy/models", "/var/tmp", "/run/lock", "/dev", "/tmp", "/dev/shm"):
    try:
        tempfile.TemporaryFile(dir=folder)
        print(folder)
    except OSError:
        pass
"""


def test_it_reads_a_photo_where_only_tmp_can_be_written_to(image, models, tmp_path):
    written = subprocess.run(image.command(["python", "-c", WRITE]), check=True, capture_output=True, text=True).stdout
    assert written.split() == ["/tmp", "/dev/shm"]
    port = free_port()
    variables = {"METER_PORT": str(port), "METER_HOST": "127.0.0.1"}
    kind, *words = image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    healthcheck = image.command(words, **variables)
    log = tmp_path / "server.log"
    with running(image.command(image.config["Cmd"], **variables), port, log):
        subprocess.run(healthcheck, check=True, timeout=60)
        assert_reads_the_photo(port, models)
    assert subprocess.run(healthcheck, capture_output=True).returncode == 1
    assert not re.search(r'Traceback|"level": "(warning|error|critical)"', log.read_text()), log.read_text()


# what TensorFlow opens before it takes a graphics card; without one of them it goes on on the processor
OPEN = """
import ctypes, glob, sys
for name in ("cudart", "nvrtc", "nvJitLink", "cublasLt", "cublas", "cufft", "cusparse", "cusolver", "cudnn"):
    (path,) = glob.glob(sys.prefix + "/**/nvidia/*/lib/lib" + name + ".so.*", recursive=True)
    ctypes.CDLL(path)
    print(name)
"""


def test_cuda_libraries_find_each_other(image, kind):
    if kind != "cuda":
        pytest.skip("has no CUDA")
    done = subprocess.run(image.command(["python", "-c", OPEN]), capture_output=True, text=True)
    assert done.stdout.split()[-1:] == ["cudnn"], done.stderr
