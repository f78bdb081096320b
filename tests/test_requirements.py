"""The lists of packages that training installs."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def lines(name):
    return [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]


def test_cards_get_the_tensorflow_that_processors_get():
    (version,) = re.findall(r"(?m)^tensorflow==(.+)$", (ROOT / "requirements.txt").read_text())
    assert lines("requirements-gpu.txt") == ["-r requirements.txt", f"tensorflow[and-cuda]=={version}"]
    # the container's list has the same one, and of what CUDA needs what serving loads
    assert f"tensorflow=={version}" in lines("deploy/requirements.txt")
