"""Makes the models that recognition loads, `models/`, from the trained weights, `retinanet/*.keras`.

    python prepare_model.py
    python prepare_model.py --format openvino --precision int8

SavedModels run under TensorFlow; ONNX under ONNX Runtime, on ARM, CUDA and TensorRT too; OpenVINO fastest on x86.
"""

import argparse
import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Returns the checked arguments."""
    from deploy.recognition.errors import UserError
    from deploy.recognition.manifest import FLOAT32, INT8, PRECISIONS, SAVEDMODEL, refusal

    parser = argparse.ArgumentParser(description="Export the trained weights for recognition.")
    parser.add_argument("--keras-dir", type=Path, default=FOLDER / "retinanet", help="default: deploy/retinanet")
    parser.add_argument("--output", type=Path, default=FOLDER / "models", help="default: deploy/models")
    parser.add_argument("--format", default=SAVEDMODEL, help=f"{', '.join(PRECISIONS)}; default: {SAVEDMODEL}")
    parser.add_argument("--precision", default=FLOAT32, help="float32, float16, bfloat16 or int8; default: float32")
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DIR",
        help="photos of meters on which int8 is calibrated, none that you measure results on; default: drawn ones",
    )
    args = parser.parse_args(argv)
    if reason := refusal(args.format, args.precision):
        raise UserError(f"--format {args.format} --precision {args.precision}: {reason}")
    if args.calibration and args.precision != INT8:
        raise UserError(f"--calibration {args.calibration}: only int8 is calibrated; add --precision int8")
    if args.calibration and not args.calibration.exists():
        raise UserError(f"--calibration {args.calibration}: no such file or folder; expected photos of meters")
    return args


def main(argv: list[str] | None = None) -> None:
    """Exports both stages."""
    args = parse_args(argv)
    print(f"exporting {os.path.relpath(args.keras_dir)} to {os.path.relpath(args.output)}", flush=True)
    from retinanet import cli

    cli.import_tensorflow()
    from retinanet.export.folder import export_models

    export_models(args.keras_dir, args.output, args.format, args.precision, args.calibration)


if __name__ == "__main__":
    # run from deploy/, the folder retinanet/ in it would be taken for the package of that name
    sys.path[0] = str(FOLDER.parent)
    from retinanet import cli

    cli.run(main)
