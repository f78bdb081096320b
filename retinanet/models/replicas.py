"""What a training step of several devices needs so that it computes what one device would: sums over all of them.

`tf.distribute` calls a device that holds a copy of the weights a replica: each sees its share of a batch.
"""

import keras


def replica_count() -> int:
    """Returns the number of replicas that the strategy whose scope or step this is has; 1 without one."""
    strategy = _strategy()
    return strategy.num_replicas_in_sync if strategy else 1


def sum_over_replicas(values):
    """Returns a tensor, or each of a list, summed over all replicas; as it is where there is one.

    Within a step of `tf.distribute` alone, where every replica has to call it.
    """
    if replica_count() == 1:
        return values
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values) if context else values


def synchronize_normalization(model: keras.Model) -> None:
    """Makes batch normalisation take its statistics from the whole batch, where several replicas have a share of it.

    A share may be of two examples, whose statistics are noise; and a training goes on alike on any number of devices.
    Normalisation that is frozen uses stored statistics, on any number of devices.
    """
    if replica_count() == 1:
        return
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True


def trains_on_several_workers() -> bool:
    """Returns whether the strategy whose scope or step this is has several processes."""
    strategy = _strategy()
    return strategy is not None and bool(strategy.extended._in_multi_worker_mode())


def _strategy():
    """Returns the strategy whose scope or step this is; None on other backends than TensorFlow."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return tf.distribute.get_strategy()
