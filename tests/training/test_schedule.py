import dataclasses

import pytest

from retinanet.config import TrainingConfig
from retinanet.training.schedule import scaled, told

DEFAULTS = TrainingConfig(epochs=3, batch_size=16, learning_rate=1e-3)


def test_one_device_learns_as_the_defaults_say():
    assert scaled(DEFAULTS, {}, 1) == DEFAULTS
    assert told(DEFAULTS, DEFAULTS, {}, 1) == "16 examples a step; learning rate 0.001"


def test_each_device_takes_the_default_batch_and_the_rate_grows_with_its_square_root():
    config = scaled(DEFAULTS, {"epochs": 5}, 4)
    assert config == dataclasses.replace(DEFAULTS, epochs=5, batch_size=64, learning_rate=2e-3)
    assert told(config, DEFAULTS, {"epochs": 5}, 4) == (
        "64 examples a step, 16 on each device; learning rate 0.002 = 0.001 x the square root of 64 / 16"
    )


def test_what_is_given_is_taken_as_it_is():
    given = {"batch_size": 4, "learning_rate": 5e-4}
    config = scaled(DEFAULTS, given, 2)
    assert (config.batch_size, config.learning_rate) == (4, 5e-4)
    assert told(config, DEFAULTS, given, 2) == "4 examples a step, 2 on each device; learning rate 0.0005 as given"
    assert scaled(DEFAULTS, {"batch_size": 4}, 2).learning_rate == pytest.approx(5e-4)


def test_a_resumed_training_keeps_its_rate():
    config = dataclasses.replace(DEFAULTS, batch_size=64, learning_rate=3e-4)
    assert told(config, DEFAULTS, {}, 2) == "64 examples a step, 32 on each device; learning rate 0.0003"
