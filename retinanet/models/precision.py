"""The numbers that layers compute in: float32, or half of them with weights kept in float32."""

import contextlib
from collections.abc import Iterator

import keras

FLOAT32 = "float32"


@contextlib.contextmanager
def computed_in(policy: str) -> Iterator[None]:
    """Layers that the block makes compute in this Keras policy, such as `mixed_bfloat16`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
