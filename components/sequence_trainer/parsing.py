"""Serialized SequenceExamples to tensors, many records at a time, without padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

LENGTHS = "lengths"
"""The key that carries the number of steps of each record, int64 `[B]`."""


def counts_key(name: str) -> str:
    """The key that carries how many values each step of the nested column `name` has, int64 `[B, T]`."""
    return f"{name}/{LENGTHS}"


class Column(NamedTuple):
    """How one feature is stored.

    Attributes:
      dtype: Of its values: string, int64 or float32.
      context: True for one value a record, False for one value a step.
      width: The number of values in a step (or in the record, for context); None for one, without an axis of its own.
      nested: True for any number of values in a step.
    """

    dtype: tf.DType | str
    context: bool = False
    width: int | None = None
    nested: bool = False


class Records(NamedTuple):
    """N parsed records, their steps laid end to end: S steps in all.

    Attributes:
      context: Name to `[N]` or `[N, width]`.
      steps: Name to `[S]` or `[S, width]`, or to ragged `[S, (V)]` for nested columns.
      lengths: Steps of each record, int64 `[N]`; they add up to S.
    """

    context: dict[str, tf.Tensor]
    steps: dict[str, tf.Tensor]
    lengths: tf.Tensor


def check_columns(columns: Mapping[str, Column]) -> None:
    """Checks that there is a sequence to batch.

    Raises:
      ValueError: if no column is of a sequence, or one is called `lengths`.
    """
    if all(column.context for column in columns.values()):
        raise ValueError(f"records need at least one sequence column (context=False); the columns are {dict(columns)}")
    if LENGTHS in columns:
        raise ValueError(f"a column cannot be called {LENGTHS!r}: batches carry the records' lengths under that name")


def parse_records(serialized: tf.Tensor, columns: Mapping[str, Column]) -> Records:
    """Parses serialized SequenceExamples, string `[N]` with N at least 1.

    Raises:
      tf.errors.InvalidArgumentError: if a record is no SequenceExample, lacks a context value, has a value of another
        type, has a step with another number of values than its column, or has sequence features of unequal length.
    """
    context, steps, _ = tf.io.parse_sequence_example(
        serialized,
        context_features={
            name: tf.io.FixedLenFeature([] if column.width is None else [column.width], tf.as_dtype(column.dtype))
            for name, column in columns.items()
            if column.context
        },
        sequence_features={
            name: tf.io.RaggedFeature(tf.as_dtype(column.dtype), row_splits_dtype=tf.int64)
            for name, column in columns.items()
            if not column.context
        },
    )
    reference = next(name for name, column in columns.items() if not column.context)
    lengths = steps[reference].row_lengths()
    checks = []
    for name, ragged in steps.items():
        checks.append(_check_lengths(name, ragged.row_lengths(), reference, lengths))
        if not columns[name].nested:
            checks.append(_check_values(name, ragged, columns[name].width or 1))
    with tf.control_dependencies([check for check in checks if check is not None]):
        flat = {name: _flat(ragged, columns[name]) for name, ragged in steps.items()}
    return Records(context, flat, lengths)


def _flat(ragged: tf.RaggedTensor, column: Column) -> tf.Tensor:
    if column.nested:
        return tf.identity(ragged.values)
    if column.width is None:
        return tf.identity(ragged.flat_values)
    return tf.reshape(ragged.flat_values, [-1, column.width])


def _check_lengths(name: str, lengths: tf.Tensor, reference: str, expected: tf.Tensor) -> tf.Operation | None:
    differs = lengths != expected
    # Backticks, as the graph escapes quotes.
    first = tf.argmax(tf.cast(differs, tf.int32))
    return tf.debugging.Assert(
        ~tf.reduce_any(differs),
        [
            f"The sequence features of a record must have one length, but `{name}` has",
            lengths[first],
            f"steps where `{reference}` has",
            expected[first],
            "steps, in record",
            first,
            "of its chunk (from 0). Validate the records, or leave the feature out.",
        ],
    )


def _check_values(name: str, ragged: tf.RaggedTensor, width: int) -> tf.Operation | None:
    count = ragged.values.row_lengths()
    wrong = tf.where(count != width)
    return tf.debugging.Assert(
        tf.size(wrong) == 0,
        [
            f"Sequence feature `{name}` must have {width} value(s) in each step, but these steps of its chunk have "
            "another number (step, values):",
            wrong[:3],
            tf.gather(count, wrong[:3, 0]),
        ],
    )
