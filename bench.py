"""Measures how long recognition takes, stage by stage, with models of several formats, beside RapidOCR.

python bench.py --models deploy/models output/models/onnx_float32 --photos FIELD_PHOTOS --count 50
"""

import argparse
import importlib.util
import sys
from pathlib import Path

from retinanet import cli

ROOT = Path(__file__).parent
INSTALL = (
    "RapidOCR is not installed, so the table goes without: `pip install -r requirements-export.txt -r "
    "requirements-bench.txt && pip install --no-deps rapidocr-onnxruntime==1.4.4`"
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the checked arguments."""
    parser = argparse.ArgumentParser(
        description="Print median and 95th percentile of the milliseconds per stage, looks a photo, memory and "
        "start-up, side by side."
    )
    parser.add_argument(
        "photos",
        nargs="*",
        type=cli.existing_path,
        default=[ROOT / "resources" / "examples"],
        metavar="PHOTO_OR_FOLDER",
        help="default: the example photos",
    )
    parser.add_argument(
        "--photos",
        dest="field_photos",
        type=cli.existing_path,
        nargs="+",
        default=[],
        metavar="PHOTO_OR_FOLDER",
        help="photos from the field, in a table of their own: they need more looks than the examples",
    )
    parser.add_argument(
        "--count",
        type=cli.positive_int,
        default=50,
        help="readings of each table: photos from all over the folder, over and over if few",
    )
    parser.add_argument("--models", type=Path, nargs="+", default=[ROOT / "deploy" / "models"], metavar="DIR")
    parser.add_argument(
        "--all_formats",
        action="store_true",
        help="beside them, models of every format whose runtime is installed, made in output/models where missing",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables in Markdown")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="also draw the last table's stages as bars")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Measures in turn, and prints and writes the table."""
    args = parse_args(argv)
    from retinanet.benchmark.comparison import compare, show
    from retinanet.benchmark.folders import make_missing, missing_formats

    folders = list(args.models)
    if args.all_formats:
        folders += make_missing(ROOT / "output" / "models", missing_formats(folders), ROOT / "deploy")
    with_rapidocr = importlib.util.find_spec("rapidocr_onnxruntime") is not None
    if not with_rapidocr:
        print(INSTALL, file=sys.stderr)
    sets = {" ".join(map(str, paths)): paths for paths in (args.photos, args.field_photos) if paths}
    show(compare(folders, sets, args.count, with_rapidocr), args.markdown, args.picture)


if __name__ == "__main__":
    cli.run(main)
