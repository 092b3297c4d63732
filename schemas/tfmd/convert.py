"""Writes a `SequenceSpec` as a TensorFlow Metadata schema, and reads it back.

A schema holds everything that is in the spec. The components of TFX read types, presence, domains and bounds on lengths
(`value_counts`) from it. They also need a TensorRepresentation for each feature. Without these, Transform, DataAccessor
and TFXIO do not accept SequenceExamples. A schema has no fields for some parts of a spec, such as kind and role. These
are written as annotation tags, which TFX ignores.

In a schema of SequenceExamples, the struct feature `##SEQUENCE##` holds the sequence features. A sequence feature has
two `value_count`s: the first one bounds the steps per record, the second one the values per step::

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
"""The annotation tag of a schema that was written from a spec. It contains the version of the other tags."""

_FORMAT_PREFIX = "tfx_sequence:"
_LENGTH_DRIFT_PREFIX = "length_drift:"
_LENGTH_SKEW_PREFIX = "length_skew:"


def to_schema(spec: SequenceSpec) -> schema_pb2.Schema:
    """Makes the schema of a spec. The schema has no domains, because these are inferred from statistics later."""
    schema = schema_pb2.Schema()
    schema.annotation.tag.append(FORMAT_TAG)
    if spec.length_drift is not None:
        schema.annotation.tag.append(f"{_LENGTH_DRIFT_PREFIX}{spec.length_drift!r}")
    if spec.length_skew is not None:
        schema.annotation.tag.append(f"{_LENGTH_SKEW_PREFIX}{spec.length_skew!r}")
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
    """Adds a feature that has one value or one vector per record."""
    proto = schema.feature.add(name=name)
    write_feature(proto, feature)
    if feature.width is None:
        proto.shape.SetInParent()  # A shape without dimensions means a single value.
    else:
        proto.shape.dim.add(size=feature.width)


def _add_sequence_feature(struct: schema_pb2.Feature, name: str, feature: Feature, spec: SequenceSpec) -> None:
    """Adds a feature with bounds on the steps per record, and on the values per step."""
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


def add_undescribed(schema: schema_pb2.Schema, proto: schema_pb2.Feature, is_context: bool) -> None:
    """Adds a copy of a feature that a spec cannot describe, with a TensorRepresentation under its name.

    Args:
      schema: The schema to add the feature to.
      proto: The feature.
      is_context: Whether the feature is a context feature.
    """
    siblings = schema.feature if is_context else find_sequence_struct(schema).struct_domain.feature
    siblings.add().CopyFrom(proto)
    add_representations(schema)


def from_schema(schema: schema_pb2.Schema) -> SequenceSpec:
    """Reads the spec of a schema: `from_schema(to_schema(spec)) == spec`.

    A schema that was not written by this package, such as a schema of SchemaGen, has no tags. The spec is then inferred
    from the types: strings with a domain are categorical, other strings are tokens, and all features are inputs.
    Features that a spec cannot describe are left out. See `explain_undescribed`.

    Raises:
      SchemaError: if the schema has an unknown version, or no sequence feature that a spec can describe. Also if a
        feature has tags that are not valid, or if sequence features have different bounds on the length.
    """
    _check_version(schema)
    context_protos = [proto for proto in schema.feature if proto.name != SEQUENCE]
    sequence_protos = list(find_sequence_struct(schema).struct_domain.feature)
    context = _read_features(context_protos, is_context=True)
    sequence = _read_features(sequence_protos, is_context=False)
    if not sequence:
        raise _make_no_sequence_feature_error(sequence_protos)
    min_length, max_length = _merge_length_bounds([proto for proto in sequence_protos if proto.name in sequence])
    try:
        return SequenceSpec(
            features={**context, **sequence},
            min_length=min_length,
            max_length=max_length,
            length_drift=_find_tag(schema, _LENGTH_DRIFT_PREFIX),  # type: ignore[arg-type]  # the text of a number
            length_skew=_find_tag(schema, _LENGTH_SKEW_PREFIX),  # type: ignore[arg-type]
        )
    except pydantic.ValidationError as error:
        raise SchemaError(f"the schema does not describe sequences: {describe_validation_error(error)}") from error


def list_undescribed(schema: schema_pb2.Schema) -> dict[str, str]:
    """Returns the features of a schema that a spec cannot describe, which `from_schema` leaves out.

    Returns:
      The name of each such feature to the reason, such as "is missing from some records".

    Raises:
      SchemaError: if the schema has no sequence feature.
    """
    context = [(proto, True) for proto in schema.feature if proto.name != SEQUENCE]
    sequence = [(proto, False) for proto in find_sequence_struct(schema).struct_domain.feature]
    reasons = {proto.name: explain_undescribed(proto, is_context) for proto, is_context in (*context, *sequence)}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _read_features(protos: Sequence[schema_pb2.Feature], is_context: bool) -> dict[str, Feature]:
    """Reads the features that a spec can describe, by name."""
    features = {proto.name: read_feature(proto, is_context) for proto in protos}
    return {name: feature for name, feature in features.items() if feature is not None}


def _make_no_sequence_feature_error(protos: Sequence[schema_pb2.Feature]) -> SchemaError:
    """Makes the error that a spec cannot describe any of the sequence features."""
    reasons = "".join(f"; {proto.name!r} {explain_undescribed(proto, is_context=False)}" for proto in protos)
    return SchemaError(f"the schema has no sequence feature that a spec can describe{reasons}")


def _find_tag(schema: schema_pb2.Schema, prefix: str) -> str | None:
    """Finds the annotation tag with a prefix, and returns the rest of the tag."""
    return next((tag[len(prefix) :] for tag in schema.annotation.tag if tag.startswith(prefix)), None)


def _check_version(schema: schema_pb2.Schema) -> None:
    """Raises a SchemaError if the tags of the schema have another version than this package reads."""
    versions = [tag for tag in schema.annotation.tag if tag.startswith(_FORMAT_PREFIX)]
    if versions and versions != [FORMAT_TAG]:
        raise SchemaError(
            f"the schema is marked {versions[0]!r}, but this package reads {FORMAT_TAG!r}: it was written by a newer "
            "tfx-sequence; upgrade the package or write the schema again"
        )


def _merge_length_bounds(protos: Sequence[schema_pb2.Feature]) -> tuple[int, int | None]:
    """Returns the minimum and the maximum number of steps per record, for all sequence features together.

    In a schema with our tags, all features must have the same bounds. In other schemas, the bounds of each feature were
    inferred from data, and the widest bounds are used. A maximum of None means that there is no maximum.
    """
    bounds = {proto.name: read_length_bounds(proto) for proto in protos}
    if any(has_our_tags(proto) for proto in protos) and len(set(bounds.values())) > 1:
        listed_bounds = ", ".join(
            f"{name!r} from {low} to {high or 'any number'}" for name, (low, high) in bounds.items()
        )
        raise SchemaError(
            f"the schema gives its sequence features different bounds on their lengths ({listed_bounds}), but all of "
            "them have the record's length; give all of them the same in the first `value_count` of their "
            "`value_counts`"
        )
    minima, maxima = zip(*bounds.values(), strict=True)
    # If one feature has no maximum, the record has none. A maximum of 0 counts as none, because a spec forbids it.
    max_length = max(maximum or 0 for maximum in maxima) if all(maxima) else None
    return min(minima), max_length
