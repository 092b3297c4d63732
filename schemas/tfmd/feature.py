"""Writes one feature of a spec as one feature of a TensorFlow Metadata schema, and reads it back.

The type, the presence, and the comparators for drift and skew are written to the fields that TFX reads. A schema has no
fields for kind, role, nested, missing, shift, spans, source and names. They become annotation tags, which TFX ignores::

    annotation { tag: "kind:categorical" tag: "role:label" tag: "spans:BIO" }

SequenceSchemaGen adds the tag `inferred` to features that its spec does not name, because their kind is a guess.

The transform adds the size of a feature's vocabulary file as a tag too, so that a file that was cut is noticed::

    annotation { tag: "vocabulary:120 lines, 1033 bytes" }
"""

from __future__ import annotations

import json
import math
import re
from typing import NamedTuple, get_args

import pydantic
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.spec import NAME_PATTERN, DType, Feature, Kind, Role, Shift, describe_validation_error

_KIND_PREFIX = "kind:"
_NAMES_PREFIX = "names:"
_ROLE_PREFIX = "role:"
_SHIFT_PREFIX = "shift:"
_SOURCE_PREFIX = "source:"
_SPANS_PREFIX = "spans:"
_VOCABULARY_PREFIX = "vocabulary:"
_INFINITY_NORM = "infinity_norm"
_DIVERGENCE = "jensen_shannon_divergence"

NESTED_TAG = "nested"
"""The annotation tag of a nested feature, which has any number of values per step."""

_MISSING_TAG = "missing"

_INFERRED_TAG = "inferred"
"""The annotation tag of a feature whose kind and role were inferred from statistics alone."""

TYPES: dict[DType, int] = {"string": schema_pb2.BYTES, "int64": schema_pb2.INT, "float32": schema_pb2.FLOAT}
"""Maps the type of a feature in a spec to its type in a schema."""


class FileSize(NamedTuple):
    """The size of a vocabulary file.

    Attributes:
      lines: The number of lines.
      num_bytes: The number of bytes.
    """

    lines: int
    num_bytes: int


class SchemaError(ValueError):
    """Raised if a schema does not describe sequences."""


class ContradictionError(SchemaError):
    """Raised if data contradicts a spec."""


def write_feature(proto: schema_pb2.Feature, feature: Feature) -> None:
    """Writes a feature of a spec to `proto`, except for the number of values."""
    proto.type = TYPES[feature.dtype]
    require_presence(proto)
    proto.annotation.tag.extend([_KIND_PREFIX + feature.kind, *make_role_tags(feature.role, feature.shift)])
    distance = _INFINITY_NORM if feature.dtype == "string" else _DIVERGENCE
    if feature.drift is not None:
        getattr(proto.drift_comparator, distance).threshold = feature.drift
    if feature.skew is not None:
        getattr(proto.skew_comparator, distance).threshold = feature.skew
    if feature.nested:
        proto.annotation.tag.append(NESTED_TAG)
    if feature.missing:
        proto.annotation.tag.append(_MISSING_TAG)
    if feature.spans is not None:
        proto.annotation.tag.append(_SPANS_PREFIX + feature.spans)
    if feature.source is not None:
        proto.annotation.tag.append(_SOURCE_PREFIX + feature.source)
    if feature.names:
        proto.annotation.tag.append(_NAMES_PREFIX + json.dumps(feature.names, ensure_ascii=False))


def require_presence(proto: schema_pb2.Feature) -> None:
    """Writes to `proto` that every record has the feature."""
    proto.presence.min_fraction = 1.0
    proto.presence.min_count = 1


def read_feature(proto: schema_pb2.Feature, is_context: bool) -> Feature | None:
    """Reads one feature of a schema.

    Args:
      proto: The feature in the schema.
      is_context: Whether the feature is a context feature.

    Returns:
      The feature as a spec describes it, or None if a spec cannot describe it. See `explain_undescribed`.

    Raises:
      SchemaError: if a tag of the feature is not valid, or if its type does not fit its kind.
    """
    if explain_undescribed(proto, is_context) is not None:
        return None
    min_values, max_values = _read_value_bounds(proto, is_context)
    width = max_values if min_values == max_values else None
    kind = _find_tag(proto, _KIND_PREFIX) or _infer_kind(proto, width)
    role = _find_tag(proto, _ROLE_PREFIX) or "input"
    _check_tag(proto, "kind", kind, get_args(Kind))
    _check_tag(proto, "role", role, get_args(Role))
    try:
        feature = Feature(
            kind=kind,  # type: ignore[arg-type]  # checked above
            role=role,  # type: ignore[arg-type]
            context=is_context,
            width=width if kind == "vector" else None,
            nested=_is_nested(proto, is_context),
            missing=_MISSING_TAG in proto.annotation.tag,
            shift=read_shift(proto),
            spans=_find_tag(proto, _SPANS_PREFIX),  # An unknown scheme raises a ValidationError.
            drift=_read_threshold(proto.drift_comparator),
            skew=_read_threshold(proto.skew_comparator),
            source=_find_tag(proto, _SOURCE_PREFIX),
            names=tuple(json.loads(_find_tag(proto, _NAMES_PREFIX) or "[]")),
        )
    except json.JSONDecodeError as error:
        raise SchemaError(f"feature {proto.name!r} of the schema: the tag of its names is not JSON: {error}") from error
    except pydantic.ValidationError as error:
        raise SchemaError(f"feature {proto.name!r} of the schema: {describe_validation_error(error)}") from error
    _check_type(proto, feature)
    return feature


def _check_type(proto: schema_pb2.Feature, feature: Feature) -> None:
    """Raises a SchemaError if the type in the schema does not fit the kind of the feature."""
    expected_type = TYPES[feature.dtype]
    if proto.type != expected_type:
        actual = schema_pb2.FeatureType.Name(proto.type)
        expected = schema_pb2.FeatureType.Name(expected_type)
        raise SchemaError(
            f"feature {proto.name!r} of the schema has the type {actual}, but the kind {feature.kind!r}, "
            f"which is {expected}"
        )


def _check_tag(proto: schema_pb2.Feature, field: str, value: str, known: tuple[str, ...]) -> None:
    """Raises a SchemaError if the value of a tag is unknown. `field` is its name, for the message."""
    if value not in known:
        raise SchemaError(f"feature {proto.name!r} of the schema has the {field} {value!r}; known are {known}")


def explain_undescribed(proto: schema_pb2.Feature, is_context: bool) -> str | None:
    """Explains why a spec cannot describe a feature of a schema.

    A feature of a spec is in every record. It has one value per step or per record, or one vector of floats, or any
    number of strings per step. Features of other data may be different. They are not part of the spec, but remain in
    the schema for tools that can use them.

    Returns:
      The reason as the end of a sentence, such as "is missing from some records", or None if a spec can describe it.
    """
    if has_our_tags(proto):
        return None
    if not re.fullmatch(NAME_PATTERN, proto.name):
        return "has a name with a space, or one of / # $"
    if proto.type not in TYPES.values():
        return f"is of the type {schema_pb2.FeatureType.Name(proto.type)}"
    if proto.presence.min_fraction < 1:
        return "is missing from some records"
    min_values, max_values = _read_value_bounds(proto, is_context)
    is_vector = min_values == max_values and proto.type == schema_pb2.FLOAT
    if max_values != 1 and not is_vector and not _is_nested(proto, is_context):
        return f"does not hold one value in every {'record' if is_context else 'step'}"
    return None


def make_role_tags(role: str, shift: str | None = None) -> list[str]:
    """Returns the annotation tags of a role, and of the shift of a label if it has one."""
    tags = [_ROLE_PREFIX + role]
    return tags if shift is None else [*tags, _SHIFT_PREFIX + shift]


def note_inferred(proto: schema_pb2.Feature) -> None:
    """Writes to `proto` that the kind and the role of the feature were inferred, because no spec names it."""
    proto.annotation.tag.append(_INFERRED_TAG)


def states_kind(proto: schema_pb2.Feature) -> bool:
    """Returns whether a spec, or a person who edited the schema, has stated the kind of a feature.

    An inferred feature is no label. If it is one, a person has edited it.
    """
    is_inferred = _INFERRED_TAG in proto.annotation.tag and find_role(proto) != "label"
    return _find_tag(proto, _KIND_PREFIX) is not None and not is_inferred


def find_role(proto: schema_pb2.Feature) -> str | None:
    """Finds the role in the tags of a feature, or returns None."""
    return _find_tag(proto, _ROLE_PREFIX)


def read_shift(proto: schema_pb2.Feature) -> Shift | None:
    """Reads the shift in the tags of a feature, or returns None.

    Raises:
      SchemaError: if there is no such shift.
    """
    shift = _find_tag(proto, _SHIFT_PREFIX)
    if shift is not None:
        _check_tag(proto, "shift", shift, get_args(Shift))
    return shift  # type: ignore[return-value]  # checked above


def find_span_scheme(proto: schema_pb2.Feature) -> str | None:
    """Finds the scheme of spans in the tags of a feature, or returns None."""
    return _find_tag(proto, _SPANS_PREFIX)


def note_vocabulary_size(proto: schema_pb2.Feature, size: FileSize) -> None:
    """Writes the size of a feature's vocabulary file to `proto`."""
    proto.annotation.tag.append(f"{_VOCABULARY_PREFIX}{size.lines} lines, {size.num_bytes} bytes")


def find_vocabulary_size(proto: schema_pb2.Feature) -> FileSize | None:
    """Finds the size of the feature's vocabulary file in its tags, or returns None."""
    tag = _find_tag(proto, _VOCABULARY_PREFIX)
    return None if tag is None else FileSize(*map(int, re.findall(r"\d+", tag)))


def read_length_bounds(proto: schema_pb2.Feature) -> tuple[int, int | None]:
    """Reads the minimum and the maximum number of steps of a sequence feature. The maximum may be None."""
    if proto.shape.dim:  # TFDV infers a shape if all records have the same number of steps.
        return proto.shape.dim[0].size, proto.shape.dim[0].size
    counts = proto.value_counts.value_count
    if not counts:
        return 1, None
    return counts[0].min, counts[0].max or None  # A maximum of 0 means that it is not set.


def has_our_tags(proto: schema_pb2.Feature) -> bool:
    """Returns whether the feature has the tags that this package writes."""
    return find_role(proto) is not None


def _find_tag(proto: schema_pb2.Feature, prefix: str) -> str | None:
    """Finds the annotation tag with a prefix, and returns the rest of the tag."""
    return next((tag[len(prefix) :] for tag in proto.annotation.tag if tag.startswith(prefix)), None)


def _read_threshold(comparator: schema_pb2.FeatureComparator) -> float | None:
    """Reads the maximum distance of a comparator, or None if it has none."""
    for distance in (_INFINITY_NORM, _DIVERGENCE):
        limit = getattr(comparator, distance)
        if limit.HasField("threshold"):
            return float(limit.threshold)
    return None


def _is_nested(proto: schema_pb2.Feature, is_context: bool) -> bool:
    """Returns whether a step may hold any number of values.

    Features that this package wrote have a tag. Another feature is nested if it holds strings, and several of them in
    some steps.
    """
    if has_our_tags(proto):
        return NESTED_TAG in proto.annotation.tag
    return not is_context and proto.type == schema_pb2.BYTES and _read_value_bounds(proto, is_context)[1] != 1


def _read_value_bounds(proto: schema_pb2.Feature, is_context: bool) -> tuple[int, int | None]:
    """Reads the minimum and the maximum number of values per step, or per record for a context feature.

    The maximum is None if there is no maximum.
    """
    if proto.HasField("shape"):
        # The first dimension of a sequence feature is the number of steps.
        size = math.prod(dim.size for dim in proto.shape.dim[0 if is_context else 1 :])
        return size, size
    if is_context:
        count = proto.value_count if proto.HasField("value_count") else None
    else:
        counts = proto.value_counts.value_count
        count = counts[-1] if len(counts) > 1 else None
    if count is None:
        return 1, 1
    return count.min, count.max or None  # A maximum of 0 means that it is not set.


def _infer_kind(proto: schema_pb2.Feature, width: int | None) -> str:
    """Infers the kind of a feature without tags from its type."""
    if proto.type == schema_pb2.BYTES:
        return "categorical" if proto.HasField("domain") or proto.HasField("string_domain") else "token"
    if proto.type == schema_pb2.INT:
        return "integer"
    return "vector" if width is not None and width > 1 else "float"
