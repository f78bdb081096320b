"""Reads meters on photos: a table of readings, JSON, CSV, annotated pictures.

    python recognize.py photo.jpg photos/ --annotate output/annotated

Exit status: 0 when every photo gave a reading; 1 when any did not (no meter, illegible, or a file that is no photo);
2 when the command itself is wrong or the models are missing.
"""

import argparse
import contextlib
import sys
from pathlib import Path

from deploy.recognition.errors import UserError
from retinanet import cli
from retinanet.foreign_text import printable

ROOT = Path(__file__).parent


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the checked arguments."""
    parser = argparse.ArgumentParser(
        description="Read meters on photos.", epilog="Exit status 1 when any photo gave no reading."
    )
    parser.add_argument("photos", nargs="+", type=cli.existing_path, metavar="PHOTO_OR_FOLDER")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a photo, instead of the table")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write the table as CSV")
    parser.add_argument("--annotate", type=Path, metavar="DIR", help="write photos with window, digits and text drawn")
    parser.add_argument(
        "--label_studio",
        type=Path,
        metavar="FILE.json",
        help="write tasks for Label Studio with what was read as pre-annotations, the least certain photos first",
    )
    parser.add_argument(
        "--models", type=Path, default=ROOT / "deploy" / "models", metavar="DIR", help="default: deploy/models"
    )
    parser.add_argument(
        "--batch_size",
        type=cli.positive_int,
        default=1,
        help="photos that go through the models together; more pays with SavedModels and on a graphics card",
    )
    args = parser.parse_args(argv)
    if args.csv and args.csv.is_dir():
        raise UserError(f"--csv {args.csv}: expected a file, found a folder")
    if args.label_studio and args.label_studio.suffix != ".json":
        raise UserError(f"--label_studio {args.label_studio}: expected a file name that ends in .json")
    if args.annotate and args.annotate.exists() and not args.annotate.is_dir():
        raise UserError(f"--annotate {args.annotate}: expected a folder, found a file")
    return args


def main(argv: list[str] | None = None) -> int:
    """Reads the photos, prints and writes what was asked for, and returns the exit status."""
    args = parse_args(argv)
    import numpy as np

    from deploy.recognition import photo_files
    from deploy.recognition.exported_models import load_models
    from deploy.recognition.meter_reader import MeterReader
    from deploy.recognition.recognition import Recognition
    from retinanet.bulk import outputs
    from retinanet.bulk.skipped import skipped_text
    from retinanet.bulk.stream import read_photos
    from retinanet.datasets.source_photos import photo_size

    if args.annotate:
        from deploy.recognition import drawing

    def write_annotated(file: photo_files.PhotoFile, photo: np.ndarray, recognition: Recognition) -> None:
        photo_files.write_jpeg(args.annotate / file.annotated_name, drawing.annotate(photo, recognition))

    if skipped := skipped_text([path for path in args.photos if path.is_dir()]):
        print(skipped, file=sys.stderr)
    files = photo_files.find_photos(args.photos)
    reader = MeterReader(load_models(args.models))
    results = read_photos(reader, files, write_annotated if args.annotate else None, args.batch_size)
    say = print
    if any(path.is_dir() for path in args.photos):
        from tqdm import tqdm

        say, results = tqdm.write, tqdm(results, unit="photo", desc="reading", total=len(files))
    every_one, kept, count = True, [], 0
    try:
        with contextlib.ExitStack() as opened:
            paths = [file.path for file in files]
            writers = [opened.enter_context(outputs.json_list(say) if args.json else outputs.table(paths, say))]
            if args.csv:
                writers.append(opened.enter_context(outputs.csv_file(args.csv)))
            for result in results:
                every_one &= result.success
                if result.error:
                    say(printable(result.error), file=sys.stderr)
                for write in writers:
                    write(result)
                count += 1
                if args.label_studio and result.recognition:
                    try:
                        photo_size(result.path)
                        kept.append((result.path, result.recognition))
                    except UserError as error:
                        say(f"left out of the tasks: {printable(str(error))}", file=sys.stderr)
    except KeyboardInterrupt:
        if args.csv:
            print(f"{args.csv}: holds the {count} of {len(files)} photos that were read", file=sys.stderr)
        raise
    if args.label_studio:
        from retinanet.datasets.label_studio.tasks import write_tasks

        written = write_tasks(args.label_studio, kept)
        print("tasks for Label Studio: {}, {}, crops {}".format(*written), file=sys.stderr)
    return 0 if every_one else 1


if __name__ == "__main__":
    cli.run(main)
