"""Serves recognition over HTTP on port 8080: starts gunicorn with gunicorn.conf.py.

python serve.py
"""

import argparse
import os
import sys
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments; there are none but --help, which lists the environment variables."""
    from deploy.serving.settings import describe

    lines = [f"  {name:<24} {text} (default: {default or 'empty'})" for name, default, text in describe()]
    parser = argparse.ArgumentParser(
        description="Serve recognition over HTTP.",
        epilog="Environment variables:\n" + "\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Becomes gunicorn, so that signals reach it."""
    parse_args(argv)
    # the threads of one process would each keep their own heap
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--config", str(DEPLOY / "gunicorn.conf.py")])


if __name__ == "__main__":
    # run from deploy/, the folder retinanet/ in it would be taken for the package of that name
    sys.path[0] = str(DEPLOY.parent)
    main()
