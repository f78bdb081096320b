"""Which group and which split a labelled picture belongs to: as tables say, or by its name."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from deploy.recognition.errors import UserError
from retinanet.datasets.label_studio.names import composed, plainest, without_upload_prefix
from retinanet.datasets.splits import SPLIT_NAMES, SPLITS, read_table, splits_of


def groups_and_splits(
    names: Sequence[str],
    groups: Path | None = None,
    splits: Path | None = None,
    counting: Collection[int] | None = None,
) -> list[tuple[str, str]]:
    """Returns the group and the split of each photo.

    Args:
        names: the photos' paths within their folder.
        groups: a CSV file with the columns image and group: photos of one meter go into one split. Without it every
            photo is a group.
        splits: a CSV file with the columns image and split; without it the groups' names tell, and from three groups
            on no split is empty.
        counting: the numbers of those photos that must not leave a split empty; all by default.

    Raises:
        UserError: a file has no line for one of the photos, or other splits than train, val and test, or photos of one
            group in two.
    """
    of_group = _groups_by_name(names) if groups is None else _column(groups, "group", names)
    if splits is None:
        counted = {of_group[number] for number in counting or ()}
        by_group = splits_of(of_group, counted if len(counted) >= len(SPLIT_NAMES) else None)
        return [(group, by_group[group]) for group in of_group]
    given = _column(splits, "split", names)
    result: list[tuple[str, str]] = []
    first: dict[str, str] = {}
    for name, group, word in zip(names, of_group, given, strict=True):
        split = SPLITS.get(word.strip().lower())
        if split is None:
            raise UserError(f"{splits}: {name} has the split {word!r}; expected train, val or test")
        if groups is not None and first.setdefault(group, split) != split:
            raise UserError(f"{splits}: the group {group} is in two splits, {first[group]} and {split}; put it in one")
        result.append((group, split))
    return result


def _groups_by_name(names: Sequence[str]) -> list[str]:
    """Returns what is the same for a photo and its crops, whatever an upload made of their names."""
    plain = [plainest(without_upload_prefix(PurePosixPath(name).name)) for name in names]
    times = Counter(plain)
    folders = ["/".join(map(plainest, PurePosixPath(name).parent.parts)) for name in names]
    return [f"{folder}/{name}" if times[name] > 1 else name for folder, name in zip(folders, plain, strict=True)]


def _column(file: Path, column: str, names: Sequence[str]) -> list[str]:
    """Returns a table's value for each photo, by its path or its name."""
    exact: dict[str, str] = {}
    alike: dict[str, set[str]] = defaultdict(set)
    for row in read_table(file, ("image", column)):
        image = row["image"].replace("\\", "/")
        exact[composed(image)] = row[column]
        alike[plainest(image)].add(row[column])

    def value_of(name: str) -> str:
        base = PurePosixPath(name).name
        asked = (name, base, without_upload_prefix(base))
        for one in asked:
            if composed(one) in exact:
                return exact[composed(one)]
        for one in asked:
            if len(values := alike.get(plainest(one), ())) == 1:
                return next(iter(values))
        raise UserError(f"{file}: has no line for {asked[-1]}; every labelled photo needs its {column}")

    return [value_of(name) for name in names]
