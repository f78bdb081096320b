"""What the networks' input sizes cost and bring: the same weights at other sizes, on labelled photos.

    python -m retinanet.benchmark.input_sizes mbarira MBARIRA chongqing CHONGQING --split validation

The networks are fully convolutional, so no training is needed for a first answer. One stage is changed at a time, and
all variants read each photo in turn, in one process, so that their times can be compared.
"""

import argparse
import dataclasses
import functools
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from deploy.recognition import manifest
from deploy.recognition.confidence import ConfidenceModel
from deploy.recognition.errors import UserError
from deploy.recognition.pipeline import MeterReader
from deploy.recognition.runtime import Models
from deploy.recognition.runtimes import Detector, OpenVinoNetwork
from deploy.recognition.suppression import find_digits, find_windows
from retinanet import cli, conversion, evaluation_cli
from retinanet.benchmark.table import as_markdown
from retinanet.evaluation import SOURCES
from retinanet.metrics import wilson_interval
from retinanet.persistence import load_model
from retinanet.scoring import score_text

# (height, width) in multiples of 32, as the pyramid doubles its maps; the chosen ones are the weights' own
STAGE1_SIZES = tuple((side, side) for side in (384, 320, 288, 256, 224, 192))
STAGE2_SIZES = ((160, 320), (128, 256), (128, 224), (96, 192))
WEIGHTS = Path(__file__).resolve().parents[2] / "deploy" / "retinanet"


def at_size(model, height: int, width: int):
    """Returns the model of a stage with the same weights for another input size.

    Anchors stay as large in pixels: a meter that is smaller in a smaller input looks to the network like one that was
    farther away in training, and it answers at the anchors that such a one had there.
    """
    config = dataclasses.replace(model.model_config, input_height=height, input_width=width)
    other = type(model)(config, name=model.name)
    other.set_weights(model.get_weights())
    return other


def detector(model) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Returns a model of a stage under OpenVINO in float32, as `Models` holds it."""
    config = model.model_config
    with tempfile.TemporaryDirectory() as folder:
        conversion.write_openvino(conversion.to_openvino(model), Path(folder) / OpenVinoNetwork.FILE)
        network = OpenVinoNetwork(Path(folder), (config.input_height, config.input_width))
    find = find_windows if config.stage == 1 else find_digits
    return Detector(network, functools.partial(find, rules=conversion.suppression_rules(config)))


def variants(
    models: Sequence, sizes: Sequence[Sequence[tuple[int, int]]], confidence: ConfidenceModel
) -> dict[str, MeterReader]:
    """Returns readers by name: `chosen`, and one for each other size of either stage.

    Args:
        models: of both stages.
        sizes: of each stage, (height, width) in pixels.
        confidence: fitted to the models as they are.
    """
    configs = [model.model_config for model in models]
    own = [(config.input_height, config.input_width) for config in configs]
    chosen = Models(detector(models[0]), detector(models[1]), own[0][0], own[1][::-1], confidence)
    readers = {"chosen": MeterReader(chosen)}
    for stage, (model, (own_height, own_width), others) in enumerate(zip(models, own, sizes, strict=True), start=1):
        for height, width in others:
            if (height, width) != (own_height, own_width):
                size = height if stage == 1 else (width, height)
                changed = {f"stage{stage}": detector(at_size(model, height, width)), f"stage{stage}_size": size}
                readers[f"stage {stage} at {width} x {height}"] = MeterReader(dataclasses.replace(chosen, **changed))
    return readers


def compare(readers: dict[str, MeterReader], photos: Sequence) -> list[list[str]]:
    """Returns the table, a heading first: texts right, and times beside those of the first reader.

    Args:
        readers: by name.
        photos: labelled ones, each with whether its label is a number; the first window's text counts.
    """
    right = np.zeros((len(readers), len(photos)), bool)
    seconds = np.zeros((len(readers), len(photos), 3))
    for column, (photo, numeric) in enumerate(tqdm(photos, unit="photo", disable=None)):
        pixels, readings = photo.load(), photo.windows[0].readings
        for row, reader in enumerate(readers.values()):
            found = reader.read(pixels)
            right[row, column] = score_text(found.text, readings, numeric).text_right
            took = found.seconds
            seconds[row, column] = took["first_look"] + took["second_look"], took["stage2"], took["total"]
    table = [["", "texts right", "95 % interval", "stage 1, ms", "stage 2, ms", "photo, ms", "ratio"]]
    milliseconds = 1000 * np.median(seconds, axis=1)
    # photo by photo, so that what else the machine did falls on both
    ratios = np.median(seconds[..., 2] / seconds[0, :, 2], axis=1)
    for name, hits, times, ratio in zip(readers, right.sum(axis=1), milliseconds, ratios, strict=True):
        low, high = wilson_interval(int(hits), len(photos))
        interval = f"{100 * low:.1f}-{100 * high:.1f}"
        shown = f"{hits} of {len(photos)}, {hits / len(photos):.1%}"
        table.append([name, shown, interval, *(f"{time:.1f}" for time in times), f"{ratio:.2f}"])
    return table


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="SOURCE PATH", help="labelled sets, as evaluate.py takes them")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="validation")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, metavar="DIR", help="default: deploy/retinanet")
    args = parser.parse_args(argv)
    photos = [
        (photo, SOURCES[name].numeric)
        for name, path in evaluation_cli.pairs(parser, args.sets)
        for photo in SOURCES[name].read(path)
        if photo.split == args.split and photo.windows
    ]
    if not photos:
        raise UserError(f"{' '.join(args.sets)}: no photos with a meter in the split {args.split}; expected some")
    models = [load_model(args.weights / f"stage{stage}.keras", stage) for stage in (1, 2)]
    fitted = args.weights / "confidence.json"
    confidence = manifest.confidence({"confidence": json.loads(fitted.read_text())} if fitted.is_file() else {})
    print(as_markdown(compare(variants(models, (STAGE1_SIZES, STAGE2_SIZES), confidence), photos)))


if __name__ == "__main__":
    cli.run(main)
