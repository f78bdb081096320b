"""Ten thousand photos through recognize.py, and its memory along the way.

python -m tests.load.many_photos --photos 10000

Exit status 1 if a photo got no line, or if memory grew by more than a twentieth after the first fifth.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.load.client import memory

ROOT = Path(__file__).resolve().parents[2]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--of", type=Path, default=ROOT / "resources" / "examples", help="folder of photos to repeat")
    parser.add_argument("--models", type=Path, default=ROOT / "deploy" / "models")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Measures and returns the exit status."""
    args = parse_args(argv)
    held, lines = [], 0
    with tempfile.TemporaryDirectory() as folder:
        originals = sorted(path.resolve() for path in args.of.iterdir() if path.is_file())
        for number, original in enumerate(itertools.islice(itertools.cycle(originals), args.photos)):
            os.symlink(original, Path(folder) / f"{number:06d}{original.suffix}")
        command = [sys.executable, "recognize.py", folder, "--models", str(args.models)]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, bufsize=1
        )
        start = None
        for line in process.stdout:
            if not line.startswith(folder):
                continue
            lines, start = lines + 1, start or time.perf_counter()
            if lines % max(args.photos // 10, 1) == 0:
                held.append(memory(process.pid))
                speed = lines / (time.perf_counter() - start)
                print(f"{lines:6d} photos    {held[-1]:.0f} MiB, {speed:.1f} photos a second", flush=True)
        process.wait()
    print(
        f"{args.photos - lines} without a line; from the first fifth to the end memory grew by "
        f"{held[-1] / held[1] - 1:+.1%}"
    )
    return int(lines != args.photos or held[-1] > 1.05 * held[1])


if __name__ == "__main__":
    sys.exit(main())
