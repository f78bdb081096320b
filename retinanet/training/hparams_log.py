"""Logs for TensorBoard's HParams plugin: which parameters are tried, and each trial with how it ended."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import tensorflow as tf
from tensorboard.plugins.hparams import api, api_pb2, summary


def log_experiment(folder: Path, grid: Mapping[str, Sequence[float]], metrics: Mapping[str, str]) -> None:
    """Logs what is tried and which of the validation figures stand in the table.

    Args:
        folder: of the logs; each trial has its own in it.
        grid: the values of each parameter.
        metrics: names of scalars, as Keras logs them for validation, with the names to show.
    """
    with tf.summary.create_file_writer(str(folder)).as_default(step=0):
        api.hparams_config(
            hparams=[api.HParam(name, api.Discrete(values)) for name, values in grid.items()],
            metrics=[api.Metric(tag, group="validation", display_name=name) for tag, name in metrics.items()],
        )


@contextmanager
def log_trial(folder: Path, parameters: Mapping[str, float], name: str) -> Iterator[None]:
    """Logs a trial in its folder: its parameters before the block, and after it success, failure or interruption."""
    writer = tf.summary.create_file_writer(str(folder))
    status = api_pb2.STATUS_FAILURE
    try:
        with writer.as_default(step=0):
            api.hparams(dict(parameters), trial_id=name)
        yield
        status = api_pb2.STATUS_SUCCESS
    except KeyboardInterrupt:
        status = api_pb2.STATUS_UNKNOWN
        raise
    finally:
        with writer.as_default(step=0):
            tf.summary.experimental.write_raw_pb(summary.session_end_pb(status).SerializeToString())
        writer.close()
