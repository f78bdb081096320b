"""Puts trained weights in place, where `prepare_model.py` and `--initial_weights shipped` find them.

    python -m retinanet.export.shipped_weights --stage1 retinanet/stage1_best.keras --stage2 retinanet/stage2_best.keras

They are stored without optimizer and as float16, half the bytes that each new round adds to a repository's history, and
are computed with as float32. A file that is in place already may be given again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from retinanet import cli
from retinanet.config import WEIGHTS_FOLDER


def main(argv: Sequence[str] | None = None) -> None:
    """Writes the files and prints their sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for stage in (1, 2):
        parser.add_argument(
            f"--stage{stage}", type=cli.existing_path, metavar="FILE", help=f"weights or a whole state of stage {stage}"
        )
    parser.add_argument("--output", type=Path, default=WEIGHTS_FOLDER, metavar="DIR", help="(deploy/retinanet)")
    args = parser.parse_args(argv)
    given = {stage: path for stage, path in ((1, args.stage1), (2, args.stage2)) if path}
    if not given:
        parser.error("expected --stage1 FILE, --stage2 FILE or both")
    cli.import_tensorflow()
    from retinanet.models.checkpoints import load_model, save_atomically

    models = {stage: load_model(path, stage) for stage, path in given.items()}
    for stage, model in models.items():
        target = args.output / f"stage{stage}.keras"
        save_atomically(model, target, include_optimizer=False, half=True)
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    cli.run(main)
