"""Which split a labelled photo belongs to: as the source's `splits.csv` says, or by its name, for ever the same."""

import csv
import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from deploy.recognition.errors import UserError

SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
SPLIT_NAMES = ("train", "validation", "test")


def split_by_hash(name: str) -> str:
    """Returns the split of a file or group without a given one: 80 % train, 10 % validation, 10 % test."""
    share = _share(name)
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"


def _share(name: str) -> float:
    """Returns a number of 0..1 that is a name's for ever."""
    return int.from_bytes(hashlib.sha256(os.fsencode(name)).digest()[:4]) / 2**32


def splits_of(groups: Iterable[str], counting: Collection[str] | None = None) -> dict[str, str]:
    """Returns the split of each group: by its hash, but none is left empty where there are three groups or more.

    An empty one takes the group that is nearest to it by its hash from the largest, so that the same groups always
    fall into the same splits, and as few as possible move when others come.

    Args:
        groups: all of them.
        counting: those that must not leave a split empty; all by default.
    """
    splits = {group: split_by_hash(group) for group in groups}
    members = sorted(set(splits if counting is None else counting), key=lambda group: (_share(group), group))
    if len(members) < len(SPLIT_NAMES):
        return splits
    for name in reversed(SPLIT_NAMES):
        if any(splits[group] == name for group in members):
            continue
        sizes = Counter(splits[group] for group in members)
        largest = [group for group in members if splits[group] == max(sizes, key=lambda split: sizes[split])]
        splits[largest[0] if name == "train" else largest[-1]] = name
    return splits


def read_table(path: Path, columns: tuple[str, ...], filled: tuple[str, ...] | None = None) -> list[dict[str, str]]:
    """Returns the lines of a CSV file with these columns, separated by commas, semicolons or tabs as spreadsheets do.

    Args:
        path: the file.
        columns: that must be there.
        filled: those of them in which every line must have a value; all of them by default.

    Raises:
        UserError: it is no CSV file, or a column or a value is missing.
    """
    filled = columns if filled is None else filled
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            first = lines.readline()
            lines.seek(0)
            separator = max(",;\t", key=first.count)
            reader = csv.DictReader(lines, delimiter=separator, restval="")
            rows, header = list(reader), reader.fieldnames or []
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such file; expected a table with the columns {', '.join(columns)}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from error
    missing = [column for column in columns if column not in header]
    if missing:
        raise UserError(f"{path}: has no column {missing[0]}; expected {', '.join(columns)} in its first line")
    for number, row in enumerate(rows, start=2):
        empty = [column for column in filled if not row[column]]
        if empty:
            raise UserError(f"{path}: line {number} has no {empty[0]}; expected a value for {', '.join(filled)}")
    return rows


def read_splits(path: Path, photos: list[Path]) -> dict[str, dict[str, str]]:
    """Returns the lines of a splits.csv by image name, `val` spelled out; empty if there is no such file.

    Raises:
        UserError: the columns image and split are not there, a split is none of train, val and test, or one of the
            photos has no line.
    """
    if not path.exists():
        return {}
    rows = {row["image"]: row for row in read_table(path, ("image", "split"))}
    for row in rows.values():
        if row["split"] not in SPLITS:
            raise UserError(f"{path}: {row['image']} has the split {row['split']!r}; expected train, val or test")
        row["split"] = SPLITS[row["split"]]
    for photo in photos:
        if photo.name not in rows:
            raise UserError(f"{path}: has no line for {photo.name}; add one or remove the photo")
    return rows
