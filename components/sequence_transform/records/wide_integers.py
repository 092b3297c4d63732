"""Restores the upper 32 bits of integers, which tfx_bsl's decoder of SequenceExamples drops.

The decoder keeps only the lower 32 bits of integers in feature lists. A time in milliseconds or a large number used as
a key becomes another number, without an error. TensorFlow's parser, which is also used in serving, keeps all bits.
Without this module, the values in training would differ from the values in serving.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct


def list_integer_features(schema: schema_pb2.Schema) -> list[str]:
    """Returns the names of the sequence features of a schema that are integers."""
    return [proto.name for proto in find_sequence_struct(schema).struct_domain.feature if proto.type == schema_pb2.INT]


def restore_integers(batch: pa.RecordBatch, records: list[bytes], names: list[str]) -> pa.RecordBatch:
    """Returns the batch with all 64 bits of its integers.

    Args:
      batch: The RecordBatch that tfx_bsl decoded from the records.
      records: The same records as serialized SequenceExamples.
      names: The names of the sequence features that are integers.
    """
    position = batch.schema.get_field_index(SEQUENCE)
    # If no record has feature lists, the batch has no column for them, and no integers in it.
    if not names or position < 0:
        return batch
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
    _, integers, _ = tf.io.parse_sequence_example(records, sequence_features=features)
    struct = batch.column(position)
    children = []
    for child_position, field in enumerate(struct.type):
        child = struct.field(child_position)
        if field.name in integers:
            child = _replace_values(child, integers[field.name].flat_values.numpy())
        children.append(child)
    columns = batch.columns
    columns[position] = _replace_children(struct, children)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _replace_values(array: pa.Array, values: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Array:
    """Returns (nested) lists with the lengths of `array` and the given flat values."""
    if not pa.types.is_large_list(array.type):
        return pa.array(values, array.type)
    return _replace_children(array, [_replace_values(array.values, values)])


def _replace_children(array: pa.Array, children: list[pa.Array]) -> pa.Array:
    """Returns a copy of a struct array or a list array with other children."""
    # The first buffer holds validity. A list has a second buffer for its offsets. All other buffers belong to children.
    num_buffers = 1 if pa.types.is_struct(array.type) else 2
    buffers = array.buffers()[:num_buffers]
    new_array = pa.Array.from_buffers(array.type, len(array), buffers, array.null_count, array.offset, children)
    new_array.validate()
    return new_array
