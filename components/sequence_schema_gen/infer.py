"""Infers the schema of a dataset from its statistics and an optional spec."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Collection, Iterator, Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.components.compat.statistics import UNLISTED_VALUES
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import add_undescribed, from_schema, to_schema
from tfx_sequence.schemas.tfmd.feature import (
    TYPES,
    ContradictionError,
    SchemaError,
    explain_undescribed,
    note_inferred,
    read_feature,
)
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, find_sequence_struct

_logger = logging.getLogger(__name__)

_Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]

_Protos = dict[str, tuple[schema_pb2.Feature, bool]]
"""A dict of feature name to the feature's proto and whether the feature is a context feature."""


def infer_schema(
    statistics: _Statistics,
    spec: SequenceSpec | None = None,
    infer_feature_shape: bool = True,
    open_features: Collection[str] = (),
) -> schema_pb2.Schema:
    """Infers the schema of a dataset of SequenceExamples.

    Types and the domains of categorical features come from the statistics. Kinds, roles and bounds on the length come
    from the spec. A feature that the spec does not name has the role `carried`. If it is a string feature, it has the
    kind `token`, because only the spec can say that a set of values is closed. Without a spec, everything comes from
    the statistics.

    A spec cannot describe a feature that has several values per step or that is missing from some records. The schema
    describes such a feature as TFDV infers it, with a TensorRepresentation. Stock Transform reads the feature, and the
    components of this package ignore it.

    Args:
      statistics: A dict of split name to the statistics that StatisticsGen computes for SequenceExamples.
      spec: The description of the data.
      infer_feature_shape: Whether `tfdv.infer_schema` infers the shapes of features.
      open_features: Categorical features that may have values that the statistics do not have. They get no domain.

    Raises:
      SchemaError: if the statistics are empty, do not describe SequenceExamples, or contradict the spec.
    """
    stated_features = spec.features if spec is not None else {}
    tfdv_schema = _infer_from_all_splits(statistics, infer_feature_shape)
    protos = _collect_features(tfdv_schema)
    if spec is None:
        spec = from_schema(tfdv_schema)
    else:
        _check_spec_against_data(spec, protos)
        spec = _add_carried_features(spec, protos)
    schema = to_schema(spec)
    for name, (proto, is_context) in protos.items():
        if name not in spec.features:
            reason = explain_undescribed(proto, is_context)
            _logger.warning("the feature %r %s; the schema describes it as TFDV infers it", name, reason)
            add_undescribed(schema, proto, is_context)
    _add_domains(schema, spec, statistics, open_features)
    for name, (proto, _) in _collect_features(schema).items():
        if name not in stated_features:
            note_inferred(proto)
    return schema


def _infer_from_all_splits(statistics: _Statistics, infer_feature_shape: bool) -> schema_pb2.Schema:
    """Infers TFDV's schema from the first split, and updates it with each further split.

    Raises:
      SchemaError: if there are no statistics or no records.
    """
    if not statistics:
        raise SchemaError("there are no statistics to make a schema from: every split is excluded")
    if not any(data.num_examples for split in statistics.values() for data in split.datasets):
        raise SchemaError(f"there is no record to make a schema from: the splits {list(statistics)} are empty")
    schema = None
    for split in statistics.values():
        if schema is None:
            schema = tfdv.infer_schema(split, infer_feature_shape)
        else:
            schema = tfdv.update_schema(schema, split, infer_feature_shape)
    return schema


def _collect_features(schema: schema_pb2.Schema) -> _Protos:
    """Returns the context features and the sequence features of a schema in one dict.

    Raises:
      SchemaError: if a context feature and a sequence feature have the same name.
    """
    context = {proto.name: (proto, True) for proto in schema.feature if proto.name != SEQUENCE}
    sequence = {proto.name: (proto, False) for proto in find_sequence_struct(schema).struct_domain.feature}
    names_in_both = sorted(set(context) & set(sequence))
    if names_in_both:
        raise SchemaError(
            f"the data has {names_in_both[0]!r} both in the context and in the feature lists; TensorFlow's readers "
            "know features by their names alone, so one of the two must be renamed"
        )
    return {**context, **sequence}


def _check_spec_against_data(spec: SequenceSpec, protos: _Protos) -> None:
    """Checks that the data has each feature of the spec, with the same type and in the same place.

    The number of values is not checked here, because SequenceExampleValidator checks it.

    Raises:
      ContradictionError: if a feature is missing, or has another type, or is in another place.
    """
    for name, feature in spec.features.items():
        if name not in protos:
            raise ContradictionError(
                f"the spec names the feature {name!r}, which the data does not have; it has {sorted(protos)}"
            )
        proto, is_context = protos[name]
        if (proto.type, is_context) != (TYPES[feature.dtype], feature.context):
            raise ContradictionError(
                f"the spec says that the feature {name!r} is a {_name_place(feature.context)} feature of "
                f"{feature.dtype}, but in the data it is a {_name_place(is_context)} feature of the type "
                f"{schema_pb2.FeatureType.Name(proto.type)}"
            )


def _name_place(is_context: bool) -> str:
    return "context" if is_context else "sequence"


def _add_carried_features(spec: SequenceSpec, protos: _Protos) -> SequenceSpec:
    """Returns the spec with all other features of the data added in the role `carried`."""
    features = dict(spec.features)
    for name, (proto, is_context) in protos.items():
        if name in spec.features:
            continue
        feature = read_feature(proto, is_context)
        if feature is not None:
            kind = "token" if feature.kind == "categorical" else feature.kind
            features[name] = feature.model_copy(update={"kind": kind, "role": "carried"})
    return spec.model_copy(update={"features": features})


def _add_domains(
    schema: schema_pb2.Schema, spec: SequenceSpec, statistics: _Statistics, open_features: Collection[str]
) -> None:
    """Adds a string domain with all values of the feature to the schema for each categorical feature.

    The name of the domain is the name of the feature. The domains that TFDV infers cannot be used, because TFDV infers
    numbers from a set of strings such as "1" and "2".

    A feature with more values than the statistics list gets no domain, because one that lacks values would make records
    with these values invalid. The transform still refuses values of a label that train does not have.
    """
    for name, (proto, is_context) in _collect_features(schema).items():
        is_categorical = name in spec.features and spec.features[name].kind == "categorical"
        if proto.HasField("domain") or is_categorical:
            path = [name] if is_context else [SEQUENCE, name]
            values = None if name in open_features else _collect_values(statistics, path)
            if values is None:
                proto.ClearField("domain")
            else:
                proto.domain = name
                schema.string_domain.add(name=name, value=sorted(values))


def _collect_values(statistics: _Statistics, path: list[str]) -> set[str] | None:
    """Returns the values of a feature in all splits, or None if there are more values than the statistics list.

    Raises:
      ContradictionError: if values are not text, or are too long to be listed.
    """
    values: set[str] = set()
    for feature in _find_statistics(statistics, path):
        listed_values = [bucket.label for bucket in feature.string_stats.rank_histogram.buckets]
        if len(listed_values) < feature.string_stats.unique:
            _logger.warning(
                "the categorical feature %r has %d values, of which the statistics list %d, so the schema has no "
                "domain for it, and the validator looks for no unseen values. For a domain, give StatisticsGen "
                "stats_options=tfdv.StatsOptions(num_rank_histogram_buckets=%d)",
                path[-1],
                feature.string_stats.unique,
                len(listed_values),
                feature.string_stats.unique,
            )
            return None
        if UNLISTED_VALUES & set(listed_values):
            raise ContradictionError(
                f"the feature {path[-1]!r} is categorical, so its values are a closed set, but the statistics do not "
                "list all of them: it has values that are not text, or too long to be listed. Make it a 'token', or an "
                "'integer' feature"
            )
        values.update(listed_values)
    return values


def _find_statistics(statistics: _Statistics, path: list[str]) -> Iterator[statistics_pb2.FeatureNameStatistics]:
    """Yields the statistics of the feature at a path, for each split."""
    datasets = itertools.chain.from_iterable(split.datasets for split in statistics.values())
    for dataset in datasets:
        for feature in dataset.features:
            if list(feature.path.step) == path:
                yield feature
