"""Converts the transformed schema that TFT infers, which is flat, to the schema of the SequenceExamples written.

    TFT infers                                       written
    ids$ragged_values    feature, flat               ##SEQUENCE## { ids }   a feature list, a step for each id
    ids                  TensorRepresentation        ids                    TensorRepresentation of that feature list
    age                  feature                     age                    feature, in the context

No data column is called `ids`, which is why stock Transform reports a "New column" for every ragged output.
"""

from __future__ import annotations

from typing import TypeAlias

from tensorflow_metadata.proto.v0 import path_pb2, schema_pb2

from tfx_sequence.components.sequence_transform.records.record_batch import SequenceLayout
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import FORMAT_TAG
from tfx_sequence.schemas.tfmd.feature import NESTED_TAG, make_role_tag
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

_Ragged: TypeAlias = schema_pb2.TensorRepresentation.RaggedTensor


def find_layout(schema: schema_pb2.Schema) -> SequenceLayout:
    """Tells which tensors of a flat transformed schema are context and which are sequences."""
    context, sequence = [], {}
    representations = schema.tensor_representation_group[""].tensor_representation
    ragged_sources = set()
    for name, representation in sorted(representations.items()):
        if not representation.HasField("ragged_tensor"):
            context.append(name)
            continue
        ragged = representation.ragged_tensor
        sequence[name] = _values_per_step(ragged)
        ragged_sources.add(ragged.feature_path.step[0])
        ragged_sources.update(part.row_length for part in ragged.partition if part.row_length)
    context.extend(
        proto.name for proto in schema.feature if proto.name not in representations and proto.name not in ragged_sources
    )
    return SequenceLayout(tuple(sorted(context)), sequence)


def to_sequence_schema(schema: schema_pb2.Schema, spec: SequenceSpec | None) -> schema_pb2.Schema:
    """Returns the schema of the transformed SequenceExamples.

    Args:
      schema: The schema as TFT infers it.
      spec: The features, with the bounds on lengths that hold after the transform. An output that has the name of a
        feature gets its role, others are inputs. None if a spec cannot describe them.

    Returns:
      Types and domains as in `schema`, lengths and roles as in `spec`, TensorRepresentations for what is written.
    """
    layout = find_layout(schema)
    flat_features = {proto.name: proto for proto in schema.feature}
    representations = schema.tensor_representation_group[""].tensor_representation
    out = schema_pb2.Schema(string_domain=schema.string_domain)
    out.annotation.tag.append(FORMAT_TAG)
    out_representations = out.tensor_representation_group[""].tensor_representation
    for name in layout.context:
        proto = out.feature.add()
        proto.CopyFrom(flat_features[name])
        proto.annotation.tag.append(make_role_tag(_find_role(spec, name)))
        if name in representations:
            out_representations[name].CopyFrom(representations[name])
        else:
            out_representations[name].dense_tensor.column_name = name
            out_representations[name].dense_tensor.shape.CopyFrom(proto.shape)
    if not layout.sequence:
        return out
    struct = out.feature.add(name=SEQUENCE, type=schema_pb2.STRUCT)
    struct.value_count.min = struct.value_count.max = 1
    for name, width in layout.sequence.items():
        ragged = representations[name].ragged_tensor
        proto = struct.struct_domain.feature.add()
        proto.CopyFrom(flat_features[ragged.feature_path.step[0]])
        _describe_sequence(proto, name, width, _is_nested(ragged), spec)
        out_representations[name].ragged_tensor.feature_path.CopyFrom(path_pb2.Path(step=[SEQUENCE, name]))
        out_representations[name].ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
    return out


def add_roles(schema: schema_pb2.Schema, spec: SequenceSpec | None) -> schema_pb2.Schema:
    """Returns the flat schema of transformed tf.Examples, as TFT infers it, with the roles of `to_sequence_schema`."""
    layout = find_layout(schema)
    out = schema_pb2.Schema()
    out.CopyFrom(schema)
    out.annotation.tag.append(FORMAT_TAG)
    representations = schema.tensor_representation_group[""].tensor_representation
    name_of_column = {name: name for name in layout.context}
    for name in layout.sequence:
        ragged = representations[name].ragged_tensor
        if not _is_nested(ragged):
            name_of_column[ragged.feature_path.step[0]] = name
    for proto in out.feature:
        if proto.name in name_of_column:
            proto.annotation.tag.append(make_role_tag(_find_role(spec, name_of_column[proto.name])))
    return out


def _describe_sequence(
    proto: schema_pb2.Feature, name: str, width: int, is_nested: bool, spec: SequenceSpec | None
) -> None:
    """Turns the feature of a flat column into that of a feature list: its name, its counts and its role."""
    for field in ("shape", "value_count", "value_counts"):
        proto.ClearField(field)
    proto.name = name
    proto.presence.min_fraction = 1
    # The first count is that of steps in a record, the second that of values in a step.
    steps = proto.value_counts.value_count.add(min=0 if spec is None else spec.min_length)
    if spec is not None and spec.max_length is not None:
        steps.max = spec.max_length
    values = schema_pb2.ValueCount(min=0) if is_nested else schema_pb2.ValueCount(min=width, max=width)
    proto.value_counts.value_count.append(values)
    if not is_nested and (width == 1 or proto.type == schema_pb2.FLOAT):
        proto.annotation.tag.append(make_role_tag(_find_role(spec, name)))
    elif proto.type == schema_pb2.BYTES:
        # A spec can describe several strings in a step, which nothing uses here, and not several ids, which thus have
        # no role.
        proto.annotation.tag.extend([NESTED_TAG, make_role_tag(_find_role(spec, name, "carried"))])


def _values_per_step(ragged: _Ragged) -> int:
    """Returns how many values of the flat column make a step: the product of the uniform inner dimensions."""
    width = 1
    for partition in ragged.partition:
        width *= partition.uniform_row_length or 1
    return width


def _is_nested(ragged: _Ragged) -> bool:
    """Whether each step has a number of values of its own."""
    return any(part.row_length for part in ragged.partition)


def _find_role(spec: SequenceSpec | None, name: str, default: str = "input") -> str:
    """Returns the role of the feature of that name, or `default` if there is none."""
    return spec.features[name].role if spec is not None and name in spec.features else default
