"""Writes one feature of a spec as one feature of a TensorFlow Metadata schema, and reads it back.

Type, presence and comparators stand in the fields that stock TFX reads. Kind, role, nested, missing, spans and source
have no field in stock, and stand in annotation tags, which stock ignores::

    annotation { tag: "kind:categorical" tag: "role:label" tag: "spans:BIO" }
"""

from __future__ import annotations

import math
import re
from typing import get_args

import pydantic
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.spec import NAME_PATTERN, DType, Feature, Kind, Role, describe_validation_error

_KIND_PREFIX = "kind:"
_ROLE_PREFIX = "role:"
_SOURCE_PREFIX = "source:"
_SPANS_PREFIX = "spans:"
_DIVERGENCE = "jensen_shannon_divergence"

NESTED_TAG = "nested"
"""The annotation tag of a feature with any number of values in a step."""

_MISSING_TAG = "missing"

TYPES: dict[DType, int] = {"string": schema_pb2.BYTES, "int64": schema_pb2.INT, "float32": schema_pb2.FLOAT}
"""The type in a schema of each type in a spec."""


class SchemaError(ValueError):
    """A schema that does not describe sequences."""


class ContradictionError(SchemaError):
    """Data that contradicts a spec."""


def write_feature(proto: schema_pb2.Feature, feature: Feature) -> None:
    """Writes a feature of a spec into `proto`, but for the number of values."""
    proto.type = TYPES[feature.dtype]
    require_presence(proto)
    proto.annotation.tag.extend([_KIND_PREFIX + feature.kind, make_role_tag(feature.role)])
    measure = "infinity_norm" if feature.dtype == "string" else _DIVERGENCE
    for comparator, distance in ((proto.drift_comparator, feature.drift), (proto.skew_comparator, feature.skew)):
        if distance is not None:
            getattr(comparator, measure).threshold = distance
    if feature.nested:
        proto.annotation.tag.append(NESTED_TAG)
    if feature.missing:
        proto.annotation.tag.append(_MISSING_TAG)
    if feature.spans is not None:
        proto.annotation.tag.append(_SPANS_PREFIX + feature.spans)
    if feature.source is not None:
        proto.annotation.tag.append(_SOURCE_PREFIX + feature.source)


def require_presence(proto: schema_pb2.Feature) -> None:
    """Writes that every record has the feature."""
    proto.presence.min_fraction = 1.0
    proto.presence.min_count = 1


def read_feature(proto: schema_pb2.Feature, context: bool) -> Feature | None:
    """Reads one feature of a schema; None if a spec cannot describe it, see `explain_undescribed`.

    Raises:
      SchemaError: if the feature's tags or its types are not those of a spec's features.
    """
    if explain_undescribed(proto, context) is not None:
        return None
    fewest, most = _read_value_bounds(proto, context)
    width = most if fewest == most else None
    kind = _find_tag(proto, _KIND_PREFIX) or _infer_kind(proto, width)
    role = _find_tag(proto, _ROLE_PREFIX) or "input"
    for what, value, known in (("kind", kind, get_args(Kind)), ("role", role, get_args(Role))):
        if value not in known:
            raise SchemaError(f"feature {proto.name!r} of the schema has the {what} {value!r}; known are {known}")
    try:
        feature = Feature(
            kind=kind,  # type: ignore[arg-type]  # checked above
            role=role,  # type: ignore[arg-type]
            context=context,
            width=width if kind == "vector" else None,
            nested=_is_nested(proto, context),
            missing=_MISSING_TAG in proto.annotation.tag,
            spans=_find_tag(proto, _SPANS_PREFIX),  # Refused below if unknown.
            drift=_read_threshold(proto.drift_comparator),
            skew=_read_threshold(proto.skew_comparator),
            source=_find_tag(proto, _SOURCE_PREFIX),
        )
    except pydantic.ValidationError as error:
        raise SchemaError(f"feature {proto.name!r} of the schema: {describe_validation_error(error)}") from error
    if TYPES[feature.dtype] != proto.type:
        given, expected = (schema_pb2.FeatureType.Name(number) for number in (proto.type, TYPES[feature.dtype]))
        raise SchemaError(
            f"feature {proto.name!r} of the schema has the type {given}, but the kind {kind!r}, which is {expected}"
        )
    return feature


def explain_undescribed(proto: schema_pb2.Feature, context: bool) -> str | None:
    """Says why a spec cannot describe `proto`, as the end of a sentence; None if it can.

    A spec's features have a value in every record, and one value (or one vector of floats, or any number of strings)
    in every step. Data that others made has more than that, and such features are left to tools that can use them.
    """
    if has_our_tags(proto):
        return None
    if not re.fullmatch(NAME_PATTERN, proto.name):
        return "has a name with a space, or one of / # $"
    if proto.type not in TYPES.values():
        return f"is of the type {schema_pb2.FeatureType.Name(proto.type)}"
    if proto.presence.min_fraction < 1:
        return "is missing from some records"
    fewest, most = _read_value_bounds(proto, context)
    one = most == 1 or (fewest == most and proto.type == schema_pb2.FLOAT)
    if not one and not _is_nested(proto, context):
        return f"does not hold one value in every {'record' if context else 'step'}"
    return None


def make_role_tag(role: str) -> str:
    """Returns the annotation tag of a role."""
    return _ROLE_PREFIX + role


def find_role(proto: schema_pb2.Feature) -> str | None:
    """Finds the role in the feature's tags."""
    return _find_tag(proto, _ROLE_PREFIX)


def find_span_scheme(proto: schema_pb2.Feature) -> str | None:
    """Finds the scheme of spans in the feature's tags."""
    return _find_tag(proto, _SPANS_PREFIX)


def read_length_bounds(proto: schema_pb2.Feature) -> tuple[int, int | None]:
    """Reads the fewest and the most steps, which are a shape where TFDV saw the same number in all records."""
    if proto.shape.dim:
        return proto.shape.dim[0].size, proto.shape.dim[0].size
    counts = proto.value_counts.value_count
    return (counts[0].min, counts[0].max or None) if counts else (1, None)


def has_our_tags(proto: schema_pb2.Feature) -> bool:
    """Says whether the feature carries our tags."""
    return find_role(proto) is not None


def _find_tag(proto: schema_pb2.Feature, prefix: str) -> str | None:
    return next((tag[len(prefix) :] for tag in proto.annotation.tag if tag.startswith(prefix)), None)


def _read_threshold(comparator: schema_pb2.FeatureComparator) -> float | None:
    for measure in ("infinity_norm", _DIVERGENCE):
        if getattr(comparator, measure).HasField("threshold"):
            return float(getattr(comparator, measure).threshold)
    return None


def _is_nested(proto: schema_pb2.Feature, context: bool) -> bool:
    """Says whether a step may hold any number of values: ours are tagged, others are strings, several in some step."""
    if has_our_tags(proto):
        return NESTED_TAG in proto.annotation.tag
    return not context and proto.type == schema_pb2.BYTES and _read_value_bounds(proto, context)[1] != 1


def _read_value_bounds(proto: schema_pb2.Feature, context: bool) -> tuple[int, int | None]:
    """Reads the fewest and the most values in a step, or in the record for a context feature; None is no bound."""
    if proto.HasField("shape"):
        size = math.prod(dim.size for dim in proto.shape.dim[0 if context else 1 :])
        return size, size
    if context:
        return (proto.value_count.min, proto.value_count.max or None) if proto.HasField("value_count") else (1, 1)
    counts = proto.value_counts.value_count
    return (counts[-1].min, counts[-1].max or None) if len(counts) > 1 else (1, 1)


def _infer_kind(proto: schema_pb2.Feature, width: int | None) -> str:
    if proto.type == schema_pb2.BYTES:
        return "categorical" if proto.HasField("domain") or proto.HasField("string_domain") else "token"
    if proto.type == schema_pb2.INT:
        return "integer"
    return "vector" if width is not None and width > 1 else "float"
