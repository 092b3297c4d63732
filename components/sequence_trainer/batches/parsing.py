"""Parses serialized SequenceExamples, or tf.Examples, many records at a time, without padding.

Three records of 2, 1 and 0 steps, with a feature of one value a step, a vector and a nested feature::

    lengths   2         1    0
    tokens    7    8    9              [S], S = 3 steps laid end to end
    vector    .1   .3   .5             [S, 2]
              .2   .4   .6
    parts     a,b       c              ragged [S, (V)]: the second step has none
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import RESERVED_NAMES
from tfx_sequence.components.sequence_trainer.batches.ids import FromZero, from_one


class Column(NamedTuple):
    """How one feature is stored.

    Attributes:
      dtype: The type of its values: string, int64 or float32.
      context: True for one value a record, False for one value a step.
      width: The number of values in a step (or in the record, for context); None for one, without an axis of its own.
      nested: True for any number of values in a step.
      keys: The names under which a tf.Example has it: that of the values and, if steps may have unequal numbers of
        values, that of these numbers. Empty for SequenceExamples, which have it under its own name.
      ids: How ids are stored; None if from 1.
    """

    dtype: tf.DType | str
    context: bool = False
    width: int | None = None
    nested: bool = False
    keys: tuple[str, ...] = ()
    ids: FromZero | None = None


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
      ValueError: if no column is of a sequence, or one has a reserved name, such as `lengths`.
    """
    if all(column.context for column in columns.values()):
        raise ValueError(f"records need at least one sequence column (context=False); the columns are {dict(columns)}")
    for name in RESERVED_NAMES:
        if name in columns:
            raise ValueError(
                f"a column cannot be called {name!r}: batches carry something of their own under that name"
            )


def parse_records(serialized: tf.Tensor, columns: Mapping[str, Column]) -> Records:
    """Parses serialized SequenceExamples, or tf.Examples if the columns have `keys`, string `[N]` with N at least 1.

    Raises:
      tf.errors.InvalidArgumentError: if a record is of another form, lacks a context value, has a value of another
        type, has a step with another number of values than its column, has sequence features of unequal length, or a
        label that the transform did not know.
    """
    are_examples = any(column.keys for column in columns.values())
    parse = _parse_examples if are_examples else _parse_sequence_examples
    context, steps = parse(serialized, columns)
    context = {name: from_one(value, columns[name].ids, name) for name, value in context.items()}
    reference = next(name for name, column in columns.items() if not column.context)
    lengths = steps[reference].row_lengths()
    checks = []
    for name, ragged in steps.items():
        checks.append(_check_lengths(name, ragged.row_lengths(), reference, lengths))
        if not columns[name].nested:
            checks.append(_check_values(name, ragged, columns[name].width or 1))
    # Eagerly, a check has run and is None.
    with tf.control_dependencies([check for check in checks if check is not None]):
        end_to_end = {name: _lay_end_to_end(name, ragged, columns[name]) for name, ragged in steps.items()}
    return Records(context, end_to_end, lengths)


def _parse_sequence_examples(
    serialized: tf.Tensor, columns: Mapping[str, Column]
) -> tuple[dict[str, tf.Tensor], dict[str, tf.RaggedTensor]]:
    """Parses SequenceExamples to context features `[N]` or `[N, width]`, and sequences `[N, (T), (V)]`."""
    context, steps, _ = tf.io.parse_sequence_example(
        serialized,
        context_features={name: _context_spec(column) for name, column in columns.items() if column.context},
        sequence_features={
            name: tf.io.RaggedFeature(tf.as_dtype(column.dtype), row_splits_dtype=tf.int64)
            for name, column in columns.items()
            if not column.context
        },
    )
    return context, steps


def _parse_examples(
    serialized: tf.Tensor, columns: Mapping[str, Column]
) -> tuple[dict[str, tf.Tensor], dict[str, tf.RaggedTensor]]:
    """Parses tf.Examples to the same tensors as `_parse_sequence_examples` does."""
    specs = {
        name: _context_spec(column) if column.context else _sequence_spec(column) for name, column in columns.items()
    }
    parsed = tf.io.parse_example(serialized, specs)
    context = {name: parsed[name] for name, column in columns.items() if column.context}
    steps = {name: _make_ragged(parsed[name]) for name, column in columns.items() if not column.context}
    return context, steps


def _context_spec(column: Column) -> tf.io.FixedLenFeature:
    return tf.io.FixedLenFeature([] if column.width is None else [column.width], tf.as_dtype(column.dtype))


def _sequence_spec(column: Column) -> tf.io.RaggedFeature:
    """Says how a tf.Example holds a sequence `[N, (T), (V)]`."""
    values, *counts = column.keys
    partitions = [tf.io.RaggedFeature.RowLengths(key) for key in counts]
    return tf.io.RaggedFeature(
        tf.as_dtype(column.dtype),
        value_key=values,
        partitions=partitions or [tf.io.RaggedFeature.UniformRowLength(column.width or 1)],
        row_splits_dtype=tf.int64,
    )


def _make_ragged(parsed: tf.RaggedTensor) -> tf.RaggedTensor:
    """Makes `[N, (T), (V)]` of `[N, (T), width]`."""
    if parsed.ragged_rank > 1:
        return parsed
    return parsed.with_values(tf.RaggedTensor.from_tensor(parsed.values, row_splits_dtype=tf.int64))


def _lay_end_to_end(name: str, ragged: tf.RaggedTensor, column: Column) -> tf.Tensor:
    """Returns the steps of all records: `[S]`, `[S, width]`, or ragged `[S, (V)]` for a nested column."""
    values = from_one(tf.identity(ragged.flat_values), column.ids, name)
    if column.nested:
        return ragged.with_flat_values(values).values
    return values if column.width is None else tf.reshape(values, [-1, column.width])


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
