"""A schema from statistics, and from a spec where there is one."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import add_undescribed, from_schema, to_schema
from tfx_sequence.schemas.tfmd.feature import TYPES, ContradictionError, SchemaError, explain_undescribed, read_feature
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct

# What TFDV writes instead of values that are not UTF-8, or longer than it keeps.
_UNLISTED = {"__BYTES_VALUE__", "__LARGE_BYTES__"}

_Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
_Protos = dict[str, tuple[schema_pb2.Feature, bool]]


def infer_schema(
    statistics: _Statistics, spec: SequenceSpec | None = None, infer_feature_shape: bool = True
) -> schema_pb2.Schema:
    """The schema of a dataset of SequenceExamples.

    Types and the domains of categorical features come from the statistics; kinds, roles and bounds on the length from
    the spec. A feature that the data has and the spec does not name is kept with the role `carried`, and its strings
    are tokens: nothing is closed that nobody asked for. Without a spec everything comes from the statistics. Features
    that no spec can describe (several values in a step, values missing from some records) are kept as TFDV infers them,
    with a TensorRepresentation, so that stock Transform reads them and what reads by the spec passes them by.

    Args:
      statistics: Split name to statistics as StatisticsGen makes them of SequenceExamples.
      spec: What the data should be.
      infer_feature_shape: Passed on to `tfdv.infer_schema`.

    Raises:
      SchemaError: if there are no statistics, they are not of SequenceExamples, or they contradict the spec.
    """
    observed = _observe(statistics, infer_feature_shape)
    protos = _protos(observed)
    if spec is None:
        spec = from_schema(observed)
    else:
        _check_agreement(spec, protos)
        spec = _with_carried(spec, protos)
    schema = to_schema(spec)
    for name, (proto, context) in protos.items():
        if name not in spec.features:
            why = explain_undescribed(proto, context)
            logging.getLogger(__name__).warning("the feature %r %s: the schema has it as TFDV infers it", name, why)
            add_undescribed(schema, proto, context)
    _add_domains(schema, spec, statistics)
    return schema


def _observe(statistics: _Statistics, infer_feature_shape: bool) -> schema_pb2.Schema:
    """What TFDV infers from all splits together."""
    if not statistics:
        raise SchemaError("there are no statistics to make a schema from: every split is excluded")
    if not any(data.num_examples for split in statistics.values() for data in split.datasets):
        raise SchemaError(f"there is no record to make a schema from: the splits {list(statistics)} are empty")
    observed = None
    for split in statistics.values():
        if observed is None:
            observed = tfdv.infer_schema(split, infer_feature_shape)
        else:
            observed = tfdv.update_schema(observed, split, infer_feature_shape)
    return observed


def _protos(schema: schema_pb2.Schema) -> _Protos:
    """Feature name to what the schema says of it, and whether it is context."""
    context = {proto.name: (proto, True) for proto in schema.feature if proto.name != SEQUENCE}
    steps = {proto.name: (proto, False) for proto in find_sequence_struct(schema).struct_domain.feature}
    if twice := sorted(set(context) & set(steps)):
        raise SchemaError(
            f"the data has {twice[0]!r} both in the context and in the feature lists; TensorFlow's readers know "
            "features by their names alone, so one of the two must be renamed"
        )
    return {**context, **steps}


def _check_agreement(spec: SequenceSpec, protos: _Protos) -> None:
    """Raises where the data cannot be what the spec says; the number of values is for the validator to judge."""
    for name, feature in spec.features.items():
        if name not in protos:
            raise ContradictionError(
                f"the spec names the feature {name!r}, which the data does not have; it has {sorted(protos)}"
            )
        proto, context = protos[name]
        if (proto.type, context) != (TYPES[feature.dtype], feature.context):
            found = schema_pb2.FeatureType.Name(proto.type)
            raise ContradictionError(
                f"the spec says that the feature {name!r} is a {_place(feature.context)} feature of {feature.dtype}, "
                f"but in the data it is a {_place(context)} feature of the type {found}"
            )


def _place(context: bool) -> str:
    return "context" if context else "sequence"


def _with_carried(spec: SequenceSpec, protos: _Protos) -> SequenceSpec:
    features = dict(spec.features)
    for name, (proto, context) in protos.items():
        if name not in spec.features and (found := read_feature(proto, context)):
            kind = "token" if found.kind == "categorical" else found.kind
            features[name] = found.model_copy(update={"kind": kind, "role": "carried"})
    return spec.model_copy(update={"features": features})


def _add_domains(schema: schema_pb2.Schema, spec: SequenceSpec, statistics: _Statistics) -> None:
    """Writes the closed sets of strings that the schema names, under the features' plain names.

    TFDV's own inference is not asked: it sees a set of strings such as "1" and "2" as numbers, and gives no domain.
    """
    for name, (proto, context) in _protos(schema).items():
        if not proto.HasField("domain") and (name not in spec.features or spec.features[name].kind != "categorical"):
            continue
        proto.domain = name
        path = [name] if context else [SEQUENCE, name]
        schema.string_domain.add(name=name, value=sorted(_listed_values(statistics, path)))


def _listed_values(statistics: _Statistics, path: list[str]) -> set[str]:
    values: set[str] = set()
    for split in statistics.values():
        for feature in (feature for data in split.datasets for feature in data.features):
            if list(feature.path.step) != path:
                continue
            listed = [bucket.label for bucket in feature.string_stats.rank_histogram.buckets]
            if len(listed) < feature.string_stats.unique:
                problem = f"it has {feature.string_stats.unique} distinct values, of which they list {len(listed)}"
                raise _not_closed(path[-1], problem)
            if _UNLISTED & set(listed):
                raise _not_closed(path[-1], "it has values that are not text, or too long to be listed")
            values.update(listed)
    return values


def _not_closed(name: str, problem: str) -> ContradictionError:
    return ContradictionError(
        f"the feature {name!r} is categorical, so its values are a closed set, but the statistics do not list all of "
        f"them: {problem}. Make it a 'token', or an 'integer' feature"
    )
