import numpy as np
import pytest

from retinanet.config import STAGE1, STAGE2
from retinanet.models import stages
from retinanet.studies import lighter_networks


def test_each_variant_is_another_network():
    for config in (STAGE1, STAGE2):
        variants = lighter_networks.variants(config)
        assert variants["chosen"] == config
        assert len(set(map(str, variants.values()))) == len(variants) == 7
        assert sum(variant.backbone != config.backbone for variant in variants.values()) == 1
        fewer = variants[f"{len(config.strides) - 1} levels instead of {len(config.strides)}"]
        assert len(fewer.strides) == len(fewer.anchor_sizes) == len(config.strides) - 1


def test_times_are_told_apart(monkeypatch):
    now = 0.0

    def network(seconds):
        def run(picture):
            nonlocal now
            now += seconds

        return run

    monkeypatch.setattr(lighter_networks.time, "perf_counter", lambda: now)
    networks = {"slow": network(0.004), "fast": network(0.001)}
    times = lighter_networks.milliseconds(networks, np.zeros((1, 8, 8, 3), np.uint8), 5)
    assert times == pytest.approx({"slow": 4, "fast": 1})


def test_table(monkeypatch, capsys):
    monkeypatch.setattr(lighter_networks, "openvino_network", lambda model: model)
    monkeypatch.setattr(stages, "MODELS", dict.fromkeys((1, 2), lambda config: lambda picture: None))
    monkeypatch.setattr(
        lighter_networks, "milliseconds", lambda networks, picture, rounds: dict.fromkeys(networks, 2.0)
    )
    lighter_networks.main([])
    printed = capsys.readouterr().out
    assert "| 1 | chosen | 2.0 | 1.00 |" in printed
    assert "| 2 | 32 channels | 2.0 | 1.00 |" in printed
