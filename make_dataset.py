"""Writes the datasets of both stages from labelled photos, from wheels, or drawn.

Example: python make_dataset.py mbarira ~/Mbarira-Watermeter-model --stage both --variants 6 --output datasets/mbarira
"""

import argparse
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet import cli
from retinanet.datasets.records import LabelledPhoto
from retinanet.datasets.sources import DEFAULT_COUNT, DRAWN_SOURCES, SOURCES, Request, read_source


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Returns the command line's values."""
    given = {name: source for name, source in SOURCES.items() if source.stages}
    sources = "\n".join(f"  {source.usage}" for source in given.values())
    parser = argparse.ArgumentParser(
        description=f"{__doc__}\nSources:\n{sources}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", choices=given, metavar="SOURCE", help=", ".join(given))
    parser.add_argument(
        "paths", nargs="*", type=cli.existing_path, metavar="PATH", help="files and folders of the source"
    )
    parser.add_argument("--stage", choices=("1", "2", "both"), default="both", help="which dataset (default: both)")
    parser.add_argument("--output", type=Path, metavar="DIR", help="data_dir: the datasets become folders in it")
    parser.add_argument("--count", type=cli.positive_int, metavar="N", help=f"drawn records (default: {DEFAULT_COUNT})")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn and of the order (default: 0)")
    parser.add_argument(
        "--variants", type=cli.positive_int, default=1, metavar="V", help="stage 2: crops of each window (default: 1)"
    )
    parser.add_argument("--workers", type=cli.positive_int, metavar="W", help="processes (default: one per processor)")
    parser.add_argument("--groups", type=cli.existing_path, metavar="CSV", help="label_studio: columns image, group")
    parser.add_argument(
        "--splits", type=cli.existing_path, metavar="CSV", help="label_studio: columns image, split (train, val, test)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is there already")
    parser.add_argument("--preview", type=Path, metavar="FILE.png", help="write a sheet of samples with their labels")
    parser.add_argument(
        "--crops", type=Path, metavar="DIR", help="label_studio: write the windows of stage 1 as cropped_* for stage 2"
    )
    parser.add_argument(
        "--models",
        type=Path,
        metavar="DIR",
        help="photos: stage 2 of these finds known digits (default: deploy/models)",
    )
    args = parser.parse_args(argv)
    if not (args.output or args.preview or args.crops):
        parser.error("expected --output, --preview or --crops")
    if args.seed < 0:
        parser.error(f"--seed {args.seed}: expected a whole number from 0")
    for option in ("groups", "splits"):
        if getattr(args, option) and args.source != "label_studio":
            parser.error(f"--{option} is for label_studio; {args.source} tells itself which photos belong together")
    if args.count and args.source not in DRAWN_SOURCES:
        parser.error(f"--count is for {', '.join(DRAWN_SOURCES)}; {args.source} gives all it has")
    if args.models and args.source != "photos":
        parser.error(f"--models is for photos; {args.source} tells itself where the digits are")
    if args.crops and (args.source != "label_studio" or len(args.paths) != 2):
        parser.error("--crops needs: label_studio PHOTOS EXPORT.json")
    return args


def main(argv: list[str] | None = None) -> None:
    """Writes what was asked for and prints where it is."""
    args = parse_args(argv)
    request = Request(tuple(args.paths), args.count, args.seed, args.groups, args.splits, args.models)
    if args.crops:
        from retinanet.datasets.label_studio import crops

        photos = [record for record in read_source(args.source, request, 1) if isinstance(record, LabelledPhoto)]
        written = crops.write_crops(photos, args.crops, args.overwrite)
        print(f"{args.crops}: {len(written)} windows to label for stage 2")
        return
    stages = SOURCES[args.source].stages if args.stage == "both" else (int(args.stage),)
    if args.source == "label_studio" and len(args.paths) == 2 and len(stages) > 1:
        raise UserError("label_studio with one export: give --stage 1 or --stage 2, or the exports of both stages")
    for stage in stages:
        records = read_source(args.source, request, stage)
        if args.preview:
            from retinanet.datasets import preview

            sheet = args.preview if len(stages) == 1 else args.preview.with_stem(f"{args.preview.stem}_stage{stage}")
            preview.write_samples(records, stage, sheet, seed=args.seed, variants=args.variants)
            print(f"stage {stage}: samples in {sheet}")
        if args.output:
            cli.import_tensorflow()
            from retinanet.datasets import builders

            folder, counts = builders.build(
                records,
                stage,
                args.output,
                variants=args.variants,
                seed=args.seed,
                workers=args.workers,
                overwrite=args.overwrite,
            )
            print(f"{folder}: {', '.join(f'{count} {split}' for split, count in counts.items())}")


if __name__ == "__main__":
    cli.run(main)
