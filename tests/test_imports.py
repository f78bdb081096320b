"""Imports point one way: what stands lower imports nothing from above, and nothing imports in a circle."""

import ast
import functools
import graphlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RANKS = [
    {"deploy.recognition"},
    {
        "retinanet.cli",
        "retinanet.config",
        "retinanet.files",
        "retinanet.foreign_text",
        "retinanet.text_tables",
        "deploy.serving",
    },
    {"retinanet.models", "retinanet.datasets"},
    {"retinanet.evaluation", "retinanet.export"},
    {"retinanet.training", "retinanet.bulk", "retinanet.benchmark", "retinanet.studies"},
]
RANK = {package: rank for rank, packages in enumerate(RANKS) for package in packages}


def package_of(module):
    return ".".join(module.split(".")[:2])


@functools.cache
def imports():
    """All pairs (module, imported module) of what is ours, imports within functions too."""
    pairs = []
    files = [path for folder in ("deploy", "retinanet") for path in (ROOT / folder).rglob("*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files}
    for path in files:
        parts = path.relative_to(ROOT).with_suffix("").parts
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom):
                continue
            start = ".".join((*(parts[: -node.level] if node.level else ()), *filter(None, [node.module])))
            for name in node.names:
                target = f"{start}.{name.name}" if f"{start}.{name.name}" in modules else start
                if target in modules:
                    pairs.append((".".join(parts), target))
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
    assert {package_of(module) for module, _ in imports() if module.startswith("retinanet.")} <= set(RANK)
