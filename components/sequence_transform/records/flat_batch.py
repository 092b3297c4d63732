"""Transformed RecordBatches in the columns that stock Transform writes as tf.Examples.

    ids     [[3, 4], []]        ->  ids$ragged_values      [[3, 4], []]
    chars   [[[5], [6, 7]], []] ->  chars$ragged_values    [[5, 6, 7], []]
                                    chars$row_lengths_1    [[1, 2], []]

Stock takes the statistics of the columns on the left, against the schema of those on the right.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.components.sequence_transform.records.record_batch import offsets_of


def to_flat(batch: pa.RecordBatch, schema: schema_pb2.Schema) -> pa.RecordBatch:
    """The columns that `schema`, the one that TFT inferred, tells of."""
    representations = schema.tensor_representation_group[""].tensor_representation
    columns: dict[str, pa.Array] = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name in representations and representations[name].HasField("ragged_tensor"):
            columns.update(_flat(column, representations[name].ragged_tensor))
        else:
            columns[name] = column
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _flat(column: pa.Array, ragged: schema_pb2.TensorRepresentation.RaggedTensor) -> dict[str, pa.Array]:
    columns = {}
    values, ends = column.flatten(), offsets_of(column)
    for partition in ragged.partition:
        if partition.row_length:
            inner = offsets_of(values)
            columns[partition.row_length] = pa.LargeListArray.from_arrays(ends, pa.array(np.diff(inner)))
            values, ends = values.flatten(), inner[ends]
    columns[ragged.feature_path.step[0]] = pa.LargeListArray.from_arrays(ends, values)
    return columns
