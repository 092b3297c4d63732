"""Checks that the first training record was written by the transform.

Without this check, TensorFlow would parse raw examples until a type differs, and the error would not explain the cause.
A record without a sequence, or with the sequence under another key, would count as a record without steps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.errors import TaskError

_DTYPE_BY_KIND = {"bytes_list": "string", "int64_list": "int64", "float_list": "float32"}


def check_transformed(files: Sequence[str], columns: Mapping[str, Column]) -> None:
    """Checks that the first record has all columns with the right types.

    Args:
      files: GZIP files of TFRecords. If they contain no record, nothing is checked.
      columns: Maps the name of each transformed feature to how the transform stores it.

    Raises:
      TaskError: if the first record lacks a column, or a column has another type.
    """
    for serialized in tf.data.TFRecordDataset(files, compression_type="GZIP").take(1).as_numpy_iterator():
        # The bytes of a tf.Example are those of a SequenceExample that has only context features.
        record = tf.train.SequenceExample.FromString(serialized)
        for name, column in columns.items():
            if problem := _find_column_problem(record, name, column):
                raise TaskError(
                    f"the examples in {os.path.dirname(files[0])} are not transformed examples of this "
                    f"`transform_graph`: {problem}. Give `examples` the channel `transformed_examples` of the "
                    "component that made the graph"
                )


def _find_column_problem(record: tf.train.SequenceExample, name: str, column: Column) -> str | None:
    """Returns what is wrong with a column of a record, or None if the column is right."""
    in_context = column.context or bool(column.keys)
    for key, dtype in _map_keys_to_types(name, column).items():
        if problem := _find_value_problem(record, key, dtype, in_context):
            return problem
    return None


def _map_keys_to_types(name: str, column: Column) -> dict[str, str]:
    """Maps the keys of a column in a record to the types of their values."""
    dtype = tf.as_dtype(column.dtype).name
    values_key, *counts_keys = column.keys or (name,)
    return {values_key: dtype, **dict.fromkeys(counts_keys, "int64")}


def _find_value_problem(record: tf.train.SequenceExample, key: str, dtype: str, in_context: bool) -> str | None:
    """Returns what is wrong with the values of a key, or None if they are right."""
    features = record.context.feature
    lists = record.feature_lists.feature_list
    if key not in (features if in_context else lists):
        missing = "feature" if in_context else "feature list"
        return (
            f"their first record lacks the {missing} {key!r}; it has the features {sorted(features)} and the feature "
            f"lists {sorted(lists)}"
        )
    values = [features[key]] if in_context else lists[key].feature
    kinds = {value.WhichOneof("kind") for value in values}
    # A tf.train.Feature without values has no kind.
    other_types = {_DTYPE_BY_KIND[kind] for kind in kinds if kind} - {dtype}
    if not other_types:
        return None
    return f"their first record has {key!r} of type {min(other_types)}, not {dtype}"
