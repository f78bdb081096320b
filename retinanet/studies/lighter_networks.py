"""What lighter networks would save: one image through each, with OpenVINO in float32.

    python -m retinanet.studies.lighter_networks

The weights are random: a network's time does not depend on them. That of the suppression behind it does, by how many
candidates there are, and is left out. What a network reads, only training tells; this table tells for which it is
worth while.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tqdm import tqdm

from retinanet import cli
from retinanet.config import STAGE1, STAGE2, ModelConfig
from retinanet.studies.input_sizes import openvino_network
from retinanet.text_tables import markdown


def variants(config: ModelConfig) -> dict[str, ModelConfig]:
    """Returns configurations by name, the given one first."""
    from retinanet.models.backbones import BACKBONES

    channels, layers, levels = config.pyramid_channels, config.head_layers, len(config.strides)
    replace = dataclasses.replace
    others = {
        f"backbone {backbone.title}": replace(config, backbone=name, frozen_until="")
        for name, backbone in BACKBONES.items()
        if name != config.backbone
    }
    return {
        "chosen": config,
        **others,
        f"{channels * 3 // 4} channels instead of {channels}": replace(config, pyramid_channels=channels * 3 // 4),
        f"{channels // 2} channels": replace(config, pyramid_channels=channels // 2),
        f"heads of {layers - 1} layers instead of {layers}": replace(config, head_layers=layers - 1),
        f"{levels - 1} levels instead of {levels}": replace(
            config, strides=config.strides[:-1], anchor_sizes=config.anchor_sizes[:-1]
        ),
        "next to nothing behind the backbone": replace(config, pyramid_channels=8, head_layers=0),
    }


def milliseconds(networks: Mapping[str, Callable], picture: np.ndarray, rounds: int) -> dict[str, float]:
    """Returns the median time of each network for a picture (1, height, width, 3); all take their turns together."""
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for network in networks.values():
        network(picture)
    for _ in tqdm(range(rounds), unit="round", disable=None):
        for name, network in networks.items():
            start = time.perf_counter()
            network(picture)
            seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * float(np.median(values)) for name, values in seconds.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=cli.positive_int, default=100, help="pictures each network sees (default: 100)"
    )
    args = parser.parse_args(argv)
    cli.import_tensorflow()
    from retinanet.models.stages import MODELS

    table = [["stage", "network", "ms", "ratio"]]
    for config in (STAGE1, STAGE2):
        networks = {name: openvino_network(MODELS[config.stage](one)) for name, one in variants(config).items()}
        noise = np.random.default_rng(0).integers(0, 256, (1, config.input_height, config.input_width, 3))
        times = milliseconds(networks, noise.astype(np.uint8), args.rounds)
        for name, value in times.items():
            table.append([str(config.stage), name, f"{value:.1f}", f"{value / times['chosen']:.2f}"])
    print(markdown(table))


if __name__ == "__main__":
    cli.run(main)
