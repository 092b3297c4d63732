"""Parses serialized SequenceExamples or tf.Examples, many records at a time and without padding.

The steps of all records are concatenated. This is the result for three records of 2, 1 and 0 steps, with a feature of
one value per step, a vector feature and a nested feature::

    lengths   2         1    0
    tokens    7    8    9              [S], where S = 3 is the number of all steps
    vector    .1   .3   .5             [S, 2]
              .2   .4   .6
    parts     a,b       c              ragged [S, (V)], where the second step has no value
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import RESERVED_NAMES
from tfx_sequence.components.sequence_trainer.batches.ids import StoredIds, convert_stored_ids


class Column(NamedTuple):
    """Describes how one feature is stored.

    Attributes:
      dtype: The type of the values: string, int64 or float32.
      context: Whether the feature has one value per record, rather than one value per step.
      width: The number of values per step, or per record for a context feature. None for a single value, which has no
        axis of its own.
      nested: Whether a step may have any number of values.
      keys: The keys of the feature in a tf.Example. The first is the key of the values. If the number of values differs
        between steps, the second is the key of these numbers. Empty for SequenceExamples, where the key is the name
        of the feature.
      ids: How ids are stored; None if they start at 1.
    """

    dtype: tf.DType | str
    context: bool = False
    width: int | None = None
    nested: bool = False
    keys: tuple[str, ...] = ()
    ids: StoredIds | None = None


class Records(NamedTuple):
    """N parsed records with S steps in total. The steps of all records are concatenated.

    Attributes:
      context: Maps the names of context features to `[N]` or `[N, width]`.
      steps: Maps the names of sequence features to `[S]` or `[S, width]`, or to ragged `[S, (V)]` for nested features.
      lengths: The number of steps of each record, int64 `[N]`. The sum is S.
    """

    context: dict[str, tf.Tensor]
    steps: dict[str, tf.Tensor]
    lengths: tf.Tensor


def check_columns(columns: Mapping[str, Column]) -> None:
    """Checks that the columns describe records that can be parsed.

    Raises:
      ValueError: if no column is a sequence, a column has a reserved name, such as `lengths`, a width is less than 1,
        or a nested column is in the context.
    """
    if all(column.context for column in columns.values()):
        raise ValueError(f"records need at least one sequence column (context=False); the columns are {dict(columns)}")
    for name in RESERVED_NAMES:
        if name in columns:
            raise ValueError(
                f"a column cannot be called {name!r}, because batches use this name for something else; rename the "
                "feature"
            )
    for name, column in columns.items():
        if column.width is not None and column.width < 1:
            raise ValueError(f"the width of the column {name!r} must be at least 1, but is {column.width}")
        if column.nested and column.context:
            raise ValueError(f"the column {name!r} is nested, so it must have steps, but is in the context: {column}")


def parse_records(serialized: tf.Tensor, columns: Mapping[str, Column]) -> Records:
    """Parses serialized records.

    Args:
      serialized: SequenceExamples, or tf.Examples if the columns have `keys`. Strings `[N]`, where N is at least 1.
      columns: Maps the name of each feature to how the feature is stored.

    Raises:
      ValueError: if the columns contradict one another, see `check_columns`.
      tf.errors.InvalidArgumentError: if a record does not have the form that the columns describe. For example, a
        context value is missing, a value has another type, a step has another number of values, the sequence features
        of a record differ in length, or a label has a value that the transform did not know.
    """
    check_columns(columns)
    are_examples = any(column.keys for column in columns.values())
    parse = _parse_examples if are_examples else _parse_sequence_examples
    context, sequences = parse(serialized, columns)
    context = {name: convert_stored_ids(value, columns[name].ids, name) for name, value in context.items()}
    reference = next(iter(sequences))
    lengths = sequences[reference].row_lengths()
    checks = []
    for name, ragged in sequences.items():
        checks.append(_check_lengths(name, ragged.row_lengths(), reference, lengths))
        if not columns[name].nested:
            checks.append(_check_values(name, ragged, columns[name].width or 1))
    # In eager mode, a check has already run and is None.
    with tf.control_dependencies([check for check in checks if check is not None]):
        steps = {name: _concatenate_records(name, ragged, columns[name]) for name, ragged in sequences.items()}
    return Records(context, steps, lengths)


def _parse_sequence_examples(
    serialized: tf.Tensor, columns: Mapping[str, Column]
) -> tuple[dict[str, tf.Tensor], dict[str, tf.RaggedTensor]]:
    """Parses SequenceExamples. Returns context features, `[N]` or `[N, width]`, and sequences, `[N, (T), (V)]`."""
    context_features: dict[str, tf.io.FixedLenFeature] = {}
    sequence_features: dict[str, tf.io.RaggedFeature] = {}
    for name, column in columns.items():
        if column.context:
            context_features[name] = _make_context_feature(column)
        else:
            sequence_features[name] = tf.io.RaggedFeature(tf.as_dtype(column.dtype), row_splits_dtype=tf.int64)
    context, sequences, _ = tf.io.parse_sequence_example(serialized, context_features, sequence_features)
    # TensorFlow sorts the features by name. In the order of the columns, the first sequence is the reference.
    return context, {name: sequences[name] for name in sequence_features}


def _parse_examples(
    serialized: tf.Tensor, columns: Mapping[str, Column]
) -> tuple[dict[str, tf.Tensor], dict[str, tf.RaggedTensor]]:
    """Parses tf.Examples. Returns tensors of the same shapes as `_parse_sequence_examples`."""
    features = {}
    for name, column in columns.items():
        features[name] = _make_context_feature(column) if column.context else _make_sequence_feature(column)
    parsed = tf.io.parse_example(serialized, features)
    context = {name: parsed[name] for name, column in columns.items() if column.context}
    sequences = {name: _make_ragged(parsed[name]) for name, column in columns.items() if not column.context}
    return context, sequences


def _make_context_feature(column: Column) -> tf.io.FixedLenFeature:
    """Returns the parsing configuration of a context feature, `[N]` or `[N, width]`."""
    shape = [] if column.width is None else [column.width]
    return tf.io.FixedLenFeature(shape, tf.as_dtype(column.dtype))


def _make_sequence_feature(column: Column) -> tf.io.RaggedFeature:
    """Returns the parsing configuration of a sequence `[N, (T), (V)]` in a tf.Example."""
    values_key, *counts_keys = column.keys
    partitions = [tf.io.RaggedFeature.RowLengths(key) for key in counts_keys]
    return tf.io.RaggedFeature(
        tf.as_dtype(column.dtype),
        value_key=values_key,
        partitions=partitions or [tf.io.RaggedFeature.UniformRowLength(column.width or 1)],
        row_splits_dtype=tf.int64,
    )


def _make_ragged(parsed: tf.RaggedTensor) -> tf.RaggedTensor:
    """Converts `[N, (T), width]` to `[N, (T), (V)]`. A tensor in the latter form is returned unchanged."""
    if parsed.ragged_rank > 1:
        return parsed
    return parsed.with_values(tf.RaggedTensor.from_tensor(parsed.values, row_splits_dtype=tf.int64))


def _concatenate_records(name: str, ragged: tf.RaggedTensor, column: Column) -> tf.Tensor:
    """Returns the steps of all records: `[S]`, `[S, width]`, or ragged `[S, (V)]` for a nested column."""
    values = convert_stored_ids(tf.identity(ragged.flat_values), column.ids, name)
    if column.nested:
        return ragged.with_flat_values(values).values
    return values if column.width is None else tf.reshape(values, [-1, column.width])


def _check_lengths(name: str, lengths: tf.Tensor, reference: str, expected: tf.Tensor) -> tf.Operation | None:
    """Checks that a sequence feature has the same number of steps as the reference feature in each record."""
    differs = lengths != expected
    # The message has backticks, because graph mode escapes quotes.
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
    """Checks that a sequence feature has `width` values in each step."""
    counts = ragged.values.row_lengths()
    wrong_steps = tf.where(counts != width)
    return tf.debugging.Assert(
        tf.size(wrong_steps) == 0,
        [
            f"Sequence feature `{name}` must have {width} value(s) in each step, but these steps of its chunk have "
            "another number (step, values):",
            wrong_steps[:3],
            tf.gather(counts, wrong_steps[:3, 0]),
            "Validate the records, or leave the feature out.",
        ],
    )
