"""How the features of a schema become tensors, which TFXIO must be told for SequenceExamples."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import path_pb2, schema_pb2

from tfx_sequence.schemas.tfmd.feature import read_feature
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct, list_feature_protos


def add_representations(schema: schema_pb2.Schema) -> None:
    """Tells TFXIO how each feature becomes a tensor, under its plain name, where the schema does not say it yet.

    A context feature becomes a dense `[B]` (or `[B, width]`), one that a spec cannot describe a sparse tensor; a
    sequence feature becomes a ragged `[B, (T), (V)]`, V values in a step.
    """
    representations = schema.tensor_representation_group[""].tensor_representation
    steps = {proto.name for proto in find_sequence_struct(schema).struct_domain.feature}
    for proto in list_feature_protos(schema):
        if proto.name not in representations:
            representations[proto.name].CopyFrom(_ragged(proto.name) if proto.name in steps else _of_context(proto))


def _of_context(proto: schema_pb2.Feature) -> schema_pb2.TensorRepresentation:
    """A context feature as a tensor `[B]`, or `[B, width]`, or sparse."""
    representation = schema_pb2.TensorRepresentation()
    feature = read_feature(proto, context=True)
    if feature is None:
        representation.varlen_sparse_tensor.column_name = proto.name
        return representation
    representation.dense_tensor.column_name = proto.name
    representation.dense_tensor.shape.SetInParent()
    if feature.width is not None:
        representation.dense_tensor.shape.dim.add(size=feature.width)
    return representation


def _ragged(name: str) -> schema_pb2.TensorRepresentation:
    """A sequence feature as a ragged tensor `[B, (T), (V)]`, V values in a step."""
    representation = schema_pb2.TensorRepresentation()
    representation.ragged_tensor.feature_path.CopyFrom(path_pb2.Path(step=[SEQUENCE, name]))
    representation.ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    return representation
