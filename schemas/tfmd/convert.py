"""Writes a `SequenceSpec` as a TensorFlow Metadata schema, and reads it back.

One `schema.pbtxt` carries everything. Stock TFX reads types, presence, domains, bounds on lengths (`value_counts`), and
TensorRepresentations under the features' plain names, without which Transform, DataAccessor and TFXIO refuse
SequenceExamples. What stock has no field for, such as kind and role, stands in annotation tags, which stock ignores.

In a schema of SequenceExamples one struct feature, `##SEQUENCE##`, holds the sequence features. Each of them nests two
levels, steps in a record and values in a step::

    feature { name: "sent_id" type: BYTES shape {} }
    feature { name: "##SEQUENCE##" type: STRUCT struct_domain {
        feature { name: "tokens" type: BYTES
                  value_counts { value_count { min: 1 } value_count { min: 1 max: 1 } } } } }
"""

from __future__ import annotations

from collections.abc import Sequence

import pydantic
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.spec import Feature, SequenceSpec, describe_validation_error
from tfx_sequence.schemas.tfmd.feature import (
    SchemaError,
    explain_undescribed,
    has_our_tags,
    read_feature,
    read_length_bounds,
    require_presence,
    write_feature,
)
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct
from tfx_sequence.schemas.tfmd.representations import add_representations

FORMAT_TAG = "tfx_sequence:1"
"""Marks a schema that carries a spec, and the version of its tags."""

_FORMAT_PREFIX = "tfx_sequence:"
_LENGTH_DRIFT_PREFIX = "length_drift:"
_LENGTH_SKEW_PREFIX = "length_skew:"


def to_schema(spec: SequenceSpec) -> schema_pb2.Schema:
    """Makes the schema of a spec. It has no domains: these are read off statistics."""
    schema = schema_pb2.Schema()
    schema.annotation.tag.append(FORMAT_TAG)
    for prefix, distance in ((_LENGTH_DRIFT_PREFIX, spec.length_drift), (_LENGTH_SKEW_PREFIX, spec.length_skew)):
        if distance is not None:
            schema.annotation.tag.append(f"{prefix}{distance!r}")
    for name, feature in spec.context.items():
        _add_context_feature(schema, name, feature)
    struct = schema.feature.add(name=SEQUENCE, type=schema_pb2.STRUCT)
    require_presence(struct)
    struct.value_count.min = struct.value_count.max = 1
    for name, feature in spec.sequence.items():
        _add_sequence_feature(struct, name, feature, spec)
    add_representations(schema)
    return schema


def _add_context_feature(schema: schema_pb2.Schema, name: str, feature: Feature) -> None:
    proto = schema.feature.add(name=name)
    write_feature(proto, feature)
    if feature.width is None:
        proto.shape.SetInParent()  # A shape without dimensions is that of one value.
    else:
        proto.shape.dim.add(size=feature.width)


def _add_sequence_feature(struct: schema_pb2.Feature, name: str, feature: Feature, spec: SequenceSpec) -> None:
    proto = struct.struct_domain.feature.add(name=name)
    write_feature(proto, feature)
    steps = proto.value_counts.value_count.add(min=spec.min_length)
    if spec.max_length is not None:
        steps.max = spec.max_length
    if feature.nested:
        proto.value_counts.value_count.add(min=0)
    else:
        width = feature.width or 1
        proto.value_counts.value_count.add(min=width, max=width)


def add_undescribed(schema: schema_pb2.Schema, proto: schema_pb2.Feature, context: bool) -> None:
    """Adds a feature that a spec cannot describe, as it is, with a TensorRepresentation under its plain name."""
    siblings = schema.feature if context else find_sequence_struct(schema).struct_domain.feature
    siblings.add().CopyFrom(proto)
    add_representations(schema)


def from_schema(schema: schema_pb2.Schema) -> SequenceSpec:
    """Reads the spec of a schema: `from_schema(to_schema(spec)) == spec`.

    Features without our tags, such as those of stock SchemaGen, are read by their types: strings with a domain are
    categorical, other strings are tokens, and everything is an input. What a spec cannot describe is left out, see
    `explain_undescribed`.

    Raises:
      SchemaError: if the schema has no sequence features, or is of another version than this package knows, or a
        feature of it cannot stand in a spec, or its sequence features do not have the same bounds on their lengths.
    """
    _check_version(schema)
    features: dict[str, Feature] = {}
    for proto in schema.feature:
        if proto.name != SEQUENCE and (feature := read_feature(proto, context=True)):
            features[proto.name] = feature
    described = []
    for proto in find_sequence_struct(schema).struct_domain.feature:
        if feature := read_feature(proto, context=False):
            features[proto.name] = feature
            described.append(proto)
    if not described:
        left_out = [
            (p.name, explain_undescribed(p, context=False)) for p in find_sequence_struct(schema).struct_domain.feature
        ]
        reasons = "".join(f"; {name!r} {why}" for name, why in left_out)
        raise SchemaError(f"the schema has no sequence feature that a spec can describe{reasons}")
    low, high = _merge_length_bounds(described)
    try:
        return SequenceSpec(
            features=features,
            min_length=low,
            max_length=high,
            length_drift=_find_tag(schema, _LENGTH_DRIFT_PREFIX),  # type: ignore[arg-type]  # the text of a number
            length_skew=_find_tag(schema, _LENGTH_SKEW_PREFIX),  # type: ignore[arg-type]
        )
    except pydantic.ValidationError as error:
        raise SchemaError(f"the schema does not describe sequences: {describe_validation_error(error)}") from error


def _find_tag(schema: schema_pb2.Schema, prefix: str) -> str | None:
    return next((tag[len(prefix) :] for tag in schema.annotation.tag if tag.startswith(prefix)), None)


def _check_version(schema: schema_pb2.Schema) -> None:
    versions = [tag for tag in schema.annotation.tag if tag.startswith(_FORMAT_PREFIX)]
    if versions and versions != [FORMAT_TAG]:
        raise SchemaError(
            f"the schema is marked {versions[0]!r}, but this package reads {FORMAT_TAG!r}: it was written by a newer "
            "tfx-sequence; upgrade the package or write the schema again"
        )


def _merge_length_bounds(protos: Sequence[schema_pb2.Feature]) -> tuple[int, int | None]:
    """Returns the fewest and the most steps of a record.

    Bounds that somebody wrote must agree. Those that were inferred from the data of each feature are merged.
    """
    bounds = {proto.name: read_length_bounds(proto) for proto in protos}
    if any(has_our_tags(proto) for proto in protos) and len(set(bounds.values())) > 1:
        given = ", ".join(f"{name!r} from {low} to {high or 'any number'}" for name, (low, high) in bounds.items())
        raise SchemaError(
            f"the schema gives its sequence features different bounds on their lengths ({given}), but all of them have "
            "the record's length; give all of them the same in the first `value_count` of their `value_counts`"
        )
    lows, highs = zip(*bounds.values(), strict=True)
    return min(lows), max(high for high in highs if high) if all(highs) else None
