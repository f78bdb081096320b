"""A container's limits count, not the host's cores and memory."""

import os

import pytest

from deploy.recognition import machine


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host of 64 cores, with files of cgroups."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)))

    def write(cgroup, **files):
        (tmp_path / "proc/self").mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc/self/cgroup").write_text(cgroup)
        for name, text in files.items():
            path = tmp_path / "sys/fs/cgroup" / name.replace("__", "/").replace("_dot_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("text", "expected"),
    [("max 100000", 64), ("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("9900000 100000", 64)],
)
def test_the_quota_of_a_container(host, text, expected):
    assert machine.cores(host("0::/\n", cpu_dot_max=text + "\n")) == expected


def test_the_least_of_the_folders_above_counts(host):
    root = host(
        "0::/a/b\n", a__b__cpu_dot_max="max 100000", a__cpu_dot_max="300000 100000", cpu_dot_max="800000 100000"
    )
    assert machine.cores(root) == 3


def test_version_1(host):
    files = {"cpu,cpuacct__cpu_dot_cfs_quota_us": "400000\n", "cpu,cpuacct__cpu_dot_cfs_period_us": "100000\n"}
    assert machine.cores(host("5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n", **files)) == 4
    files["cpu,cpuacct__cpu_dot_cfs_quota_us"] = "-1\n"
    assert machine.cores(host("5:cpu,cpuacct:/docker/x\n", **files)) == 64


def test_memory(host, tmp_path):
    total = machine.memory(tmp_path)
    assert total == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert machine.memory(host("0::/\n", memory_dot_max="1073741824\n")) == 2**30
    assert machine.memory(host("0::/\n", memory_dot_max="max\n")) == total
    root = host("4:memory:/\n", memory__memory_dot_limit_in_bytes="9223372036854771712\n")
    assert machine.memory(root) == total


def test_without_cgroups(tmp_path):
    assert machine.cores(tmp_path) == len(os.sched_getaffinity(0))


def test_everything_that_counts_cores_asks_here():
    from deploy.recognition import networks
    from retinanet.bulk import stream

    assert networks.cores is stream.cores is machine.cores
