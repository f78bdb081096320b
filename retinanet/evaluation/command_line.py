"""The labelled sets on a command line: each a source's name and its paths."""

import argparse
from pathlib import Path

from retinanet.datasets.sources import MEASURED, MODELS_FOLDER, SOURCES, Request


def add_arguments(parser: argparse.ArgumentParser, split: str, turns: list[int]) -> None:
    """Adds `sets`, `--split`, `--turns` and `--models`, with these defaults of split and turns."""
    add_sets(parser, split)
    shown = " ".join(map(str, turns))
    parser.add_argument(
        "--turns", type=int, nargs="+", choices=range(4), default=turns, help=f"quarters clockwise (default: {shown})"
    )
    parser.add_argument("--models", type=Path, default=MODELS_FOLDER, help="default: deploy/models")


def add_sets(parser: argparse.ArgumentParser, split: str) -> None:
    """Adds `sets` and `--split` with this default."""
    parser.add_argument(
        "sets",
        nargs="*",
        metavar="SOURCE PATH...",
        help=f"a set's source ({', '.join(MEASURED)}) and its paths as make_dataset.py takes them; several may follow",
    )
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), default=split, help=f"which part (default: {split})"
    )


def labelled_sets(parser: argparse.ArgumentParser, words: list[str]) -> list[tuple[str, Request]]:
    """Returns source and paths of each set; exits as argparse does where they do not fit.

    A word that is a source's name begins a set: a folder of such a name is given as ./NAME.
    """
    sets: list[tuple[str, list[Path]]] = []
    for word in words:
        if word in MEASURED:
            sets.append((word, []))
        elif not sets:
            parser.error(f"unknown source {word!r}: expected one of {', '.join(MEASURED)}, then its paths")
        else:
            sets[-1][1].append(Path(word))
    for name, paths in sets:
        if len(paths) not in SOURCES[name].path_counts:
            parser.error(f"{name} got {len(paths)} paths; expected: {SOURCES[name].usage}")
        for path in paths:
            if not path.exists():
                parser.error(f"{name}: no such file or folder: {path}")
    return [(name, Request(tuple(paths))) for name, paths in sets]
