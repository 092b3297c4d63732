"""A `SequenceSpec` as a TensorFlow Metadata schema, and back.

One `schema.pbtxt` carries everything: what stock TFX reads (types, presence, domains, the bounds on lengths as
`value_counts`, and TensorRepresentations under the features' plain names, without which Transform, DataAccessor and
TFXIO refuse SequenceExamples), and what stock has no field for (kind and role), as annotation tags that stock ignores.

SequenceExamples stand in a schema as one struct feature, `##SEQUENCE##`, that holds the sequence features; each of
them nests two levels: steps in a record, values in a step.
"""

from __future__ import annotations

from typing import get_args

import pydantic
from tensorflow_metadata.proto.v0 import path_pb2, schema_pb2

from tfx_sequence.schemas.spec import DType, Feature, Kind, Role, SequenceSpec

SEQUENCE = "##SEQUENCE##"
"""The name that TFXIO gives to the struct of all feature lists."""

FORMAT_TAG = "tfx_sequence:1"
"""Marks a schema that carries a spec, and the version of its tags."""

_FORMAT_PREFIX, _KIND_PREFIX, _ROLE_PREFIX, _SOURCE_PREFIX = "tfx_sequence:", "kind:", "role:", "source:"

_TYPES: dict[DType, int] = {"string": schema_pb2.BYTES, "int64": schema_pb2.INT, "float32": schema_pb2.FLOAT}


class SchemaError(ValueError):
    """A schema that cannot be read as one of sequences."""


def to_schema(spec: SequenceSpec) -> schema_pb2.Schema:
    """The schema that says what `spec` says; domains are for statistics to add."""
    schema = schema_pb2.Schema()
    schema.annotation.tag.append(FORMAT_TAG)
    for name, feature in spec.context.items():
        proto = schema.feature.add(name=name)
        _describe(proto, feature)
        if feature.width is None:
            proto.shape.SetInParent()
        else:
            proto.shape.dim.add(size=feature.width)
    struct = schema.feature.add(name=SEQUENCE, type=schema_pb2.STRUCT)
    _require(struct)
    struct.value_count.min = struct.value_count.max = 1
    for name, feature in spec.sequence.items():
        proto = struct.struct_domain.feature.add(name=name)
        _describe(proto, feature)
        steps = proto.value_counts.value_count.add(min=spec.min_length)
        if spec.max_length is not None:
            steps.max = spec.max_length
        proto.value_counts.value_count.add(min=feature.width or 1, max=feature.width or 1)
    add_tensor_representations(schema, spec)
    return schema


def add_tensor_representations(schema: schema_pb2.Schema, spec: SequenceSpec) -> None:
    """Tells TFXIO how each feature becomes a tensor, under its plain name.

    A context feature becomes a dense `[B]` (or `[B, width]`); a sequence feature a ragged `[B, (T), (V)]`, V values
    in a step. What stands under the same names in the default group is replaced.
    """
    representations = schema.tensor_representation_group[""].tensor_representation
    for name, feature in spec.features.items():
        representation = schema_pb2.TensorRepresentation()
        if feature.context:
            representation.dense_tensor.column_name = name
            representation.dense_tensor.shape.SetInParent()
            if feature.width is not None:
                representation.dense_tensor.shape.dim.add(size=feature.width)
        else:
            path = path_pb2.Path(step=[SEQUENCE, name])
            representation.ragged_tensor.feature_path.CopyFrom(path)
            representation.ragged_tensor.row_partition_dtype = schema_pb2.TensorRepresentation.INT64
        representations[name].CopyFrom(representation)


def from_schema(schema: schema_pb2.Schema) -> SequenceSpec:
    """The spec of a schema: `from_schema(to_schema(spec)) == spec`.

    A schema without our tags, such as stock SchemaGen's, is read by its types: strings with a domain are categorical,
    other strings are tokens, everything is an input.

    Raises:
      SchemaError: if the schema has no sequence features, or is of a newer version than this package knows, or a
        feature of it cannot stand in a spec.
    """
    versions = [tag for tag in schema.annotation.tag if tag.startswith(_FORMAT_PREFIX)]
    if versions and versions != [FORMAT_TAG]:
        raise SchemaError(
            f"the schema is marked {versions[0]!r}, but this package reads {FORMAT_TAG!r}: it was written by a newer "
            "tfx-sequence; upgrade the package or write the schema again"
        )
    struct = sequence_struct(schema)
    features: dict[str, Feature] = {}
    for proto in schema.feature:
        if proto.name != SEQUENCE:
            features[proto.name] = _read(proto, context=True)
    lengths = schema_pb2.ValueCount(min=1)
    for proto in struct.struct_domain.feature:
        features[proto.name] = _read(proto, context=False)
        if proto.value_counts.value_count:
            lengths = proto.value_counts.value_count[0]
    return SequenceSpec(features=features, min_length=lengths.min, max_length=lengths.max or None)


def sequence_struct(schema: schema_pb2.Schema) -> schema_pb2.Feature:
    """The struct feature that holds the sequence features.

    Raises:
      SchemaError: if there is none.
    """
    for proto in schema.feature:
        if proto.name == SEQUENCE:
            return proto
    raise SchemaError(
        f"the schema has no {SEQUENCE!r} feature, so it does not describe tf.SequenceExamples; its features are "
        f"{[proto.name for proto in schema.feature][:10]}"
    )


def role_tag(role: str) -> str:
    """The annotation tag that says what a feature is for."""
    return _ROLE_PREFIX + role


def domain_values(schema: schema_pb2.Schema, proto: schema_pb2.Feature) -> list[str] | None:
    """The closed set of values of a string feature, in the schema's order; None if it is open."""
    if proto.HasField("string_domain"):
        return list(proto.string_domain.value)
    if proto.HasField("domain"):
        return next(list(domain.value) for domain in schema.string_domain if domain.name == proto.domain)
    return None


def _describe(proto: schema_pb2.Feature, feature: Feature) -> None:
    proto.type = _TYPES[feature.dtype]
    _require(proto)
    proto.annotation.tag.extend([_KIND_PREFIX + feature.kind, role_tag(feature.role)])
    if feature.source is not None:
        proto.annotation.tag.append(_SOURCE_PREFIX + feature.source)


def _require(proto: schema_pb2.Feature) -> None:
    proto.presence.min_fraction = 1.0
    proto.presence.min_count = 1


def _read(proto: schema_pb2.Feature, context: bool) -> Feature:
    width = _width(proto, context)
    kind = _tagged(proto, _KIND_PREFIX) or _kind_by_type(proto, width)
    role = _tagged(proto, _ROLE_PREFIX) or "input"
    for what, value, known in (("kind", kind, get_args(Kind)), ("role", role, get_args(Role))):
        if value not in known:
            raise SchemaError(f"feature {proto.name!r} of the schema has the {what} {value!r}; known are {known}")
    try:
        return Feature(
            kind=kind,  # type: ignore[arg-type]  # checked above
            role=role,  # type: ignore[arg-type]
            context=context,
            width=width if kind == "vector" else None,
            source=_tagged(proto, _SOURCE_PREFIX),
        )
    except pydantic.ValidationError as error:
        raise SchemaError(f"feature {proto.name!r} of the schema: {error.errors()[0]['msg']}") from error


def _tagged(proto: schema_pb2.Feature, prefix: str) -> str | None:
    return next((tag[len(prefix) :] for tag in proto.annotation.tag if tag.startswith(prefix)), None)


def _width(proto: schema_pb2.Feature, context: bool) -> int | None:
    if context:
        return proto.shape.dim[0].size if proto.shape.dim else None
    counts = proto.value_counts.value_count
    return counts[1].max if len(counts) == 2 and counts[1].min == counts[1].max else None


def _kind_by_type(proto: schema_pb2.Feature, width: int | None) -> str:
    if proto.type == schema_pb2.BYTES:
        return "categorical" if proto.HasField("domain") or proto.HasField("string_domain") else "token"
    if proto.type == schema_pb2.INT:
        return "integer"
    return "vector" if width is not None and width > 1 else "float"
