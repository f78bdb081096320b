"""The processes that train together, as the environment variable TF_CONFIG names them; nothing of TensorFlow."""

import contextlib
import dataclasses
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet.files import lock_file

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}'
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})")


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together, and which of them this one is.

    Attributes:
        addresses: `host:port` of each worker.
        index: this process's place among them; the first one writes what remains of the training.
    """

    addresses: tuple[str, ...] = ("localhost:0",)
    index: int = 0

    @property
    def writes(self) -> bool:
        """Returns whether this process writes states, weights and logs where the user wants them."""
        return self.index == 0


def cluster_of(environment: Mapping[str, str]) -> Cluster:
    """Returns the cluster that TF_CONFIG describes; one of this process alone without it.

    Raises:
        UserError: it describes none.
    """
    text = environment.get(VARIABLE, "").strip()
    if not text:
        return Cluster()
    try:
        return _cluster(json.loads(text))
    except (ValueError, RecursionError) as error:
        cause = str(error) if type(error) is ValueError else "it is no JSON"
        raise UserError(f"{VARIABLE}: {cause}; expected something like {EXAMPLE}") from error


def _cluster(values) -> Cluster:
    jobs = values.get("cluster") if isinstance(values, dict) else None
    task = values.get("task") if isinstance(values, dict) else None
    if not isinstance(jobs, dict) or not isinstance(task, dict):
        raise ValueError("it lacks cluster or task")
    if set(jobs) != {"worker"}:
        raise ValueError(f"its cluster has the jobs {', '.join(map(repr, jobs)) or 'none'}, and may have worker alone")
    addresses = jobs["worker"]
    if not isinstance(addresses, list) or not addresses:
        raise ValueError("its cluster names no workers")
    for address in addresses:
        match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
        if not match or not 0 < int(match[2]) < 65536:
            raise ValueError(f"its worker {address!r} is no host:port")
    if len(set(addresses)) < len(addresses):
        raise ValueError("it names a worker twice")
    if task.get("type") != "worker":
        raise ValueError(f"its task is of type {task.get('type')!r}, and may be a worker alone")
    index = task.get("index")
    # JSON of some launchers holds it as text
    if isinstance(index, str) and index.isdecimal():
        index = int(index)
    if type(index) is not int or not 0 <= index < len(addresses):
        raise ValueError(f"its task has the index {index!r}, and there are the workers 0 to {len(addresses) - 1}")
    return Cluster(tuple(addresses), index)


@contextlib.contextmanager
def place_of_state(output: Path, logs: Path, cluster: Cluster) -> Iterator[tuple[Path, Path]]:
    """Gives the file of the state and the folder of the logs that this process writes.

    They are the user's in the process that writes, which has them alone; in another one they lie in a folder that ends
    with the block, where the state is a copy of the user's. So every process does the same work in the same order.

    Raises:
        UserError: another training writes there, or the folder cannot be written to.
    """
    if cluster.writes:
        with lock_file(output, "training"):
            yield output, logs
        return
    with tempfile.TemporaryDirectory(prefix="meter-training-") as folder:
        own = Path(folder) / output.name
        if output.is_file():
            shutil.copyfile(output, own)
        yield own, Path(folder) / "logs"


@contextlib.contextmanager
def place_of_trials(logs: Path, cluster: Cluster) -> Iterator[Path]:
    """Gives the folder of a tuning's trials that this process writes, as `place_of_state` does."""
    if cluster.writes:
        yield logs
        return
    with tempfile.TemporaryDirectory(prefix="meter-tuning-") as folder:
        own = Path(folder) / logs.name
        if logs.is_dir():
            shutil.copytree(logs, own)
        yield own
