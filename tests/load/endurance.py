"""Ten thousand requests, and the server's memory along the way.

python -m tests.load.endurance --requests 10000

Exit status 1 if any request failed, or if memory grew by more than a twentieth after the first fifth.
"""

import argparse
import sys

from tests.load.client import ask_in_turn, memory, own_server


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--port", type=int, default=18091)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Measures and returns the exit status."""
    args = parse_args(argv)
    held, failed = [], 0
    with own_server(args.port) as (url, process):
        print(f"ready              {memory(process):.0f} MiB", flush=True)
        for tenth in range(10):
            tally = ask_in_turn(url, 2, args.requests // 10)
            failed += tally.total - tally.count(200)
            held.append(memory(process))
            done = (tenth + 1) * (args.requests // 10)
            print(f"{done:6d} requests    {held[-1]:.0f} MiB, p50 {tally.milliseconds(50):.0f} ms", flush=True)
    print(f"{failed} failed; from the first fifth to the end memory grew by {held[-1] / held[1] - 1:+.1%}")
    return int(failed > 0 or held[-1] > 1.05 * held[1])


if __name__ == "__main__":
    sys.exit(main())
