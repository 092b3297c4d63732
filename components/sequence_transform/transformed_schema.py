"""Converts the flat schema that TFT infers for transformed data to the schema of the written SequenceExamples.

    TFT infers                                       written
    ids$ragged_values    feature, flat               ##SEQUENCE## { ids }   a feature list, with one step per id
    ids                  TensorRepresentation        ids                    TensorRepresentation of that feature list
    age                  feature                     age                    feature, in the context

In the schema that TFT infers, no feature is called `ids`, although the data has a column of that name. This is why
stock Transform reports the anomaly "New column" for every ragged output.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tensorflow_metadata.proto.v0 import path_pb2, schema_pb2

from tfx_sequence.components.sequence_transform.records.record_batch import SequenceLayout
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import FORMAT_TAG
from tfx_sequence.schemas.tfmd.feature import NESTED_TAG, FileSize, make_role_tags, note_vocabulary_size
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

_Ragged: TypeAlias = schema_pb2.TensorRepresentation.RaggedTensor


def find_layout(schema: schema_pb2.Schema) -> SequenceLayout:
    """Finds which tensors of a flat transformed schema are context and which are sequences."""
    context = []
    sequence = {}
    representations = schema.tensor_representation_group[""].tensor_representation
    # The features of which ragged tensors are made. They are not tensors themselves.
    ragged_sources = set()
    for name, representation in sorted(representations.items()):
        if not representation.HasField("ragged_tensor"):
            context.append(name)
            continue
        ragged = representation.ragged_tensor
        sequence[name] = _count_values_per_step(ragged)
        ragged_sources.add(ragged.feature_path.step[0])
        ragged_sources.update(part.row_length for part in ragged.partition if part.row_length)
    for proto in schema.feature:
        if proto.name not in representations and proto.name not in ragged_sources:
            context.append(proto.name)
    return SequenceLayout(tuple(sorted(context)), sequence)


def note_vocabularies(schema: schema_pb2.Schema, measure: Callable[[str], FileSize | None]) -> None:
    """Writes the sizes of vocabulary files to the features of ids in a flat transformed schema.

    Args:
      schema: The transformed schema as TFT infers it.
      measure: Returns the size of the vocabulary file of a tensor; None if the tensor has no vocabulary.
    """
    layout = find_layout(schema)
    representations = schema.tensor_representation_group[""].tensor_representation
    tensor_of_column = {name: name for name in layout.context}
    for name in layout.sequence:
        tensor_of_column[representations[name].ragged_tensor.feature_path.step[0]] = name
    for proto in schema.feature:
        if proto.name not in tensor_of_column or not proto.int_domain.is_categorical:
            continue
        size = measure(tensor_of_column[proto.name])
        if size is not None:
            note_vocabulary_size(proto, size)


def to_sequence_schema(schema: schema_pb2.Schema, spec: SequenceSpec | None) -> schema_pb2.Schema:
    """Returns the schema of the transformed SequenceExamples.

    Args:
      schema: The transformed schema as TFT infers it.
      spec: The features, with the limits on lengths after the transform. None if a spec cannot describe the features.
        An output with the name of a feature gets its role and its shift. Other outputs get the role `input`.

    Returns:
      A schema with the types and domains of `schema`, and the lengths, roles and shifts of `spec`. It has
      TensorRepresentations for the written SequenceExamples.
    """
    layout = find_layout(schema)
    new_schema = schema_pb2.Schema(string_domain=schema.string_domain)
    new_schema.annotation.tag.append(FORMAT_TAG)
    _add_context(new_schema, schema, layout, spec)
    if layout.sequence:
        _add_sequences(new_schema, schema, layout, spec)
    return new_schema


def _add_context(
    new_schema: schema_pb2.Schema, schema: schema_pb2.Schema, layout: SequenceLayout, spec: SequenceSpec | None
) -> None:
    """Adds the dense tensors of the flat `schema` to `new_schema`, as context features."""
    flat_features = {proto.name: proto for proto in schema.feature}
    representations = schema.tensor_representation_group[""].tensor_representation
    new_representations = new_schema.tensor_representation_group[""].tensor_representation
    for name in layout.context:
        proto = new_schema.feature.add()
        proto.CopyFrom(flat_features[name])
        proto.annotation.tag.extend(_make_tags(spec, name))
        if name in representations:
            new_representations[name].CopyFrom(representations[name])
        else:
            new_representations[name].dense_tensor.column_name = name
            new_representations[name].dense_tensor.shape.CopyFrom(proto.shape)


def _add_sequences(
    new_schema: schema_pb2.Schema, schema: schema_pb2.Schema, layout: SequenceLayout, spec: SequenceSpec | None
) -> None:
    """Adds the ragged tensors of the flat `schema` to `new_schema`, as feature lists."""
    flat_features = {proto.name: proto for proto in schema.feature}
    representations = schema.tensor_representation_group[""].tensor_representation
    new_representations = new_schema.tensor_representation_group[""].tensor_representation
    struct = new_schema.feature.add(name=SEQUENCE, type=schema_pb2.STRUCT)
    struct.value_count.min = struct.value_count.max = 1
    for name, width in layout.sequence.items():
        ragged = representations[name].ragged_tensor
        proto = struct.struct_domain.feature.add()
        proto.CopyFrom(flat_features[ragged.feature_path.step[0]])
        _describe_sequence(proto, name, width, _is_nested(ragged), spec)
        new_representations[name].ragged_tensor.feature_path.CopyFrom(path_pb2.Path(step=[SEQUENCE, name]))
        new_representations[name].ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64


def add_roles(schema: schema_pb2.Schema, spec: SequenceSpec | None) -> schema_pb2.Schema:
    """Adds roles and shifts to the flat schema of transformed tf.Examples, by the same rule as `to_sequence_schema`."""
    layout = find_layout(schema)
    new_schema = schema_pb2.Schema()
    new_schema.CopyFrom(schema)
    new_schema.annotation.tag.append(FORMAT_TAG)
    representations = schema.tensor_representation_group[""].tensor_representation
    feature_by_column = {name: name for name in layout.context}
    for name in layout.sequence:
        ragged = representations[name].ragged_tensor
        if not _is_nested(ragged):
            feature_by_column[ragged.feature_path.step[0]] = name
    for proto in new_schema.feature:
        if proto.name in feature_by_column:
            proto.annotation.tag.extend(_make_tags(spec, feature_by_column[proto.name]))
    return new_schema


def _describe_sequence(
    proto: schema_pb2.Feature, name: str, width: int, is_nested: bool, spec: SequenceSpec | None
) -> None:
    """Changes the name, the counts and the tags in the proto of a flat column to those of a feature list."""
    for field in ("shape", "value_count", "value_counts"):
        proto.ClearField(field)
    proto.name = name
    proto.presence.min_fraction = 1
    # The first count is the number of steps in a record. The second count is the number of values in a step.
    steps = proto.value_counts.value_count.add(min=0 if spec is None else spec.min_length)
    if spec is not None and spec.max_length is not None:
        steps.max = spec.max_length
    values = schema_pb2.ValueCount(min=0) if is_nested else schema_pb2.ValueCount(min=width, max=width)
    proto.value_counts.value_count.append(values)
    if not is_nested and (width == 1 or proto.type == schema_pb2.FLOAT):
        proto.annotation.tag.extend(_make_tags(spec, name))
    elif proto.type == schema_pb2.BYTES:
        # A spec can describe several strings in a step. No training input is made of them, so they are carried by
        # default. A spec cannot describe several ids in a step, so such ids get no role.
        proto.annotation.tag.extend([NESTED_TAG, *_make_tags(spec, name, "carried")])


def _count_values_per_step(ragged: _Ragged) -> int:
    """Returns the number of values of the flat column in a step: the product of the uniform inner dimensions."""
    width = 1
    for partition in ragged.partition:
        width *= partition.uniform_row_length or 1
    return width


def _is_nested(ragged: _Ragged) -> bool:
    """Returns whether the number of values may differ from step to step."""
    return any(part.row_length for part in ragged.partition)


def _make_tags(spec: SequenceSpec | None, name: str, default_role: str = "input") -> list[str]:
    """Makes the tags of the role and the shift of the feature `name`; of `default_role` if the spec has no feature."""
    if spec is None or name not in spec.features:
        return make_role_tags(default_role)
    feature = spec.features[name]
    return make_role_tags(feature.role, feature.shift)
