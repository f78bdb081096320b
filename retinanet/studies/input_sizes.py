"""What the networks' input sizes cost and bring: the same weights at other sizes, on labelled photos.

    python -m retinanet.studies.input_sizes mbarira MBARIRA chongqing CHONGQING --split validation

The networks are fully convolutional, so no training is needed for a first answer. One stage is changed at a time, and
all variants read each photo in turn, in one process, so that their times can be compared.
"""

import argparse
import dataclasses
import functools
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deploy.recognition import manifest
from deploy.recognition.confidence import ConfidenceModel
from deploy.recognition.exported_models import Models
from deploy.recognition.meter_reader import MeterReader
from deploy.recognition.networks import Detector, OpenVinoNetwork
from retinanet import cli
from retinanet.config import WEIGHTS_FOLDER
from retinanet.evaluation.outcomes import Outcome
from retinanet.studies import labelled_photos
from retinanet.text_tables import markdown

# (height, width) in multiples of 32, as the pyramid doubles its maps; the chosen ones are the weights' own
STAGE1_SIZES = tuple((side, side) for side in (384, 320, 288, 256, 224, 192))
STAGE2_SIZES = ((160, 320), (128, 256), (128, 224), (96, 192))


def at_size(model, height: int, width: int):
    """Returns the model of a stage with the same weights for another input size.

    Anchors stay as large in pixels: a meter that is smaller in a smaller input looks to the network like one that was
    farther away in training, and it answers at the anchors that such a one had there.
    """
    config = dataclasses.replace(model.model_config, input_height=height, input_width=width)
    other = type(model)(config, name=model.name)
    other.set_weights(model.get_weights())
    return other


def openvino_network(model) -> OpenVinoNetwork:
    """Returns a model of a stage under OpenVINO in float32: from images to candidates, before suppression."""
    from retinanet.export import formats

    config = model.model_config
    with tempfile.TemporaryDirectory() as folder:
        formats.write_openvino(formats.to_openvino(model), Path(folder) / OpenVinoNetwork.FILE)
        return OpenVinoNetwork(Path(folder), (config.input_height, config.input_width), manifest.FLOAT32)


def openvino_detector(model) -> Detector:
    """Returns a model of a stage under OpenVINO in float32, as `Models` holds it."""
    return Detector(openvino_network(model), functools.partial(model.find, rules=model.suppression))


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
    chosen = Models(
        openvino_detector(models[0]), openvino_detector(models[1]), own[0][0], own[1], confidence=confidence
    )
    readers = {"chosen": MeterReader(chosen)}
    for stage, (model, (own_height, own_width), others) in enumerate(zip(models, own, sizes, strict=True), start=1):
        for height, width in others:
            if (height, width) != (own_height, own_width):
                network = openvino_detector(at_size(model, height, width))
                if stage == 1:
                    changed = dataclasses.replace(chosen, stage1=network, stage1_size=height)
                else:
                    changed = dataclasses.replace(chosen, stage2=network, stage2_size=(height, width))
                readers[f"stage {stage} at {width} x {height}"] = MeterReader(changed)
    return readers


def table(outcomes: dict[str, list[Outcome]]) -> list[list[str]]:
    """Returns texts right and times beside those of the first reader, a heading first."""
    first = labelled_photos.seconds(next(iter(outcomes.values())), "total")
    rows = [["", "texts right", "95 % interval", "stage 1, ms", "stage 2, ms", "photo, ms", "ratio"]]
    for name, found in outcomes.items():
        times = [
            labelled_photos.seconds(found, *stages)
            for stages in (("first_look", "second_look"), ("stage2",), ("total",))
        ]
        ratio = np.median(times[-1] / first)
        rows.append(
            [
                name,
                *labelled_photos.texts_right(found),
                *(f"{1000 * np.median(time):.1f}" for time in times),
                f"{ratio:.2f}",
            ]
        )
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Prints the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    labelled_photos.add_arguments(parser)
    parser.add_argument("--weights", type=Path, default=WEIGHTS_FOLDER, metavar="DIR", help="default: deploy/retinanet")
    args = parser.parse_args(argv)
    photos = labelled_photos.chosen(parser, args)
    cli.import_tensorflow()
    from retinanet.models.checkpoints import load_model

    models = [load_model(args.weights / f"stage{stage}.keras", stage) for stage in (1, 2)]
    fitted = args.weights / "confidence.json"
    confidence = manifest.confidence({"confidence": json.loads(fitted.read_text())} if fitted.is_file() else {})
    print(
        markdown(
            table(labelled_photos.read_in_turn(variants(models, (STAGE1_SIZES, STAGE2_SIZES), confidence), photos))
        )
    )


if __name__ == "__main__":
    cli.run(main)
