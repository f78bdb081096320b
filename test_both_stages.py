"""Tests both stages together on labelled photos: the recognition rate, on photos of class analog.

python test_both_stages.py --images photos --labels_stage1 stage1.json --labels_stage2 stage2.json \\
    --dataset datasets/own

Taken are the photos that both exports of Label Studio label, with --dataset only those of its test split. A photo is
right if its whole text is, comma included; a wheel labelled `_` lets any digit pass.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet import cli

ROOT = Path(__file__).resolve().parent


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", required=True, type=cli.existing_path, metavar="I", help="folder of the photos")
    parser.add_argument(
        "--labels_stage1", required=True, type=cli.existing_path, metavar="L1", help="export of the polygons (JSON)"
    )
    parser.add_argument(
        "--labels_stage2", required=True, type=cli.existing_path, metavar="L2", help="export of the digits (JSON)"
    )
    parser.add_argument("--dataset", type=cli.existing_path, metavar="D", help="a stage-2 dataset: its test split only")
    parser.add_argument("--models", type=Path, default=ROOT / "deploy" / "models", help="default: deploy/models")
    parser.add_argument("--batch_size", type=cli.positive_int, default=8, help="photos at a time (default: 8)")
    parser.add_argument("--url", help="measure a running server instead, one photo at a time: http://localhost:8080")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures and every photo's result")
    parser.add_argument(
        "--failures", type=Path, metavar="DIR", help="write the failed photos, a page, and tasks for Label Studio"
    )
    args = parser.parse_args(argv)
    if not args.images.is_dir():
        raise UserError(f"--images {args.images}: expected the folder of the photos, found a file")
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the report and writes what was asked for."""
    args = parse_args(argv)
    cli.import_tensorflow()
    from deploy.recognition.recognition import Recognition
    from retinanet.evaluation import next_round, recognition_rate
    from retinanet.evaluation.readers import ModelReader, ServerReader
    from retinanet.files import write_json

    photos, left_out = recognition_rate.readable_photos(
        args.images, args.labels_stage1, args.labels_stage2, args.dataset
    )
    if left_out:
        print(recognition_rate.left_out_text(left_out))
    read: Callable[[Sequence[Path]], list[Recognition]]
    if args.url:
        read = ServerReader(args.url)
        batch_size, times_of = 1, "a request"
    else:
        from deploy.recognition import exported_models
        from deploy.recognition.meter_reader import MeterReader

        read = ModelReader(MeterReader(exported_models.load_models(args.models)))
        batch_size = args.batch_size
        times_of = "a photo" if batch_size == 1 else f"a photo's share of a batch of {batch_size}"
    outcomes = recognition_rate.measure(photos, read, batch_size)
    figures = recognition_rate.summary(outcomes)
    print(recognition_rate.as_text(figures, times_of))
    if args.json:
        results = [recognition_rate.as_dict(outcome) for outcome in outcomes]
        others = [{"file": entry.name, "reason": entry.reason} for entry in left_out]
        write_json(args.json, {**figures, "results": results, "left_out": others})
    if args.failures:
        count = next_round.write_wrong_readings(args.failures, outcomes)
        print(f"{count} failures: {args.failures / 'index.html'}, for Label Studio {args.failures / 'tasks.json'}")


if __name__ == "__main__":
    cli.run(main)
