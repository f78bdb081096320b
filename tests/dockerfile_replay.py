"""Follows a Dockerfile without Docker: its COPY and RUN lines in a scratch folder with a virtual environment.

python -m tests.dockerfile_replay CONTEXT FOLDER [NAME=VALUE ...]      builds FOLDER from CONTEXT/Dockerfile
"""

import dataclasses
import fnmatch
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

KNOWN = {"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "CMD"}


@dataclasses.dataclass
class Image:
    """What a Dockerfile makes.

    Attributes:
        root: the folder that stands for `/`.
        environment: variables of RUN and CMD.
        folder: WORKDIR, below the root.
        command: of CMD.
        healthcheck: command of HEALTHCHECK.
        user: of USER.
    """

    root: Path
    environment: dict[str, str]
    folder: Path
    command: list[str] = dataclasses.field(default_factory=list)
    healthcheck: list[str] = dataclasses.field(default_factory=list)
    user: str = "root"

    def place(self, path: str) -> Path:
        """Returns where a path of the image lies."""
        return (self.root / path.lstrip("/")) if path.startswith("/") else self.folder / path


def replay(context: Path, root: Path, virtual_environment: Path, arguments: dict[str, str]) -> Image:
    """Returns the image that the context's Dockerfile makes below the root.

    Args:
        context: folder with Dockerfile and .dockerignore.
        root: an empty folder.
        virtual_environment: takes the place of the base image's Python; kept packages are not installed again.
        arguments: build arguments.
    """
    image = Image(root, {}, root)
    for word, rest in instructions((context / "Dockerfile").read_text(encoding="utf-8")):
        assert word in KNOWN, f"the replay knows no {word}"
        if word == "FROM":
            image.environment = _base(virtual_environment)
        elif word == "ARG":
            name, _, default = rest.partition("=")
            image.environment[name] = arguments.get(name, default)
        elif word == "ENV":
            image.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "WORKDIR":
            image.folder = image.place(rest)
            image.folder.mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            _copy(context, image, shlex.split(rest))
        elif word == "RUN":
            _run(image, rest)
        elif word == "HEALTHCHECK":
            image.healthcheck = json.loads(rest[rest.index("CMD") + 3 :])
        elif word == "CMD":
            image.command = json.loads(rest)
        elif word == "USER":
            image.user = rest
    return image


def instructions(text: str) -> list[tuple[str, str]]:
    """Returns the instructions of a Dockerfile: the word in capitals and the rest of its lines, joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def _base(virtual_environment: Path) -> dict[str, str]:
    if not (virtual_environment / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(virtual_environment)], check=True)
    # a container knows nothing of the variables outside, but for the way to the packages
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "HTTP", "http", "no_proxy"))}
    return {**kept, "PATH": f"{virtual_environment / 'bin'}:/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent"}


def _run(image: Image, command: str) -> None:
    stamp = None
    environment = dict(image.environment)
    if "pip install" in command:
        # the same list on the same Python gives the same packages
        lists = sorted(path.read_bytes() for path in image.folder.glob("requirements*.txt"))
        digest = hashlib.sha256(repr((command, environment.get("REQUIREMENTS"), lists)).encode()).hexdigest()
        stamp = Path(environment["PATH"].split(":")[0]).parent / f".installed-{digest[:16]}"
        environment |= {"HOME": os.path.expanduser("~")}
        environment.pop("PIP_NO_CACHE_DIR", None)
    if stamp is None or not stamp.exists():
        text = re.sub(r"(?<![\w./])/app\b", str(image.root / "app"), command)
        subprocess.run(["/bin/sh", "-c", text], cwd=image.folder, env=environment, check=True)
    if stamp is not None:
        stamp.touch()


def _copy(context: Path, image: Image, words: list[str]) -> None:
    *sources, target = words
    ignored = (context / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for source in sources:
        start = context / source
        files = [path for path in start.rglob("*") if path.is_file()] if start.is_dir() else [start]
        taken = [path for path in files if not is_ignored(path.relative_to(context).as_posix(), ignored)]
        assert taken, f"COPY {source}: nothing there that .dockerignore lets through"
        for path in taken:
            # COPY of a folder copies what is in it
            name = path.relative_to(start) if start.is_dir() else Path(path.name)
            place = image.place(target) / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def is_ignored(path: str, patterns: list[str]) -> bool:
    """Returns whether .dockerignore keeps a path out: the last pattern that meets it or a folder above it decides."""
    parts = path.split("/")
    names = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    ignored = False
    for line in patterns:
        pattern = line.strip().lstrip("!").strip("/")
        if not pattern or line.startswith("#"):
            continue
        bare = pattern.removeprefix("**/")
        if any(fnmatch.fnmatch(name.split("/")[-1] if bare != pattern else name, bare) for name in names):
            ignored = not line.strip().startswith("!")
    return ignored


def main(argv: list[str] | None = None) -> None:
    """Builds the folder and prints its command."""
    context, folder, *pairs = argv if argv is not None else sys.argv[1:]
    arguments = dict(pair.split("=", 1) for pair in pairs)
    image = replay(Path(context), Path(folder), Path(folder) / "venv", arguments)
    print(f"cd {image.folder} && {shlex.join(image.command)}")


if __name__ == "__main__":
    main()
