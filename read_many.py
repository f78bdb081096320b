"""Reads photos by the million: in shards, under Apache Beam, on one machine or on a cluster.

    python read_many.py photos/ --output readings

Killed and started again with the same command, it goes on with the shards that are not finished. What it does not know
of its options goes to Beam (`--runner FlinkRunner ...`).
"""

import argparse
import sys
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet import cli

ROOT = Path(__file__).parent


def parse_args(argv: list[str] | None = None) -> tuple[argparse.Namespace, list[str]]:
    """Returns the checked arguments, and those that are for Beam."""
    parser = argparse.ArgumentParser(description="Read photos in shards, under Apache Beam.", allow_abbrev=False)
    parser.add_argument("photos", nargs="+", type=cli.existing_path, metavar="PHOTO_OR_FOLDER")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of results, JSON Lines")
    parser.add_argument("--shard_size", type=cli.positive_int, default=100, help="photos in a file of results")
    parser.add_argument(
        "--models", type=Path, default=ROOT / "deploy" / "models", metavar="DIR", help="default: deploy/models"
    )
    return parser.parse_known_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Plans the shards, lets Beam read those that are not finished, and says how many photos were read."""
    args, for_beam = parse_args(argv)
    try:
        import apache_beam  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(
            "apache_beam: not installed: it wants older packages than training does, so make it an environment: "
            "`python -m venv .venv-beam && .venv-beam/bin/pip install -r requirements-beam.txt`, and start this with "
            ".venv-beam/bin/python"
        ) from error
    from deploy.recognition.manifest import read_manifest
    from retinanet.bulk.beam import read_shards
    from retinanet.bulk.shards import make_plan
    from retinanet.files import lock_folder

    version = read_manifest(args.models).get("model_version", "unknown")
    plan = make_plan(args.output, args.photos, version, args.shard_size)
    with lock_folder(plan.folder):
        plan.clear()
        remaining = plan.unfinished()
        print(f"{plan.count} photos in {plan.shards} shards, {plan.shards - len(remaining)} of them finished before")
        read_shards(plan, remaining, args.models, for_beam)
    print(f"results: {args.output}", file=sys.stderr)


if __name__ == "__main__":
    cli.run(main)
