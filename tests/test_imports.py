"""Imports point one way: what stands lower imports nothing from above, and nothing imports in a circle.

Modules stay short, and packages hold nothing but what they are.
"""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RANKS = [
    {"deploy.recognition"},
    {"deploy.serving"},
    {"retinanet.cli", "retinanet.config", "retinanet.files", "retinanet.foreign_text", "retinanet.text_tables"},
    {"retinanet.models", "retinanet.datasets"},
    {"retinanet.evaluation", "retinanet.export"},
    {"retinanet.training", "retinanet.bulk", "retinanet.benchmark", "retinanet.studies"},
]
RANK = {package: rank for rank, packages in enumerate(RANKS) for package in packages}
# what is run and never imported
SCRIPTS = {path.stem for path in ROOT.glob("*.py")} | {"deploy.gunicorn.conf", "deploy.prepare_model", "deploy.serve"}


def name_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def package_of(module):
    return ".".join(module.split(".")[:2])


@functools.cache
def modules():
    """Files by module name: the packages of deploy and retinanet, and the scripts."""
    files = [*ROOT.glob("*.py"), *(ROOT / "deploy").rglob("*.py"), *(ROOT / "retinanet").rglob("*.py")]
    return {name_of(path): path for path in files}


@functools.cache
def imports():
    """All pairs (module, imported module) of what is ours, imports within functions too."""
    pairs = []
    for module, path in modules().items():
        parts = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                targets = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                start = ".".join((*(parts[: -node.level] if node.level else ()), *filter(None, [node.module])))
                targets = [f"{start}.{name.name}" for name in node.names]
                targets = [target if target in modules() else start for target in targets]
            else:
                continue
            pairs += [(module, target) for target in targets if target in modules()]
    return pairs


@pytest.mark.parametrize("package", sorted(RANK))
def test_nothing_is_imported_from_above(package):
    for module, target in imports():
        if package_of(module) == package and package_of(target) in RANK:
            assert RANK[package_of(target)] <= RANK[package], f"{module} imports {target}"


@pytest.mark.parametrize("name", [lambda module: module, package_of], ids=["modules", "packages"])
def test_no_circle(name):
    graph = graphlib.TopologicalSorter()
    for module, target in imports():
        if name(module) != name(target):
            graph.add(name(module), name(target))
    graph.prepare()


def test_every_package_has_its_place():
    inside = set(modules()) - {"deploy", "retinanet"} - SCRIPTS
    assert {package_of(module) for module in inside} == set(RANK)


def test_the_server_imports_nothing_of_training():
    theirs = [target for module, target in imports() if package_of(module) == "deploy.serving"]
    assert {package_of(target) for target in theirs} == {"deploy.recognition", "deploy.serving"}


def test_nobody_imports_a_script():
    assert [pair for pair in imports() if pair[1] in SCRIPTS] == []


@pytest.mark.parametrize("module", sorted(modules()))
def test_modules_are_short_and_packages_hold_a_docstring_alone(module):
    text = modules()[module].read_text()
    assert len(text.splitlines()) <= 300
    if modules()[module].name == "__init__.py":
        (only,) = ast.parse(text).body
        assert isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant)
