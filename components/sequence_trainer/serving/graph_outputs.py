"""Converts the outputs of a transform graph to the columns of a training batch, and pads them."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.ids import convert_stored_ids
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.serving.needed_features import AnyTensor

_NamedLengths = tuple[str, tf.Tensor]
"""The name of a sequence, and the number of its steps in each record, `[B]`."""


def convert_to_columns(transformed: Mapping[str, AnyTensor], columns: Mapping[str, Column]) -> dict[str, AnyTensor]:
    """Converts the outputs of the graph to columns whose ids start at 1.

    Args:
      transformed: The name and value of each output. A value is dense, ragged or, for a sequence of the stock
        Transform, sparse.
      columns: The name and form of each column in training. Columns that the graph has not returned are left out.

    Returns:
      The name and tensor of each column: `[B]`, `[B, width]`, ragged `[B, (T)]`, `[B, (T), width]` or, for nested
      columns, `[B, (T), (V)]`.

    Raises:
      tf.errors.InvalidArgumentError: when the graph runs on records that lack a sequence, such as a label, whose
        sequences have unequal lengths, or that have a step with a wrong number of values.
    """
    converted: dict[str, AnyTensor] = {}
    for name, column in columns.items():
        if name in transformed:
            convert = _convert_context if column.context else _convert_steps
            converted[name] = convert(name, transformed[name], column)
    return assert_equal_lengths(converted)


def assert_equal_lengths(features: Mapping[str, AnyTensor]) -> dict[str, AnyTensor]:
    """Adds operations to the graph that fail if sequences have unequal lengths, and returns the same features.

    Without this check, a sequence that is too short, such as a missing label, would be padded. The padding would then
    be used like real values.

    Args:
      features: The name and tensor of each feature. Ragged tensors are sequences.

    Raises:
      tf.errors.InvalidArgumentError: when the graph runs on sequences of unequal lengths.
    """
    named_lengths = [(name, x.row_lengths()) for name, x in features.items() if isinstance(x, tf.RaggedTensor)]
    checks = [_assert_same_lengths(other, named_lengths[0]) for other in named_lengths[1:]]
    # In eager mode the checks have run already, and each result is None.
    with tf.control_dependencies([check for check in checks if check is not None]):
        return {name: tf.identity(x) for name, x in features.items()}


def _assert_same_lengths(actual: _NamedLengths, expected: _NamedLengths) -> tf.Operation | None:
    name, lengths = actual
    expected_name, expected_lengths = expected
    # `tf.debugging.Assert` would make a separate conditional for each check, so the raw operation is used.
    return tf.raw_ops.Assert(
        condition=tf.reduce_all(tf.equal(lengths, expected_lengths)),
        data=[f"the sequence `{name}` does not have as many steps as `{expected_name}` says"],
    )


def _convert_context(name: str, value: tf.Tensor, column: Column) -> tf.Tensor:
    """Converts `[B, ...]` to `[B]` or `[B, width]`."""
    shape = [-1] if column.width is None else [-1, column.width]
    return convert_stored_ids(tf.reshape(value, shape), column.ids, name)


def _convert_steps(name: str, value: tf.RaggedTensor | tf.SparseTensor, column: Column) -> tf.RaggedTensor:
    """Converts `[B, (T)]`, `[B, (T), width]` or `[B, (T), (V)]` to the shape of the column in a batch."""
    ragged = tf.RaggedTensor.from_sparse(value) if isinstance(value, tf.SparseTensor) else value
    ragged = ragged.with_row_splits_dtype(tf.int64)
    ragged = ragged.with_flat_values(convert_stored_ids(ragged.flat_values, column.ids, name))
    has_ragged_steps = ragged.ragged_rank > 1
    if column.nested:
        return ragged if has_ragged_steps else ragged.with_values(tf.RaggedTensor.from_tensor(ragged.values))
    flat_values = ragged.flat_values
    # If the steps are not ragged, all have the same number of values, so a check would only cost time.
    if has_ragged_steps:
        flat_values = _assert_values_per_step(name, ragged, column.width or 1)
    values = tf.reshape(flat_values, [-1] if column.width is None else [-1, column.width])
    return tf.RaggedTensor.from_row_splits(values, ragged.row_splits, validate=False)


def _assert_values_per_step(name: str, steps: tf.RaggedTensor, width: int) -> tf.Tensor:
    """Adds an operation that fails if a step does not have `width` values, and returns the flat values of the steps.

    A step with a wrong number of values would shift the values of all steps after it.
    """
    check = tf.raw_ops.Assert(
        condition=tf.reduce_all(tf.equal(steps.values.row_lengths(), width)),
        data=[f"the sequence `{name}` has a step that does not have {width} value(s)"],
    )
    with tf.control_dependencies([] if check is None else [check]):  # In eager mode the check has run already.
        return tf.identity(steps.flat_values)


def pad_steps(value: tf.Tensor | tf.RaggedTensor) -> tf.Tensor:
    """Pads a ragged tensor `[B, (T), ...]` to `[B, T, ...]`, with T at least 1. Returns a dense tensor unchanged."""
    if not isinstance(value, tf.RaggedTensor):
        return value
    padded = value.to_tensor()
    # If all sequences are empty, one padded step is added, as in `pad_nested`.
    missing = tf.maximum(1 - tf.shape(padded)[1], 0)
    return tf.pad(padded, [[0, 0], [0, missing], *[[0, 0]] * (padded.shape.rank - 2)])
