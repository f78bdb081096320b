"""What this process may use of the machine: cores and memory, as its container's limits (cgroups) leave them."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

# cgroup v1 says "no limit" with a number near 2**63
_NO_LIMIT = 2**60


def cores(root: Path = Path("/")) -> int:
    """Returns how many processor cores this process can keep busy, at least 1.

    A quota of one and a half cores counts as two: with one thread the half would never be used.

    Args:
        root: where `proc` and `sys` are.
    """
    count = len(os.sched_getaffinity(0))
    for folder in _folders(root, "cpu"):
        quota = _quota(folder)
        if quota:
            count = min(count, math.ceil(quota))
    return max(1, count)


def memory(root: Path = Path("/")) -> int:
    """Returns how many bytes of memory this process and its siblings in the container may hold.

    Args:
        root: where `proc` and `sys` are.
    """
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for folder in _folders(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _read(folder / name)
            if text.isdecimal() and int(text) < _NO_LIMIT:
                total = min(total, int(text))
    return total


def _quota(folder: Path) -> float:
    """Returns the cores that a folder of cgroups allows; 0 where it sets no limit."""
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else 0.0


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yields this process's folders of cgroups, version 2 or 1, and those above: each of them may set a limit."""
    base = root / "sys/fs/cgroup"
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        top = base / controllers if controllers else base
        # seen from inside a container, the path may be the host's: only the mount's top is there then
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            yield top.joinpath(*parts[:depth])


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
