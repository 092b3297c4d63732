"""Converts transformed RecordBatches to the columns that stock Transform writes as tf.Examples.

    ids     [[3, 4], []]        ->  ids$ragged_values      [[3, 4], []]
    chars   [[[5], [6, 7]], []] ->  chars$ragged_values    [[5, 6, 7], []]
                                    chars$row_lengths_1    [[1, 2], []]

Stock Transform computes its statistics from the columns on the left, but compares them with the schema of the columns
on the right.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.components.sequence_transform.records.record_batch import find_offsets


def to_flat_batch(batch: pa.RecordBatch, schema: schema_pb2.Schema) -> pa.RecordBatch:
    """Returns the batch with the columns of `schema`, which is the transformed schema as TFT infers it."""
    representations = schema.tensor_representation_group[""].tensor_representation
    columns: dict[str, pa.Array] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in representations and representations[name].HasField("ragged_tensor"):
            columns.update(_flatten_column(column, representations[name].ragged_tensor))
        else:
            columns[name] = column
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _flatten_column(column: pa.Array, ragged: schema_pb2.TensorRepresentation.RaggedTensor) -> dict[str, pa.Array]:
    """Returns the column of flat values of a ragged tensor, and a column of row lengths per inner ragged dimension."""
    columns = {}
    values = column.flatten()
    offsets = find_offsets(column)
    for partition in ragged.partition:
        if partition.row_length:
            inner_offsets = find_offsets(values)
            row_lengths = pa.array(np.diff(inner_offsets))
            columns[partition.row_length] = pa.LargeListArray.from_arrays(offsets, row_lengths)
            values = values.flatten()
            offsets = inner_offsets[offsets]
    columns[ragged.feature_path.step[0]] = pa.LargeListArray.from_arrays(offsets, values)
    return columns
