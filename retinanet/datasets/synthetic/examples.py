"""The drawn photos in resources/examples, made again from their seeds.

python -m retinanet.datasets.synthetic.examples --output resources/examples
"""

import argparse
import sys
from pathlib import Path

import cv2

from deploy.recognition.errors import UserError
from retinanet import cli
from retinanet.datasets.synthetic.photos import draw_photo

JPEG_QUALITY = 85

# File name: seed and index of the photo. A change of the drawing code changes what they show: look at them again then.
EXAMPLES = {
    "white_wheels_red_fraction.jpg": (30, 23),
    "upside_down.jpg": (30, 55),
    "turned_on_its_side.jpg": (30, 22),
    "dark_cupboard.jpg": (30, 21),
    "display.jpg": (30, 105),
    "backlit_display.jpg": (31, 103),
    "electricity_meter.jpg": (31, 132),
    "gas_meter.jpg": (31, 77),
    "clock_without_meter.jpg": (3, 42),
}


def write_examples(folder: Path) -> list[Path]:
    """Writes every example into the folder and returns the paths.

    Raises:
        UserError: the folder cannot be written to.
    """
    paths = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, (seed, index) in EXAMPLES.items():
        pixels = draw_photo(seed, index).load()
        path = folder / name
        if not cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]):
            raise UserError(f"{path}: cannot be written; expected a folder that allows it")
        paths.append(path)
    return paths


def main(argv: list[str] | None = None) -> None:
    """Writes the examples and prints their paths."""
    parser = argparse.ArgumentParser(description="Draws the example photos again.")
    parser.add_argument("--output", type=Path, default=Path("resources/examples"), help="folder to write to")
    for path in write_examples(parser.parse_args(argv).output):
        print(path)


if __name__ == "__main__":
    cli.run(lambda: main(sys.argv[1:]))
