"""Writes labelled photos and window crops as the TensorFlow Datasets of the two stages."""

import contextlib
import multiprocessing
import os
import shutil
import signal
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from deploy.recognition.errors import UserError
from retinanet.datasets.schema import SCHEMAS, Schema
from retinanet.datasets.stored_examples import Example, Record, examples_of
from retinanet.files import lock_folder, replace_folder

SPLITS = ("train", "validation", "test")
VERSION = "1.0.0"


def build(
    records: Sequence[Record],
    stage: int,
    output: Path,
    *,
    variants: int = 1,
    seed: int = 0,
    workers: int | None = None,
    overwrite: bool = False,
) -> tuple[Path, dict[str, int]]:
    """Writes the dataset of one stage; returns its version's folder and the number of examples in each split.

    The dataset appears under its name when it is complete: an interrupted or failed build leaves nothing behind.
    The same records give the same dataset, in the same order, whatever the number of workers.

    Args:
        records: photos or crops; for stage 2 photos give the crops of their windows.
        stage: 1 or 2.
        output: the data_dir, made if it is missing.
        variants: crops of each window of the train split, all but the first with displaced corners.
        seed: of those displacements and of the order of the examples.
        workers: processes that read and encode; as many as there are processors by default.
        overwrite: replaces a dataset that is there already.

    Raises:
        UserError: the target exists or cannot be written, a photo cannot be read, or no record gives an example of
            this stage.
    """
    target = Path(output) / SCHEMAS[stage].dataset_name / VERSION
    if target.exists() and not overwrite:
        raise UserError(f"{target}: exists already; give --overwrite to replace it or another --output")
    # Neighbours in a source look alike; training reads best from a mixed order.
    order = np.random.default_rng(seed).permutation(len(records))
    tasks = ((records[index], stage, variants, seed) for index in order)
    with _complete_or_nothing(target) as folder:
        with _map_in_order(_work, tasks, workers or os.cpu_count() or 1) as results:
            progress = tqdm(results, total=len(records), desc=f"stage {stage}", unit="record", smoothing=0.05)
            counts = write(progress, stage, folder)
        if not counts:
            raise UserError(f"no record gives an example for stage {stage}: no {SCHEMAS[stage].made_from} among them")
    return target, counts


def write(examples: Iterable[Sequence[Example]], stage: int, folder: Path) -> dict[str, int]:
    """Writes the examples as a dataset version into the folder; returns the number of examples in each split.

    Raises:
        OSError: they cannot be written.
    """
    import tensorflow as tf

    try:
        return _write(examples, stage, folder)
    except tf.errors.OpError as error:
        # of TensorFlow's own files: their path, then the cause
        raise OSError(error.message.rsplit("; ", 1)[-1]) from error


def _write(examples: Iterable[Sequence[Example]], stage: int, folder: Path) -> dict[str, int]:
    import tensorflow_datasets as tfds

    schema = SCHEMAS[stage]
    identity = tfds.core.dataset_builder.dataset_info.DatasetIdentity(
        name=schema.dataset_name, version=tfds.core.Version(VERSION), data_dir=os.fspath(folder), module_name=""
    )
    info = tfds.core.DatasetInfo(builder=identity, features=_features(schema))
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=1000)
    counts: dict[str, int] = {}
    object_count = 0
    for group in examples:
        for example in group:
            if example.split not in counts:
                writer.initialize_splits([example.split], fail_if_exists=False)
                counts[example.split] = 0
            fields = _fields(example, schema, image_id=sum(counts.values()), first_object_id=object_count)
            writer.add_examples({example.split: [fields]})
            counts[example.split] += 1
            object_count += len(example.labels)
    if counts:
        writer.close_all()
    return {split: counts[split] for split in SPLITS if split in counts}


def _work(task: tuple[Record, int, int, int]) -> list[Example]:
    return examples_of(*task)


def _is_plain_box(schema: Schema) -> bool:
    """Tells whether TensorFlow Datasets has a feature of its own for the labels' boxes."""
    return schema.box_length == 4


def _features(schema: Schema):
    """Returns the features of the stage's dataset, as users have them on disk."""
    import tensorflow_datasets as tfds

    side = schema.image_side
    box = tfds.features.Tensor(shape=(schema.box_length,), dtype=np.float32)
    if _is_plain_box(schema):
        box = tfds.features.BBoxFeature()
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(shape=(side, side, 3), dtype=np.uint8, encoding_format=schema.image_encoding),
            "image/filename": tfds.features.Text(),
            "image/id": np.int64,
            "objects": tfds.features.Sequence(
                {
                    "area": np.int64,
                    "bbox": box,
                    "id": np.int64,
                    "is_crowd": np.bool_,
                    "label": tfds.features.ClassLabel(names=list(schema.class_names)),
                }
            ),
        }
    )


def _fields(example: Example, schema: Schema, image_id: int, first_object_id: int) -> dict:
    """Returns the example as the features want it."""
    import tensorflow_datasets as tfds

    boxes = list(example.boxes)
    if _is_plain_box(schema):
        boxes = [tfds.features.BBox(*map(float, row)) for row in example.boxes]
    return {
        "image": example.image,
        # bytes, as names need not be UTF-8
        "image/filename": os.fsencode(example.filename),
        "image/id": image_id,
        "objects": [
            {"area": area, "bbox": box, "id": first_object_id + index, "is_crowd": False, "label": label}
            for index, (area, box, label) in enumerate(zip(example.areas, boxes, example.labels, strict=True))
        ],
    }


@contextlib.contextmanager
def _complete_or_nothing(target: Path) -> Iterator[Path]:
    """Gives a folder to write into, which becomes the target if all goes well and vanishes otherwise."""
    made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    # A name with a dot and no digits first: dataset readers do not take it for a version.
    partial = target.parent / f".incomplete-{target.name}"
    try:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with lock_folder(target.parent):
                # what a killed build left, the old dataset too if it came as far as that
                for left in target.parent.glob(f".incomplete-{target.name}*"):
                    shutil.rmtree(left)
                partial.mkdir()
                try:
                    yield partial
                    replace_folder(partial, target)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
        except OSError as error:
            cause = error.strerror or error
            raise UserError(f"{target.parent}: cannot be written ({cause}); give another --output") from error
    except BaseException:
        for folder in made:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise


@contextlib.contextmanager
def _map_in_order(function, tasks, workers: int):
    """Gives an iterator over function(task) for every task, computed by worker processes, in the tasks' order."""
    if workers == 1:
        yield map(function, tasks)
        return
    # TensorFlow's threads do not survive a fork.
    with multiprocessing.get_context("spawn").Pool(workers, initializer=_start_worker) as pool:
        yield pool.imap(function, tasks, chunksize=4)


def _start_worker() -> None:
    cv2.setNumThreads(1)
    # The parent answers the keyboard and ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
