"""Makes the models that recognition loads, `models/`, from the trained weights, `retinanet/*.keras`.

python prepare_model.py
"""

import argparse
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description="Export the trained weights for recognition.")
    parser.add_argument("--keras-dir", type=Path, default=FOLDER / "retinanet", help="default: deploy/retinanet")
    parser.add_argument("--output", type=Path, default=FOLDER / "models", help="default: deploy/models")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Exports both stages."""
    args = parse_args(argv)
    print(f"exporting {os.path.relpath(args.keras_dir)} to {os.path.relpath(args.output)}", flush=True)
    from deploy.recognition.runtime import stderr_unless_it_fails

    # that no graphics card was found is no error here; real ones raise
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with stderr_unless_it_fails():
        from retinanet.export import export_models

    export_models(keras_dir=args.keras_dir, output=args.output)


if __name__ == "__main__":
    # run from deploy/, the folder retinanet/ in it would be taken for the package of that name
    sys.path[0] = str(FOLDER.parent)
    from retinanet import cli

    cli.run(main)
