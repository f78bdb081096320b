"""Twice the load that the server can carry: what it refuses, how long the rest takes, what memory it holds.

python -m tests.load.overload --seconds 60

Exit status 1 if there was any other error than 429, if the accepted requests' p99 is more than twice that of an
unloaded server, or if memory grew by more than a twentieth.
"""

import argparse
import sys

from tests.load.client import ask_at_rate, ask_in_turn, memory, own_server


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=18090)
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Measures and returns the exit status."""
    args = parse_args(argv)
    with own_server(args.port) as (url, process):
        ask_in_turn(url, 1, 30)
        alone = ask_in_turn(url, 1, 150)
        # one is recognized while the next one waits: the most that gets through without being refused
        pair = ask_in_turn(url, 2, 150)
        rate = 2 / (sum(pair.seconds[200]) / len(pair.seconds[200]))
        print(f"unloaded      p50 {alone.milliseconds(50):6.0f} ms   p99 {alone.milliseconds(99):6.0f} ms")
        print(f"can carry     {rate:.1f} photos a second", flush=True)
        ask_at_rate(url, 2 * rate, min(10, args.seconds))
        before = memory(process)
        double = ask_at_rate(url, 2 * rate, args.seconds)
        after = memory(process)
    others = double.total - double.count(200, 429)
    print(
        f"twice that    {double.total} requests in {args.seconds:g} s: {double.count(200)} read, "
        f"{double.count(429)} refused with 429, {others} other errors"
    )
    ratio = double.milliseconds(99) / alone.milliseconds(99)
    print(
        f"accepted      p50 {double.milliseconds(50):6.0f} ms   p99 {double.milliseconds(99):6.0f} ms   "
        f"{ratio:.2f} times the unloaded p99"
    )
    print(f"memory        {before:.0f} MiB before, {after:.0f} MiB after")
    return int(others > 0 or ratio > 2 or after > 1.05 * before)


if __name__ == "__main__":
    sys.exit(main())
