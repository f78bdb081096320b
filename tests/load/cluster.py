"""read_many.py on a cluster of two worker processes, one of which is killed in the middle.

.venv-beam/bin/python -m tests.load.cluster --photos 1000 --models DIR

It wants the packages of requirements-beam.txt. Exit status 1 if a photo is missing from the results, or if a finished
shard is read again.
"""

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUNNER = "apache_beam.runners.dask.dask_runner.DaskRunner"


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=1000)
    parser.add_argument("--shard_size", type=int, default=25)
    parser.add_argument("--of", type=Path, default=ROOT / "resources" / "examples", help="folder of photos to repeat")
    parser.add_argument("--models", type=Path, default=ROOT / "deploy" / "models")
    parser.add_argument("--port", type=int, default=8786, help="of the cluster's scheduler")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Measures one process and the cluster, and returns the exit status."""
    args = parse_args(argv)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        photos = folder / "photos"
        photos.mkdir()
        originals = sorted(path.resolve() for path in args.of.iterdir() if path.is_file())
        for number, original in enumerate(itertools.islice(itertools.cycle(originals), args.photos)):
            os.symlink(original, photos / f"{number:06d}{original.suffix}")
        variables = {**os.environ, "PYTHONPATH": str(ROOT), "METER_CPU_THREADS": "1", "OMP_NUM_THREADS": "1"}
        seconds, _ = read(args, photos, folder / "one", variables, [], None)
        print(f"one process: {args.photos / seconds:.1f} photos a second", flush=True)
        log = stack.enter_context(open(folder / "cluster.log", "wb"))

        def start(module, *words):
            command = [sys.executable, "-m", f"distributed.cli.{module}", *words, "--no-dashboard"]
            process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        address = f"tcp://127.0.0.1:{args.port}"
        start("dask_scheduler", "--host", "127.0.0.1", "--port", str(args.port))
        time.sleep(5)
        # without a nanny, which would start it again
        workers = [start("dask_worker", address, "--nthreads", "1", "--no-nanny") for _ in range(2)]
        time.sleep(5)
        options = ["--runner", RUNNER, "--dask_client_address", address, "--dask_partition_size", "1"]
        seconds, again = read(args, photos, folder / "two", variables, options, workers[0])
        print(f"two workers, one of them killed: {args.photos / seconds:.1f} photos a second", flush=True)
        read_photos = [
            json.loads(line)["file"]
            for file in (folder / "two").glob("results-*.jsonl")
            for line in file.read_text().splitlines()
        ]
        lost, twice = args.photos - len(set(read_photos)), len(read_photos) - len(set(read_photos))
        print(f"{lost} photos lost, {twice} in the results twice, {len(again)} finished shards read again")
    return int(bool(lost or twice or again))


def read(args, photos, output, variables, options, victim):
    """Seconds that it took, and the finished files that were written anew; a victim is killed after a third."""
    command = [sys.executable, "read_many.py", str(photos), "--output", str(output), "--models", str(args.models)]
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--shard_size", str(args.shard_size), *options], cwd=ROOT, env=variables, stdout=subprocess.DEVNULL
    )
    seen, again = {}, set()
    while process.poll() is None:
        for file in output.glob("results-*.jsonl"):
            number = file.stat().st_ino
            if seen.setdefault(file.name, number) != number:
                again.add(file.name)
        if victim and len(seen) * args.shard_size * 3 > args.photos:
            victim.send_signal(signal.SIGKILL)
            print(f"killed a worker after {len(seen)} shards", flush=True)
            victim = None
        time.sleep(0.05)
    assert process.returncode == 0, f"read_many.py ended with status {process.returncode}"
    return time.perf_counter() - begin, again


if __name__ == "__main__":
    sys.exit(main())
