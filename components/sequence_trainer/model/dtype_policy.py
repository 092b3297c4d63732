"""Sets Keras' dtype policy for the layers that are made within a block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def use_dtype_policy(policy: str | keras.DTypePolicy) -> Iterator[None]:
    """Sets the dtype policy of all layers that are made within the block, such as `mixed_float16`."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
