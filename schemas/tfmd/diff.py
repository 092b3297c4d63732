"""Compares two schemas, and describes each difference in one line of text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import list_feature_protos, read_domain

# A domain may gain or lose thousands of values. No more than these are listed.
_MAX_LISTED_VALUES = 5


_Bounds: TypeAlias = schema_pb2.IntDomain | schema_pb2.FloatDomain | schema_pb2.FeaturePresence


def diff_schemas(old: schema_pb2.Schema, new: schema_pb2.Schema) -> list[str]:
    """Compares two schemas.

    Returns:
      One line per difference. The list is empty if the schemas do not differ.

    Raises:
      SchemaError: if one of the schemas does not describe sequences.
    """
    return [*_diff_specs(from_schema(old), from_schema(new)), *_diff_protos(old, new)]


def _diff_specs(old: SequenceSpec, new: SequenceSpec) -> Iterator[str]:
    """Compares the specs of two schemas. `_diff_protos` describes features that only one of the specs has."""
    for field in ("min_length", "max_length", "length_drift", "length_skew"):
        old_value = getattr(old, field)
        new_value = getattr(new, field)
        if old_value != new_value:
            yield f"`{field}` is {new_value}, was {old_value}"
    for name, feature in old.features.items():
        if name in new.features:
            yield from _diff_features(name, feature, new.features[name])


def _diff_features(name: str, old: Feature, new: Feature) -> Iterator[str]:
    """Compares the fields of one feature in two specs."""
    old_values = old.model_dump()
    new_values = new.model_dump()
    for field, old_value in old_values.items():
        if old_value != new_values[field]:
            yield f"feature `{name}`: `{field}` is {new_values[field]!r}, was {old_value!r}"


def _diff_protos(old: schema_pb2.Schema, new: schema_pb2.Schema) -> Iterator[str]:
    """Compares the features of two schemas by the fields that a spec does not have."""
    old_protos = {proto.name: proto for proto in list_feature_protos(old)}
    new_protos = {proto.name: proto for proto in list_feature_protos(new)}
    for name in {**old_protos, **new_protos}:  # The new features come last.
        if name not in new_protos:
            yield f"feature `{name}` is gone"
        elif name not in old_protos:
            yield f"feature `{name}` is new"
        else:
            old_proto, new_proto = old_protos[name], new_protos[name]
            yield from _diff_domains(name, read_domain(old, old_proto), read_domain(new, new_proto))
            yield from _diff_bounds(name, old_proto, new_proto)


def _diff_domains(name: str, old: list[str] | None, new: list[str] | None) -> Iterator[str]:
    """Compares the domains of one feature. None means that all values are allowed."""
    if old is not None and new is not None:
        yield from _diff_values(name, set(old), set(new))
    elif new is not None:
        yield f"feature `{name}`: its values are now a closed set of {len(new)}"
    elif old is not None:
        yield f"feature `{name}`: its values are no longer a closed set"


def _diff_values(name: str, old: set[str], new: set[str]) -> Iterator[str]:
    """Compares the values of two domains of one feature."""
    if added_values := sorted(new - old):
        yield f"feature `{name}`: its domain has {_format_values(added_values)}"
    if removed_values := sorted(old - new):
        yield f"feature `{name}`: its domain no longer has {_format_values(removed_values)}"


def _format_values(values: list[str]) -> str:
    """Returns the first few values as text, and how many more there are."""
    listed_values = ", ".join(map(repr, values[:_MAX_LISTED_VALUES]))
    num_hidden = len(values) - _MAX_LISTED_VALUES
    return f"{listed_values} and {num_hidden} more" if num_hidden > 0 else listed_values


def _diff_bounds(name: str, old: schema_pb2.Feature, new: schema_pb2.Feature) -> Iterator[str]:
    """Compares the bounds on numbers and on presence, which a spec does not have."""
    for field in ("int_domain", "float_domain", "presence"):
        old_bounds = getattr(old, field)
        new_bounds = getattr(new, field)
        if old_bounds != new_bounds:
            yield f"feature `{name}`: `{field}` is {_format_bounds(new_bounds)}, was {_format_bounds(old_bounds)}"


def _format_bounds(bounds: _Bounds) -> str:
    """Returns the fields of a proto on one line."""
    return "{" + " ".join(str(bounds).split()) + "}"
