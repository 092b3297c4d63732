"""Adapts Keras to updates that several devices make together, each with a batch of its own."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import tensorflow as tf

_SEED_STATE = "seed_generator_state"
"""The name that Keras gives to the state of a `keras.random.SeedGenerator`."""


def skip_gradient_reduction(optimizer: keras.optimizers.Optimizer) -> None:
    """Makes an optimizer apply gradients that are already summed over all replicas.

    By default, an optimizer of Keras sums the gradients itself. A sum that was needed earlier, such as for clipping,
    would be sent to all devices a second time.
    """
    optimizer._all_reduce_sum_gradients = lambda grads_and_vars: grads_and_vars


def find_seed_states(variables: Iterable[keras.Variable]) -> list[tf.Variable]:
    """Returns the states of the random generators of Keras among variables, each the seed and a counter, `[2]`."""
    return [variable.value for variable in variables if variable.name == _SEED_STATE]
