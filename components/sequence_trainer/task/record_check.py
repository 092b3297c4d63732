"""Checks the first record that training is given: the transform must have written it.

Without the check TensorFlow would parse raw examples until a type differs, and say no more than that. A record that
lacks a sequence, or has it elsewhere, would be taken for one without steps.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.errors import TaskError

_DTYPES = {"bytes_list": "string", "int64_list": "int64", "float_list": "float32"}


def check_transformed(files: Sequence[str], columns: Mapping[str, Column]) -> None:
    """Checks that the first record has all columns in their types, as every transformed record has.

    Args:
      files: GZIP files of TFRecords; if there is no record in them, nothing is checked.
      columns: Name of a feature to how the transform stores it.

    Raises:
      TaskError: if it lacks one.
    """
    for serialized in tf.data.TFRecordDataset(files, compression_type="GZIP").take(1).as_numpy_iterator():
        # A tf.Example has the bytes of a SequenceExample with context features alone.
        record = tf.train.SequenceExample.FromString(serialized)
        for name, column in columns.items():
            for key, dtype in _list_keys(name, column).items():
                if problem := _find_problem(record, key, dtype, context=column.context or bool(column.keys)):
                    raise TaskError(
                        f"the examples in {os.path.dirname(files[0])} are not transformed examples of this "
                        f"`transform_graph`: {problem}. Give `examples` the channel `transformed_examples` of the "
                        "component that the graph is of"
                    )


def _list_keys(name: str, column: Column) -> dict[str, str]:
    """Returns the keys of a column in a record, each with the type of its values."""
    dtype = tf.as_dtype(column.dtype).name
    values, *counts = column.keys or (name,)
    return {values: dtype, **dict.fromkeys(counts, "int64")}


def _find_problem(record: tf.train.SequenceExample, key: str, dtype: str, context: bool) -> str | None:
    """Says what is wrong with the values under a key; None if nothing is."""
    features, lists = record.context.feature, record.feature_lists.feature_list
    if key not in (features if context else lists):
        present = f"the features {sorted(features)} and the feature lists {sorted(lists)}"
        return f"their first record lacks the {'feature' if context else 'feature list'} {key!r}; it has {present}"
    values = [features[key]] if context else lists[key].feature
    kinds = {value.WhichOneof("kind") for value in values}
    # A value without any number or string has no kind.
    other_types = {_DTYPES[kind] for kind in kinds if kind} - {dtype}
    return f"their first record has {key!r} of type {min(other_types)}, not {dtype}" if other_types else None
