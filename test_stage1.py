"""Tests a stage-1 model on a dataset: confusion matrix, precision, recall, F1, distance of the corners.

python test_stage1.py --model deploy/retinanet/stage1.keras --dataset datasets/mbarira --binary True

A detection is a window that recognition would go on with: found in a first look at the whole photo, then sought
again zoomed on it (--second_look False counts the first look alone). Its class is right if it is the labelled one,
its place if the quadrilaterals' intersection over union exceeds --iou_threshold. Windows and detections are matched
one to one, the best score first. A class's TN are the cases that have nothing to do with it.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from retinanet import cli

# The limit of practice, and beside it the one that training's figure uses.
SECOND_THRESHOLD = 0.75


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=cli.existing_path, metavar="M.keras", help="a stage-1 model")
    parser.add_argument("--dataset", required=True, type=cli.existing_path, metavar="D", help="a stage-1 dataset")
    parser.add_argument(
        "--binary",
        type=cli.boolean,
        default=True,
        metavar="True|False",
        help="analog against digital, illegible kinds folded in (default), or the four classes",
    )
    parser.add_argument(
        "--iou_threshold",
        type=cli.positive_float,
        default=0.9,
        metavar="T",
        help=f"default: 0.9; {SECOND_THRESHOLD} is reported beside it",
    )
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test", help="default: test")
    parser.add_argument("--second_look", type=cli.boolean, default=True, metavar="True|False", help="default: True")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers as JSON")
    parser.add_argument("--picture", type=Path, metavar="FILE.png", help="also draw the confusion matrices")
    args = parser.parse_args(argv)
    if args.iou_threshold >= 1:
        parser.error(f"--iou_threshold: expected a number between 0 and 1, got {args.iou_threshold:g}")
    if args.picture and args.picture.suffix.lower() != ".png":
        parser.error(f"--picture: expected a file name that ends in .png, got {args.picture}")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the report and writes what was asked for."""
    args = parse_args(argv)
    cli.import_tensorflow()
    from retinanet.evaluation import stage1
    from retinanet.evaluation.confusion_picture import draw_matrices
    from retinanet.files import write_json

    thresholds = sorted({args.iou_threshold, SECOND_THRESHOLD}, reverse=True)
    result = stage1.measure(args.model, args.dataset, args.split, args.binary, thresholds, second_look=args.second_look)
    print(stage1.as_text(result))
    if args.json:
        write_json(args.json, stage1.as_dict(result))
    if args.picture:
        matrices = [(f"overlap above {report.min_iou:g}", report.matrix) for report in result.reports]
        draw_matrices(args.picture, matrices, result.reports[0].class_names)
        print(f"confusion matrices: {args.picture}")


if __name__ == "__main__":
    cli.run(main)
