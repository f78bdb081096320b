"""Builds deploy/Dockerfile with buildah, which needs no daemon, and runs what it made as `docker run --read-only` does.

The base image is made by debootstrap under the name that the Dockerfile gives, so that no registry is asked. It is kept
in /var/tmp/meter-reader-images between runs; images that are built are removed.
"""

import dataclasses
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STORAGE = Path("/var/tmp/meter-reader-images")
SUITE = "bookworm"
BASE = f"docker.io/library/python:3.11-slim-{SUITE}"
BASE_PACKAGES = ("python3", "python3-pip", "python3-venv", "python-is-python3", "ca-certificates")
# pip in the base trusts whom this machine trusts
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
TOOLS = ("buildah", "debootstrap", "unshare", "setpriv")

# what `docker run --read-only --tmpfs /tmp --cap-drop ALL` sets up, in mounts that end with the process
_CONTAINER = r"""
root=$1 owner=$2 folder=$3
shift 3
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o size=256m,mode=1777 tmpfs "$root/tmp"
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o size=64k,mode=755 dev "$root/dev"
for device in null zero full random urandom; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mkdir "$root/dev/shm"
mount -t tmpfs -o size=64m,mode=1777 shm "$root/dev/shm"
mount -o remount,ro "$root/dev"
exec chroot "$root" setpriv --reuid="${owner%:*}" --regid="${owner#*:}" --clear-groups --bounding-set=-all \
    --inh-caps=-all --no-new-privs env --ignore-environment --chdir="$folder" "$@"
"""


@dataclasses.dataclass(frozen=True)
class Image:
    """An image, its files in reach.

    Attributes:
        root: its files, writable: nothing may be changed there.
        base: the files of the image that it starts from.
        config: what `docker inspect` shows under Config.
    """

    root: Path
    base: Path
    config: dict

    def command(self, words: Sequence[str], **variables: str) -> list[str]:
        """Returns a command that runs words in a container of the image, read-only, as its user, without rights."""
        # HOME as engines set it for a user whom the image does not know
        environment = ["HOME=/", *self.config["Env"], *(f"{name}={value}" for name, value in variables.items())]
        prefix = ["unshare", "--mount", "bash", "-euc", _CONTAINER, "container"]
        return [*prefix, str(self.root), self.config["User"], self.config["WorkingDir"], *environment, *words]

    def added(self) -> list[Path]:
        """Returns the files that the base does not have, below the root."""
        return sorted(set(_files(self.root)) - set(_files(self.base)))


def why_not() -> str:
    """Returns why no image can be built here, or nothing."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)}: not installed: apt-get install buildah debootstrap"
    if os.geteuid():
        return "only root may mount what a container needs"
    if subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode:
        return "nothing can be mounted here"
    return ""


@contextmanager
def built(context: Path, requirements: str) -> Iterator[Image]:
    """Builds the context's Dockerfile with a list of packages; the image is removed afterwards."""
    name = f"meter-reader-{requirements.removesuffix('.txt')}"
    _make_base()
    try:
        # Docker's format: the other one has no HEALTHCHECK
        arguments = ["--format=docker", "--network=host", "--pull-never", f"--build-arg=REQUIREMENTS={requirements}"]
        _buildah("bud", *arguments, "--tag", name, "--file", str(context / "Dockerfile"), str(context), shown=True)
        found = json.loads(_buildah("inspect", "--type=image", name))["Docker"]["config"]
        yield Image(_mounted(name), _mounted(BASE), found)
    finally:
        _buildah("rm", "--all")
        subprocess.run([*_command(), "rmi", name], capture_output=True)


def _make_base() -> None:
    if BASE in _buildah("images", "--format={{.Name}}:{{.Tag}}").split():
        return
    container = _buildah("from", "scratch").strip()
    root = Path(_buildah("mount", container).strip())
    words = ["debootstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}", SUITE, str(root)]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout[-2000:]
    # Python's own image lets pip install for all
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    shutil.rmtree(root / "var/lib/apt/lists")
    for package in (root / "var/cache/apt").rglob("*.deb"):
        package.unlink()
    if CERTIFICATES.exists():
        shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
    _buildah("umount", container)
    _buildah("commit", container, BASE)
    _buildah("rm", container)


def _mounted(name: str) -> Path:
    return Path(_buildah("mount", _buildah("from", "--pull-never", name).strip()).strip())


def _files(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in names:
            yield Path(folder, name).relative_to(root)


def _command() -> list[str]:
    # overlays share the files of their layers, where vfs copies all of them for each
    return ["buildah", f"--root={STORAGE / 'root'}", f"--runroot={STORAGE / 'run'}", f"--storage-driver={_driver()}"]


def _driver() -> str:
    chosen = STORAGE / "driver"
    if not chosen.exists():
        STORAGE.mkdir(parents=True, exist_ok=True)
        script = 'mkdir "$1" && cd "$1" && mkdir l u w m && mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m'
        trial = STORAGE / "trial"
        overlays = not subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "trial", str(trial)], capture_output=True
        ).returncode
        shutil.rmtree(trial, ignore_errors=True)
        chosen.write_text("overlay" if overlays else "vfs")
    return chosen.read_text()


def _buildah(*words: str, shown: bool = False) -> str:
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot"}
    error = None if shown else subprocess.PIPE
    done = subprocess.run(
        [*_command(), *words], env=environment, stdout=error if shown else subprocess.PIPE, stderr=error, text=True
    )
    assert done.returncode == 0, f"buildah {' '.join(words)}: {done.stderr or 'see above'}"
    return done.stdout or ""
