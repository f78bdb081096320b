"""Photos without number, read in shards: a file of results for each, so that a restart reads none of them again.

A folder of results holds

- `plan.json`: which photos, in shards of how many, by which models; fixed when reading began,
- `photos.txt`: their paths, one a line; as a text of JSON where a line cannot hold a path as it is,
- `results-00003-of-00120.jsonl`: the results of a finished shard, a line of JSON for each photo.
"""

import dataclasses
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.recognition import photo_files
from deploy.recognition.errors import UserError
from deploy.recognition.meter_reader import MeterReader
from retinanet.bulk.outputs import as_dict
from retinanet.bulk.stream import read_photos
from retinanet.files import write_json, write_text, write_then_move
from retinanet.foreign_text import json_text, printable

PLAN, PHOTOS = "plan.json", "photos.txt"


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is read into a folder of results.

    Attributes:
        folder: of the results.
        sources: files and folders of photos, as given.
        models: the version of the models.
        shard_size: photos in a shard; the last one may have fewer.
        count: of all photos.
    """

    folder: Path
    sources: tuple[str, ...]
    models: str
    shard_size: int
    count: int

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-self.count // self.shard_size)

    def result_file(self, shard: int) -> Path:
        """Returns the file of a shard's results, which is there once the shard is finished."""
        return self.folder / f"results-{shard:05d}-of-{self.shards:05d}.jsonl"

    def unfinished(self) -> list[int]:
        """Returns the shards that are still to be read."""
        return [shard for shard in range(self.shards) if not self.result_file(shard).exists()]

    def clear(self) -> None:
        """Removes what killed runs left half written; nobody else may be reading into the folder."""
        for path in self.folder.glob(".results-*.partial.jsonl"):
            path.unlink()

    def photos(self, shard: int) -> Iterator[photo_files.PhotoFile]:
        """Yields the photos of a shard."""
        start = shard * self.shard_size
        with open(self.folder / PHOTOS, encoding="utf-8") as file:
            for line in itertools.islice(file, start, start + self.shard_size):
                path = Path(_path_of(line.rstrip("\n")))
                yield photo_files.PhotoFile(path, Path(path.name))


def make_plan(folder: Path, sources: Sequence[Path], models: str, shard_size: int) -> Plan:
    """Returns the plan of a folder of results: a new one, or the one begun there if it is for the same.

    Args:
        folder: of the results; made if it is missing.
        sources: files and folders of photos. Those that come to a folder after reading began are not read.
        models: the version of the models.
        shard_size: photos in a shard.

    Raises:
        UserError: other photos or other models were begun there, there are no photos, or it cannot be written.
    """
    names = tuple(str(path.absolute()) for path in sources)
    begun = folder / PLAN
    if begun.exists():
        plan = _read_plan(folder)
        asked = dataclasses.replace(plan, sources=names, models=models, shard_size=shard_size)
        for field in ("sources", "models", "shard_size"):
            found, expected = getattr(plan, field), getattr(asked, field)
            if found != expected:
                raise UserError(
                    f"{begun}: begun with {field} {_plain(found)}, now {_plain(expected)}; go on with the same, or "
                    "give another folder"
                )
        return plan
    paths = [file.path.absolute() for file in photo_files.find_photos(sources)]
    plan = Plan(folder, names, models, shard_size, len(paths))
    values = {field: value for field, value in dataclasses.asdict(plan).items() if field != "folder"}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / PHOTOS, "".join(f"{_line_of(str(path))}\n" for path in paths))
        # last: once it is there, the list of photos is whole
        write_json(begun, values)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror}") from error
    return plan


def read_shard(reader: MeterReader, plan: Plan, shard: int) -> int:
    """Reads the photos of a shard, writes its results, and returns how many photos gave a reading.

    The file of results appears when it is whole; killed before, the shard is read again from its start. A finished
    shard is left as it is: where a worker is lost, engines ask again for all that it did. Two that read the same shard
    at once, as engines may have it, write the same.

    Raises:
        UserError: the results cannot be written.
    """
    target = plan.result_file(shard)
    read = 0
    try:
        if target.exists():
            with open(target, encoding="utf-8") as file:
                return sum(json.loads(line)["success"] for line in file)
        with write_then_move(target, f".{os.getpid()}") as unfinished, open(unfinished, "w", encoding="utf-8") as file:
            for result in read_photos(reader, plan.photos(shard)):
                file.write(json_text(as_dict(result)) + "\n")
                read += result.success
    except OSError as error:
        raise UserError(f"{target}: cannot be written: {error.strerror}") from error
    return read


def _read_plan(folder: Path) -> Plan:
    path = folder / PLAN
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        values["sources"] = tuple(values["sources"])
        return Plan(folder, **values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: no plan of reading ({error!r}); remove the folder or give another one") from error


def _line_of(path: str) -> str:
    return path if printable(path) == path else json_text(path)


def _path_of(line: str) -> str:
    # paths are absolute: none begins with a quotation mark
    return json.loads(line) if line.startswith('"') else line


def _plain(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)
