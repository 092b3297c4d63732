"""What a transform graph returns, as the columns that training reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.ids import from_one
from tfx_sequence.components.sequence_trainer.parsing import Column


def to_columns(transformed: Mapping[str, Any], columns: Mapping[str, Column]) -> dict[str, Any]:
    """The columns that are there, with ids from 1.

    Args:
      transformed: Name to what the graph returned: dense, ragged or, of stock's sequences, sparse.
      columns: How they are stored.

    Returns:
      Name to `[B]`, `[B, width]`, ragged `[B, (T)]`, `[B, (T), width]` or, for nested columns, `[B, (T), (V)]`.

    Raises:
      tf.errors.InvalidArgumentError: when run on records that lack a sequence, such as a label, or have sequences of
        unequal length.
    """
    found = {
        name: _context(name, transformed[name], column) if column.context else _steps(name, transformed[name], column)
        for name, column in columns.items()
        if name in transformed
    }
    sequences = [(name, value.row_lengths()) for name, value in found.items() if isinstance(value, tf.RaggedTensor)]
    # Or else a label that is not there would be padded, and its padding taken for labels.
    checks = [_check_lengths(*each, *sequences[0]) for each in sequences[1:]]
    with tf.control_dependencies([check for check in checks if check is not None]):
        return {name: tf.identity(value) for name, value in found.items()}


def _check_lengths(name: str, lengths: tf.Tensor, reference: str, expected: tf.Tensor) -> tf.Operation | None:
    message = (
        f"the sequence `{name}` has not as many steps as `{reference}`; a label that is read must be in each record"
    )
    return tf.debugging.assert_equal(lengths, expected, message)


def _context(name: str, value: tf.Tensor, column: Column) -> tf.Tensor:
    shape = [-1] if column.width is None else [-1, column.width]
    return from_one(tf.reshape(value, shape), column.ids, name)


def _steps(name: str, value: tf.RaggedTensor | tf.SparseTensor, column: Column) -> tf.RaggedTensor:
    ragged = tf.RaggedTensor.from_sparse(value) if isinstance(value, tf.SparseTensor) else value
    ragged = ragged.with_row_splits_dtype(tf.int64)
    ragged = ragged.with_flat_values(from_one(ragged.flat_values, column.ids, name))
    several = ragged.ragged_rank > 1
    if column.nested:
        return ragged if several else ragged.with_values(tf.RaggedTensor.from_tensor(ragged.values))
    values = tf.reshape(ragged.flat_values, [-1] if column.width is None else [-1, column.width])
    # A step with another number of values would shift all that follow.
    return tf.RaggedTensor.from_row_splits(values, ragged.row_splits, validate=several)
