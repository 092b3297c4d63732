"""Says in sentences how two schemas differ."""

from __future__ import annotations

from collections.abc import Iterator

from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import list_feature_protos, read_domain

# Of a domain's new and lost values; there may be thousands.
_SHOWN = 5


def diff_schemas(old: schema_pb2.Schema, new: schema_pb2.Schema) -> list[str]:
    """Returns a line for each difference between two schemas, none if they say the same.

    Raises:
      SchemaError: if one of them is not a schema of sequences.
    """
    return [*_diff_specs(from_schema(old), from_schema(new)), *_diff_protos(old, new)]


def _diff_specs(old: SequenceSpec, new: SequenceSpec) -> Iterator[str]:
    for field in ("min_length", "max_length", "length_drift", "length_skew"):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield f"`{field}` is {after}, was {before}"
    for name in old.features:
        if name in new.features:
            before, after = old.features[name].model_dump(), new.features[name].model_dump()
            for field in before:
                if before[field] != after[field]:
                    yield f"feature `{name}`: `{field}` is {after[field]!r}, was {before[field]!r}"


def _diff_protos(old: schema_pb2.Schema, new: schema_pb2.Schema) -> Iterator[str]:
    before, after = ({proto.name: proto for proto in list_feature_protos(schema)} for schema in (old, new))
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield f"feature `{name}` is gone"
        elif name not in before:
            yield f"feature `{name}` is new"
        else:
            yield from _diff_domains(name, read_domain(old, before[name]), read_domain(new, after[name]))
            yield from _diff_numbers(name, before[name], after[name])


def _diff_domains(name: str, old: list[str] | None, new: list[str] | None) -> Iterator[str]:
    if old is None and new is not None:
        yield f"feature `{name}`: its values are now a closed set of {len(new)}"
    elif old is not None and new is None:
        yield f"feature `{name}`: its values are no longer a closed set"
    elif old is not None and new is not None:
        for what, values in (("has", sorted(set(new) - set(old))), ("no longer has", sorted(set(old) - set(new)))):
            if values:
                more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
                yield f"feature `{name}`: its domain {what} {', '.join(map(repr, values[:_SHOWN]))}{more}"


def _diff_numbers(name: str, old: schema_pb2.Feature, new: schema_pb2.Feature) -> Iterator[str]:
    """Compares the bounds on numbers and on presence, which a spec does not hold."""
    for field in ("int_domain", "float_domain", "presence"):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield f"feature `{name}`: `{field}` is {_write_on_one_line(after)}, was {_write_on_one_line(before)}"


def _write_on_one_line(message: schema_pb2.FeaturePresence) -> str:
    return "{" + " ".join(str(message).split()) + "}"
