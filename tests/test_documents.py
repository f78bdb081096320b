"""The documents: README stays short, and what they link to or name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "deploy" / "retinanet" / "README.md"]
# the changelog names what was as well
PRESENT = [path for path in DOCUMENTS if path.stem != "CHANGELOG"]


def headings(path):
    """The anchors of a document's headings, as GitHub makes them."""
    lines = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def test_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= 10_000


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document):
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", document.read_text(encoding="utf-8")):
        if target.startswith("http"):
            continue
        path = document.parent / target if target else document
        assert path.exists(), target
        assert not anchor or anchor in headings(path), f"{target}#{anchor}"


@pytest.mark.parametrize("document", PRESENT, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_of_the_project_that_are_named_exist(document):
    text = document.read_text(encoding="utf-8")
    for name in set(
        re.findall(r"`((?:deploy|retinanet|tests|resources|docs)/[\w./-]+\.(?:py|md|xml|yaml|png))`", text)
    ):
        assert (ROOT / name).exists(), name
