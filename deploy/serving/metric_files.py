"""The files in which the processes of a server keep their metrics for each other."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

# a process's metrics take less than a tenth of it
_FILE_BYTES = 2**18
# of the names that prometheus_client gives them: kind_process.db, gauge_livesum_process.db
_KINDS = ("counter", "histogram", "gauge_livesum")
_PROCESSES = 4
_PREFIX, _LOCK = "meter-metrics-", "lock"
# nobody's number: what those that have ended had counted
_ENDED = "0"


def make_folder(workers: int, places: Sequence[str] = ("/dev/shm", "/tmp", "/var/tmp")) -> str:
    """Returns a new folder where there is room for the metrics of so many processes; empty if there is none.

    Folders of servers that were killed are removed.
    """
    for place in places:
        with contextlib.suppress(OSError):
            _remove_abandoned(Path(place))
            room = os.statvfs(place)
            if room.f_bavail * room.f_frsize >= len(_KINDS) * _FILE_BYTES * (workers + _PROCESSES):
                folder = tempfile.mkdtemp(prefix=_PREFIX, dir=place)
                # held as long as one of the server's processes lives
                _lock(Path(folder))
                return folder
    return ""


def _lock(folder: Path) -> bool:
    """Marks a folder as in use until this process and those forked from it have ended; returns whether it was not."""
    descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        os.close(descriptor)
        return False


def _remove_abandoned(place: Path) -> None:
    for folder in place.glob(f"{_PREFIX}*"):
        # another user's, or one that is being made
        with contextlib.suppress(OSError):
            if (folder / _LOCK).exists() and _lock(folder):
                shutil.rmtree(folder, ignore_errors=True)


def reserve(folder: str, process: int) -> None:
    """Makes a process's files in full: written to without room on the disk, a mapped file would kill the process.

    Raises:
        OSError: there is no room.
    """
    for kind in _KINDS:
        with open(Path(folder) / f"{kind}_{process}.db", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)


def retire(folder: str, process: int) -> None:
    """Adds what a process that has ended had counted to what others before it had, and removes its files."""
    from prometheus_client.mmap_dict import MmapedDict

    for kind in _KINDS:
        file = Path(folder) / f"{kind}_{process}.db"
        with contextlib.suppress(OSError, RuntimeError):
            if not kind.startswith("gauge"):
                kept = Path(folder) / f"{kind}_{_ENDED}.db"
                if not kept.exists():
                    with open(kept, "wb") as new:
                        os.posix_fallocate(new.fileno(), 0, _FILE_BYTES)
                sums = MmapedDict(str(kept))
                for key, value, stamp, _ in MmapedDict.read_all_values_from_file(str(file)):
                    sums.write_value(key, sums.read_value(key)[0] + value, stamp)
                sums.close()
        file.unlink(missing_ok=True)


def remove(folder: str) -> None:
    """Removes the folder."""
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
