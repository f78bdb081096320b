"""The client examples of the documents are run as they stand there, against a server."""

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.fake_server import live_server

ROOT = Path(__file__).resolve().parents[2]
SERVER = "http://localhost:8080"
# blocks of code: lines indented by four and the empty ones between
BLOCK = re.compile(r"(?:^    .*\n(?:\n(?=    ))*)+", re.MULTILINE)


def examples():
    paths = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    found = [block for path in paths for block in BLOCK.findall(path.read_text(encoding="utf-8"))]
    blocks = [textwrap.dedent(block) for block in found if f"{SERVER}/recognize" in block]
    curls = [line for block in blocks if "curl" in block for line in block.splitlines() if "curl" in line]
    # the same line may stand in two documents
    return list(dict.fromkeys(curls)), [
        block for block in blocks if "import requests" in block or "requests.post" in block
    ]


CURLS, PYTHONS = examples()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with live_server(tmp_path_factory.mktemp("clients") / "models", METER_QUEUE_LENGTH="8") as found:
        yield found


def test_every_kind_of_body_has_an_example():
    text = "\n".join(CURLS)
    for part in ("image/jpeg", "-F image=@", "base64", "tolist()", "/batch", "previous="):
        assert part in text, part
    assert len(PYTHONS) == 1
    for part in ("data=content", "files=", "b64encode", "tolist()", "/batch"):
        assert part in PYTHONS[0], part


@pytest.mark.parametrize("line", CURLS)
def test_curl(server, line):
    command = line.replace(SERVER, server.url)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert "request_id" in found and "error" not in found, found
    for result in found.get("results", [found]):
        assert result["original_image_shape"][2] == 3 and result["success"] is False
    assert len(found.get("results", [0, 0])) == 2


@pytest.mark.parametrize("code", PYTHONS)
def test_python(server, code):
    code = code.replace(SERVER, server.url)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("original_image_shape") == 6
