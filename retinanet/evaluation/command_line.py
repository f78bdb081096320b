"""The labelled sets on a command line: pairs of a source's name and its folder."""

import argparse
from pathlib import Path

SOURCE_NAMES = ("mbarira", "chongqing", "beregun_itelma", "russian_flats")
MODELS = Path(__file__).resolve().parents[2] / "deploy" / "models"


def add_arguments(parser: argparse.ArgumentParser, split: str, turns: list[int]) -> None:
    """Adds `sets`, `--split`, `--turns` and `--models`, with these defaults of split and turns."""
    parser.add_argument(
        "sets",
        nargs="*",
        metavar="SOURCE PATH",
        help=f"a set ({', '.join(SOURCE_NAMES)}) and its folder as its source lays it out; several may follow",
    )
    parser.add_argument(
        "--split", choices=("train", "validation", "test"), default=split, help=f"which part (default: {split})"
    )
    shown = " ".join(map(str, turns))
    parser.add_argument(
        "--turns", type=int, nargs="+", choices=range(4), default=turns, help=f"quarters clockwise (default: {shown})"
    )
    parser.add_argument("--models", type=Path, default=MODELS, help="default: deploy/models")


def pairs(parser: argparse.ArgumentParser, sets: list[str]) -> list[tuple[str, Path]]:
    """Returns source and folder of each set; exits as argparse does where they do not fit."""
    if len(sets) % 2:
        parser.error("expected pairs of SOURCE and PATH")
    found = [(name, Path(path)) for name, path in zip(sets[::2], sets[1::2], strict=True)]
    for name, path in found:
        if name not in SOURCE_NAMES:
            parser.error(f"unknown source {name!r}: expected one of {', '.join(SOURCE_NAMES)}")
        if not path.is_dir():
            parser.error(f"{name}: no such folder: {path}")
    return found
