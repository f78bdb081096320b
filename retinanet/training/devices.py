"""The devices that a training runs on: all visible cards, of several machines where TF_CONFIG names them."""

import contextlib
import dataclasses
import pickle
import zlib
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from deploy.recognition.errors import UserError
from retinanet.datasets.input_pipeline import WHOLE, Share
from retinanet.models.precision import computed_in
from retinanet.training.cards import AUTO, BFLOAT16, FLOAT16, FLOAT32, Card, choose_precision
from retinanet.training.cluster import Cluster

_POLICIES = {FLOAT32: FLOAT32, FLOAT16: "mixed_float16", BFLOAT16: "mixed_bfloat16"}
# what CUDA, cuDNN and cuBLAS say, in errors of other kinds too
_NO_MEMORY = ("out of memory", "OUT_OF_MEMORY", "ALLOC_FAILED")
_GONE = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)


@dataclasses.dataclass(frozen=True)
class Devices:
    """Where a training runs, and in which numbers.

    Attributes:
        strategy: of `tf.distribute`; the default one on one device.
        names: of this process's devices, such as `GPU:0`.
        cluster: the processes that train together.
        precision: `float32`, `float16` or `bfloat16`: what layers compute in. Weights are float32.
    """

    strategy: tf.distribute.Strategy
    names: tuple[str, ...]
    cluster: Cluster = Cluster()
    precision: str = FLOAT32

    @property
    def count(self) -> int:
        """Returns the number of devices of all processes."""
        return self.strategy.num_replicas_in_sync

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """A model that the block makes and compiles is trained on the devices."""
        with computed_in(_POLICIES[self.precision]), self.strategy.scope():
            yield

    def distributed(self, batches_of: Callable[[Share], tf.data.Dataset]):
        """Returns the batches as `fit` takes them, each device's share after the other's, over and over.

        Args:
            batches_of: from a process's share of each batch to its batches.
        """
        if self.count == 1:
            return batches_of(WHOLE).repeat()

        def shares(context):
            pipelines = context.num_input_pipelines
            return batches_of(Share(pipelines, context.input_pipeline_id, self.count // pipelines)).repeat()

        return self.strategy.distribute_datasets_from_function(shares)

    def check_alike(self, *described) -> None:
        """Waits until all processes have come here, and makes sure that they train the same.

        Args:
            described: what has to be the same in all of them: arrays, lists of arrays, and what has a `repr`.

        Raises:
            UserError: it is not.
        """
        if len(self.cluster.addresses) == 1:
            return
        # numbers that the sum over all processes tells apart exactly
        digest = zlib.crc32(pickle.dumps(described)) % 2**24

        @tf.function
        def total():
            own = tf.constant(digest, tf.float64)
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)

        found = self.strategy.experimental_local_results(self.strategy.run(total))[0]
        if int(found) != digest * self.count:
            raise UserError(
                f"worker {self.cluster.index}: the workers start from other weights, data or arguments; give all of "
                "them the same"
            )

    def __str__(self) -> str:
        """Returns how many devices there are, which of them this process has, and the precision."""
        where = f"{self.count} devices" if self.count > 1 else "1 device"
        workers = len(self.cluster.addresses)
        of = f" of {workers} workers" if workers > 1 else ""
        return f"{where}{of} ({', '.join(self.names)}), {self.precision}"


def all_devices(cluster: Cluster, mixed_precision: str = AUTO) -> Devices:
    """Returns all visible cards, or the processor where there is none, ready to be trained on.

    Raises:
        UserError: a card cannot be used or lacks the precision, the cluster's address cannot be served, or there are
            several devices for another backend than TensorFlow.
    """
    workers = len(cluster.addresses)
    cards = tf.config.list_physical_devices("GPU")
    precision = choose_precision(mixed_precision, [_card(card) for card in cards])
    try:
        for card in cards:
            # several processes may share a card, each takes what it needs
            if not tf.config.experimental.get_memory_growth(card):
                tf.config.experimental.set_memory_growth(card, True)
        strategy = None
        if workers > 1:
            print(f"worker {cluster.index} of 0 to {workers - 1}: waiting for the others", flush=True)
            # before anything runs on a device
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    except (tf.errors.OpError, RuntimeError) as error:
        advice = "free its memory, or leave it out with CUDA_VISIBLE_DEVICES"
        if workers > 1:
            advice = f"is {cluster.addresses[cluster.index]} this machine's, and free?"
        raise UserError(f"the devices cannot be used: {_cause(error)}; {advice}") from error
    names = [":".join(device.name.split(":")[-2:]) for device in found]
    if (len(names) > 1 or strategy) and keras.backend.backend() != "tensorflow":
        raise UserError(
            f"Keras runs on {keras.backend.backend()}, which trains on one device here; unset KERAS_BACKEND, or leave "
            "one card with CUDA_VISIBLE_DEVICES and no TF_CONFIG"
        )
    if strategy is None:
        strategy = tf.distribute.MirroredStrategy(names) if len(names) > 1 else tf.distribute.get_strategy()
    else:
        names = [":".join(name.split(":")[-2:]) for name in strategy.extended.worker_devices]
    return Devices(strategy, tuple(names), cluster, precision)


@contextlib.contextmanager
def device_errors() -> Iterator[None]:
    """Turns what the devices raise in the block, and the user can mend, into one line.

    Raises:
        UserError: the memory does not hold a step, or another worker is gone.
    """
    try:
        yield
    except tf.errors.OpError as error:
        text = str(error)
        if isinstance(error, tf.errors.ResourceExhaustedError) or any(sign in text for sign in _NO_MEMORY):
            raise UserError(
                f"the memory does not suffice ({_cause(error)}); give a smaller --batch_size, or free what other "
                "programs hold"
            ) from error
        if isinstance(error, _GONE):
            raise UserError(
                f"another worker has ended or cannot be reached ({_cause(error)}); start all of them again with "
                "--resume_training True"
            ) from error
        raise


def _card(device) -> Card:
    details = tf.config.experimental.get_device_details(device)
    return Card(details.get("device_name", device.name), details.get("compute_capability"))


def _cause(error: Exception) -> str:
    """Returns the line of a message that tells what happened, without where in the graph it did."""
    lines = (line.strip() for line in str(error).splitlines())
    where = ("Graph execution error", "Detected at node", "File ")
    return next((line for line in lines if line and not line.startswith(where)), repr(error))[:200]
