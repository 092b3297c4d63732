"""Adds TensorRepresentations to a schema. They specify how TFXIO converts features of SequenceExamples to tensors."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import path_pb2, schema_pb2

from tfx_sequence.schemas.tfmd.feature import read_feature
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct, list_feature_protos


def add_representations(schema: schema_pb2.Schema) -> None:
    """Adds a representation under the name of each feature that does not have a representation yet.

    A context feature becomes a dense tensor `[B]` or `[B, width]`, or a sparse tensor if a spec cannot describe the
    feature. A sequence feature becomes a ragged tensor `[B, (T), (V)]`, with T steps per record and V values per step.
    """
    representations = schema.tensor_representation_group[""].tensor_representation
    sequence_names = {proto.name for proto in find_sequence_struct(schema).struct_domain.feature}
    for proto in list_feature_protos(schema):
        if proto.name not in representations:
            is_sequence = proto.name in sequence_names
            representation = _represent_sequence(proto.name) if is_sequence else _represent_context(proto)
            representations[proto.name].CopyFrom(representation)


def _represent_context(proto: schema_pb2.Feature) -> schema_pb2.TensorRepresentation:
    """Makes the representation of a context feature as a tensor `[B]` or `[B, width]`, or as a sparse tensor."""
    representation = schema_pb2.TensorRepresentation()
    feature = read_feature(proto, is_context=True)
    if feature is None:
        representation.varlen_sparse_tensor.column_name = proto.name
        return representation
    representation.dense_tensor.column_name = proto.name
    representation.dense_tensor.shape.SetInParent()  # A shape without dimensions means a single value.
    if feature.width is not None:
        representation.dense_tensor.shape.dim.add(size=feature.width)
    return representation


def _represent_sequence(name: str) -> schema_pb2.TensorRepresentation:
    """Makes the representation of a sequence feature as a ragged tensor `[B, (T), (V)]`."""
    representation = schema_pb2.TensorRepresentation()
    representation.ragged_tensor.feature_path.CopyFrom(path_pb2.Path(step=[SEQUENCE, name]))
    representation.ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    return representation
