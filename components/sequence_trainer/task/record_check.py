"""The first record that training is given: whether it is one that the transform wrote.

TensorFlow parses raw examples until a type differs, and then says no more than that; a record that lacks a sequence, or
has it elsewhere, is one of no steps to it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.errors import TaskError

_DTYPES = {"bytes_list": "string", "int64_list": "int64", "float_list": "float32"}


def check_transformed(files: Sequence[str], columns: Mapping[str, Column]) -> None:
    """Checks that the first record has all columns, which every transformed one has, in their types.

    Args:
      files: GZIP files of TFRecords; if there is no record in them, nothing is checked.
      columns: Name to how the transform stores it.

    Raises:
      TaskError: if it has not.
    """
    for serialized in tf.data.TFRecordDataset(files, compression_type="GZIP").take(1).as_numpy_iterator():
        # A tf.Example has the bytes of a SequenceExample with context features alone.
        record = tf.train.SequenceExample.FromString(serialized)
        for name, column in columns.items():
            for key, dtype in _stored(name, column).items():
                if wrong := _wrong(record, key, dtype, context=column.context or bool(column.keys)):
                    raise TaskError(
                        f"the examples in {os.path.dirname(files[0])} are not transformed examples of this "
                        f"`transform_graph`: {wrong}. Give `examples` the channel `transformed_examples` of the "
                        "component that the graph is of"
                    )


def _stored(name: str, column: Column) -> dict[str, str]:
    """The keys of a column in a record, to the types of their values."""
    dtype = tf.as_dtype(column.dtype).name
    values, *counts = column.keys or (name,)
    return {values: dtype, **dict.fromkeys(counts, "int64")}


def _wrong(record: tf.train.SequenceExample, key: str, dtype: str, context: bool) -> str | None:
    """What is wrong with the values under a key; None if nothing is."""
    features, lists = record.context.feature, record.feature_lists.feature_list
    if key not in (features if context else lists):
        has = f"the features {sorted(features)} and the feature lists {sorted(lists)}"
        return f"their first record lacks the {'feature' if context else 'feature list'} {key!r}; it has {has}"
    kinds = {feature.WhichOneof("kind") for feature in ([features[key]] if context else lists[key].feature)}
    found = {_DTYPES[kind] for kind in kinds if kind} - {dtype}
    return f"their first record has {key!r} of type {min(found)}, not {dtype}" if found else None
