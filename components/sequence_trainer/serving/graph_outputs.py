"""What a transform graph returns, as the columns that training reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.ids import from_one
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.schemas.contract import LENGTHS


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
    return aligned(found)


def aligned(features: Mapping[str, Any], lengths: tf.Tensor | None = None) -> dict[str, Any]:
    """The same features, once it is known that their sequences go together.

    A sequence that is too short, such as a label that is not there, would be padded, and its padding taken for values.

    Args:
      features: Name to tensor; those that are ragged are sequences.
      lengths: `[B]`, how many steps the sequences must have; as many as the first of them if None.

    Raises:
      tf.errors.InvalidArgumentError: when run on sequences of other lengths.
    """
    steps = [(name, x.row_lengths()) for name, x in features.items() if isinstance(x, tf.RaggedTensor)]
    if lengths is not None:
        steps = [(LENGTHS, lengths), *steps]
    # The op itself: tf.debugging would put each into a conditional of its own.
    checks = [
        tf.raw_ops.Assert(
            condition=tf.reduce_all(tf.equal(found, steps[0][1])),
            data=[f"the sequence `{name}` does not have as many steps as `{steps[0][0]}` says"],
        )
        for name, found in steps[1:]
    ]
    # Eagerly, a check has run and is None.
    with tf.control_dependencies([check for check in checks if check is not None]):
        return {name: tf.identity(x) for name, x in features.items()}


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
