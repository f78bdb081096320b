"""Measures how long recognition takes, stage by stage, over photos.

python bench.py --count 30
"""

import argparse
import itertools
from pathlib import Path

from retinanet import cli

ROOT = Path(__file__).parent


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the checked arguments."""
    parser = argparse.ArgumentParser(description="Print median and 95th percentile of the milliseconds per stage.")
    parser.add_argument(
        "photos",
        nargs="*",
        type=cli.existing_path,
        default=[ROOT / "resources" / "examples"],
        metavar="PHOTO_OR_FOLDER",
    )
    parser.add_argument("--count", type=cli.positive_int, default=50, help="photos to read, over and over if few")
    parser.add_argument("--models", type=Path, default=ROOT / "deploy" / "models", metavar="DIR")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Reads the photos and prints a line for each stage."""
    args = parse_args(argv)
    import numpy as np

    from deploy.recognition import photo_files
    from deploy.recognition.pipeline import STAGES, MeterReader
    from deploy.recognition.runtime import load_models

    files = photo_files.find_photos(args.photos)
    reader = MeterReader(load_models(args.models))
    photos = [photo_files.read_photo(file.path) for file in files[: args.count]]
    # the first calls set the models up
    for photo in photos[:3]:
        reader.read(photo)
    taken = [reader.read(photo).seconds for photo in itertools.islice(itertools.cycle(photos), args.count)]
    print(f"{'stage':<12}  median ms  95 % ms   ({args.count} readings of {len(photos)} photos, one at a time)")
    for stage in (*STAGES, "total"):
        milliseconds = 1000 * np.array([seconds[stage] for seconds in taken])
        print(f"{stage:<12}  {np.median(milliseconds):9.1f}  {np.percentile(milliseconds, 95):7.1f}")


if __name__ == "__main__":
    cli.run(main)
