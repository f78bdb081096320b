"""The shards of a plan, read under Apache Beam."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from deploy.recognition.exported_models import load_models
from deploy.recognition.meter_reader import MeterReader
from retinanet.bulk.shards import Plan, read_shard

# Beam's own runner in this process, in Python; its default may start another one, which it would have to download
LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


class ReadShard(beam.DoFn):
    """Reads a shard; the models are loaded once in each worker.

    Args:
        plan: what is read; its folder, its photos and the models must be in reach of each worker.
        models: folder of models.
    """

    def __init__(self, plan: Plan, models: Path):
        self.plan, self.models = plan, models

    def setup(self) -> None:
        """Loads the models."""
        self.reader = MeterReader(load_models(self.models))

    def process(self, shard: int) -> Iterator[int]:
        """Yields how many photos of a shard gave a reading."""
        yield read_shard(self.reader, self.plan, shard)


def read_shards(plan: Plan, shards: Sequence[int], models: Path, options: Sequence[str]) -> None:
    """Reads shards and returns when all of them are finished.

    Args:
        plan: what is read.
        shards: which of its shards.
        models: folder of models.
        options: for Beam, as on a command line; without `--runner` it runs in this process.

    Raises:
        UserError: the models cannot be loaded, or results cannot be written.
    """
    if not any(option.startswith("--runner") for option in options):
        options = [*options, f"--runner={LOCAL_RUNNER}"]
    with beam.Pipeline(options=PipelineOptions(list(options))) as pipeline:
        (
            pipeline
            | "shards" >> beam.Create(list(shards))
            # so that workers share them: they would all follow from one element else
            | "spread" >> beam.Reshuffle()
            | "read" >> beam.ParDo(ReadShard(plan, models))
        )
