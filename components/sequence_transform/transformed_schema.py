"""The transformed schema, from the flat form that TFT infers to the form of the SequenceExamples that are written.

TFT describes a ragged output `ids` as a flat feature `ids$ragged_values` with a TensorRepresentation `ids`; no data
column has that name, which is why stock Transform reports a "New column" for every ragged output.
"""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import path_pb2, schema_pb2

from tfx_sequence.components.sequence_transform.records.record_batch import SequenceLayout
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import FORMAT_TAG
from tfx_sequence.schemas.tfmd.feature import NESTED_TAG, make_role_tag
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


def find_layout(schema: schema_pb2.Schema) -> SequenceLayout:
    """Which tensors of a flat transformed schema are context and which are sequences."""
    context, sequence = [], {}
    representations = schema.tensor_representation_group[""].tensor_representation
    ragged_sources = set()
    for name, representation in sorted(representations.items()):
        if representation.HasField("ragged_tensor"):
            width = 1
            for partition in representation.ragged_tensor.partition:
                width *= partition.uniform_row_length or 1
            sequence[name] = width
            path = representation.ragged_tensor.feature_path.step
            lengths = [part.row_length for part in representation.ragged_tensor.partition if part.row_length]
            ragged_sources.update([path[0], *lengths])
        else:
            context.append(name)
    context.extend(
        proto.name for proto in schema.feature if proto.name not in representations and proto.name not in ragged_sources
    )
    return SequenceLayout(tuple(sorted(context)), sequence)


def to_sequence_schema(schema: schema_pb2.Schema, spec: SequenceSpec | None) -> schema_pb2.Schema:
    """The schema of the transformed SequenceExamples.

    Args:
      schema: What TFT inferred.
      spec: The features, with the bounds on lengths that hold after the transform; an output of a feature's name has
        its role, others are inputs. None if a spec cannot describe them.

    Returns:
      Types and domains as in `schema`, lengths and roles as in `spec`, TensorRepresentations for what is written.
    """
    layout = find_layout(schema)
    flat = {proto.name: proto for proto in schema.feature}
    representations = schema.tensor_representation_group[""].tensor_representation
    out = schema_pb2.Schema(string_domain=schema.string_domain)
    out.annotation.tag.append(FORMAT_TAG)
    group = out.tensor_representation_group[""].tensor_representation
    for name in layout.context:
        proto = out.feature.add()
        proto.CopyFrom(flat[name])
        proto.annotation.tag.append(make_role_tag(_role(spec, name)))
        if name in representations:
            group[name].CopyFrom(representations[name])
        else:
            group[name].dense_tensor.column_name = name
            group[name].dense_tensor.shape.CopyFrom(proto.shape)
    if not layout.sequence:
        return out
    struct = out.feature.add(name=SEQUENCE, type=schema_pb2.STRUCT)
    struct.value_count.min = struct.value_count.max = 1
    for name, width in layout.sequence.items():
        ragged = representations[name].ragged_tensor
        proto = struct.struct_domain.feature.add()
        proto.CopyFrom(flat[ragged.feature_path.step[0]])
        for field in ("shape", "value_count", "value_counts"):
            proto.ClearField(field)
        proto.name = name
        proto.presence.min_fraction = 1
        _add_counts(proto, spec)
        nested = any(part.row_length for part in ragged.partition)
        counts = schema_pb2.ValueCount(min=0) if nested else schema_pb2.ValueCount(min=width, max=width)
        proto.value_counts.value_count.append(counts)
        if not nested and (width == 1 or proto.type == schema_pb2.FLOAT):
            proto.annotation.tag.append(make_role_tag(_role(spec, name)))
        elif proto.type == schema_pb2.BYTES:
            # Several ids in a step are no feature of a spec, so they have no role. Strings are, which nothing uses.
            proto.annotation.tag.extend([NESTED_TAG, make_role_tag(_role(spec, name, "carried"))])
        group[name].ragged_tensor.feature_path.CopyFrom(path_pb2.Path(step=[SEQUENCE, name]))
        group[name].ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    return out


def add_roles(schema: schema_pb2.Schema, spec: SequenceSpec | None) -> schema_pb2.Schema:
    """The schema of transformed tf.Examples, `schema` as TFT inferred it, with the roles of `to_sequence_schema`."""
    layout = find_layout(schema)
    out = schema_pb2.Schema()
    out.CopyFrom(schema)
    out.annotation.tag.append(FORMAT_TAG)
    representations = schema.tensor_representation_group[""].tensor_representation
    columns = {name: name for name in layout.context}
    for name in layout.sequence:
        ragged = representations[name].ragged_tensor
        if not any(part.row_length for part in ragged.partition):
            columns[ragged.feature_path.step[0]] = name
    for proto in out.feature:
        if proto.name in columns:
            proto.annotation.tag.append(make_role_tag(_role(spec, columns[proto.name])))
    return out


def _add_counts(proto: schema_pb2.Feature, spec: SequenceSpec | None) -> None:
    steps = proto.value_counts.value_count.add(min=0 if spec is None else spec.min_length)
    if spec is not None and spec.max_length is not None:
        steps.max = spec.max_length


def _role(spec: SequenceSpec | None, name: str, other: str = "input") -> str:
    """The role of the feature of that name, `other` if there is none."""
    return spec.features[name].role if spec is not None and name in spec.features else other
