"""SequenceExamples with all 64 bits of their integers.

tfx_bsl's decoder keeps the lower 32 bits of integers in feature lists: a time in milliseconds, or a large number that
names a thing, comes out as another number, and silently. TensorFlow's parser keeps all of them, at serving too, so
without this a model would be trained on other values than it is served with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct


def integers_of(schema: schema_pb2.Schema) -> list[str]:
    """Names of the sequence features of a schema that are integers."""
    return [proto.name for proto in find_sequence_struct(schema).struct_domain.feature if proto.type == schema_pb2.INT]


def widen(batch: pa.RecordBatch, records: list[bytes], names: list[str]) -> pa.RecordBatch:
    """The batch with the integers that stand in the records.

    Args:
      batch: What tfx_bsl decoded of the records.
      records: Serialized SequenceExamples.
      names: The sequence features that are integers.
    """
    if not names:
        return batch
    features = {name: tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64) for name in names}
    parsed = tf.io.parse_sequence_example(records, sequence_features=features)[1]
    place = batch.schema.get_field_index(SEQUENCE)
    struct = batch.column(place)
    children = [
        _with_values(struct.field(number), parsed[field.name].flat_values.numpy())
        if field.name in parsed
        else struct.field(number)
        for number, field in enumerate(struct.type)
    ]
    columns = batch.columns
    columns[place] = _with_children(struct, children)
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _with_values(array: pa.Array, values: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Array:
    """The (nested) lists with other values, in the same places."""
    if not pa.types.is_large_list(array.type):
        return pa.array(values, array.type)
    return _with_children(array, [_with_values(array.values, values)])


def _with_children(array: pa.Array, children: list[pa.Array]) -> pa.Array:
    own = array.buffers()[: 1 if pa.types.is_struct(array.type) else 2]  # Validity, and the offsets of a list.
    made = pa.Array.from_buffers(array.type, len(array), own, array.null_count, array.offset, children)
    made.validate()
    return made
