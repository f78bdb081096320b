"""Draws photos without a meter, for `evaluate.py --no_meter`: gauges, calendars, price tags, digital clocks, scenery.

python draw_no_meter.py --output output/no_meter
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from retinanet import cli
from retinanet.datasets.synthetic.no_meter import HELD_OUT_KINDS, THINGS


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--count", type=cli.positive_int, default=200, help="default: 200")
    parser.add_argument("--seed", type=cli.positive_int, default=1, help="default: 1")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=THINGS,
        default=HELD_OUT_KINDS,
        metavar="KIND",
        help=f"of {', '.join(THINGS)}; default: those that training never shows, {', '.join(HELD_OUT_KINDS)}",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the photos as JPEG."""
    args = parse_args(argv)
    from tqdm import tqdm

    from deploy.recognition.photo_files import write_jpeg
    from retinanet.datasets.synthetic.no_meter import draw_no_meter

    for index in tqdm(range(args.count), unit="photo", disable=None):
        name, photo = draw_no_meter(args.seed, index, args.kinds)
        write_jpeg(args.output / f"{index:03d}_{name}.jpg", photo)
    print(f"{args.output}: {args.count} photos")


if __name__ == "__main__":
    cli.run(main)
