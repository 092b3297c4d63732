"""Converts what a transform graph returns to the columns that training batches are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.ids import from_one
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.schemas.contract import LENGTHS


def convert_to_columns(transformed: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, Any]:
    """Converts those columns that the graph has returned; their ids start at 1 afterwards.

    Args:
      transformed: Name to what the graph returned: dense, ragged or, of stock's sequences, sparse.
      columns: Name to how training stores it.

    Returns:
      Name to `[B]`, `[B, width]`, ragged `[B, (T)]`, `[B, (T), width]` or, for nested columns, `[B, (T), (V)]`.

    Raises:
      tf.errors.InvalidArgumentError: when run on records that lack a sequence, such as a label, or have sequences of
        unequal length.
    """
    converted: dict[str, Any] = {}
    for name, column in columns.items():
        if name in transformed:
            convert = _convert_context if column.context else _convert_steps
            converted[name] = convert(name, transformed[name], column)
    return assert_equal_lengths(converted)


def assert_equal_lengths(features: Mapping[str, Any], lengths: tf.Tensor | None = None) -> dict[str, Any]:
    """Returns the same features, in a graph that fails if their sequences have unequal lengths.

    Without this a sequence that is too short, such as a missing label, would be padded, and its padding taken for
    values.

    Args:
      features: Name to tensor; the ragged ones are sequences.
      lengths: The steps that the sequences must have, `[B]`. If None, they must have as many as the first of them.

    Raises:
      tf.errors.InvalidArgumentError: when run on sequences of other lengths.
    """
    named_lengths = [(name, x.row_lengths()) for name, x in features.items() if isinstance(x, tf.RaggedTensor)]
    if lengths is not None:
        named_lengths = [(LENGTHS, lengths), *named_lengths]
    # `tf.debugging.Assert` would put each check into a conditional of its own, hence the op itself.
    checks = [
        tf.raw_ops.Assert(
            condition=tf.reduce_all(tf.equal(row_lengths, named_lengths[0][1])),
            data=[f"the sequence `{name}` does not have as many steps as `{named_lengths[0][0]}` says"],
        )
        for name, row_lengths in named_lengths[1:]
    ]
    # Outside of a graph a check has already run here, and is None.
    with tf.control_dependencies([check for check in checks if check is not None]):
        return {name: tf.identity(x) for name, x in features.items()}


def _convert_context(name: str, value: tf.Tensor, column: Column) -> tf.Tensor:
    shape = [-1] if column.width is None else [-1, column.width]
    return from_one(tf.reshape(value, shape), column.ids, name)


def _convert_steps(name: str, value: tf.RaggedTensor | tf.SparseTensor, column: Column) -> tf.RaggedTensor:
    """Converts `[B, (T)]`, `[B, (T), width]` or `[B, (T), (V)]` to the shape that the column has in a batch."""
    ragged = tf.RaggedTensor.from_sparse(value) if isinstance(value, tf.SparseTensor) else value
    ragged = ragged.with_row_splits_dtype(tf.int64)
    ragged = ragged.with_flat_values(from_one(ragged.flat_values, column.ids, name))
    is_ragged_in_steps = ragged.ragged_rank > 1
    if column.nested:
        return ragged if is_ragged_in_steps else ragged.with_values(tf.RaggedTensor.from_tensor(ragged.values))
    values = tf.reshape(ragged.flat_values, [-1] if column.width is None else [-1, column.width])
    # A step with a wrong number of values would shift all steps behind it, which only validation tells. Where steps
    # cannot differ, it would take time for nothing.
    return tf.RaggedTensor.from_row_splits(values, ragged.row_splits, validate=is_ragged_in_steps)
