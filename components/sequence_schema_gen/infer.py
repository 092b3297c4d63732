"""A schema from statistics, and from a spec where there is one."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.schemas import tfmd
from tfx_sequence.schemas.spec import SequenceSpec

# StatisticsGen keeps the counts of this many values by default, so no larger domain can be read from it.
_MAX_DOMAIN_SIZE = 1000

_Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]


def infer_schema(
    statistics: _Statistics, spec: SequenceSpec | None = None, infer_feature_shape: bool = True
) -> schema_pb2.Schema:
    """The schema of a dataset of SequenceExamples.

    Types, presence and the domains of categorical features come from the statistics; kinds, roles and bounds on the
    length from the spec. A feature that the data has and the spec does not name is kept with the role `carried`.
    Without a spec everything comes from the statistics.

    Args:
      statistics: Split name to statistics as StatisticsGen makes them of SequenceExamples.
      spec: What the data should be.
      infer_feature_shape: Passed on to `tfdv.infer_schema`.

    Raises:
      SchemaError: if there are no statistics, they are not of SequenceExamples, or they contradict the spec.
    """
    if not statistics:
        raise tfmd.SchemaError("there are no statistics to make a schema from: every split is excluded")
    observed = None
    for split in statistics.values():
        if observed is None:
            observed = tfdv.infer_schema(split, infer_feature_shape, max_string_domain_size=_MAX_DOMAIN_SIZE)
        else:
            observed = tfdv.update_schema(observed, split, infer_feature_shape, max_string_domain_size=_MAX_DOMAIN_SIZE)
    found = tfmd.from_schema(observed)
    if spec is None:
        spec = found
    else:
        _check_agreement(spec, found)
        carried = {
            name: feature.model_copy(update={"role": "carried"})
            for name, feature in found.features.items()
            if name not in spec.features
        }
        spec = spec.model_copy(update={"features": {**spec.features, **carried}})
    schema = tfmd.to_schema(spec)
    _add_domains(schema, spec, observed)
    return schema


def _check_agreement(spec: SequenceSpec, found: SequenceSpec) -> None:
    """Raises where the data cannot be what the spec says."""
    for name, feature in spec.features.items():
        seen = found.features.get(name)
        if seen is None:
            raise tfmd.SchemaError(
                f"the spec names the feature {name!r}, which the data does not have; it has {sorted(found.features)}"
            )
        if (seen.dtype, seen.context) != (feature.dtype, feature.context):
            raise tfmd.SchemaError(
                f"the spec says that the feature {name!r} is a {_place(feature.context)} feature of {feature.dtype}, "
                f"but in the data it is a {_place(seen.context)} feature of {seen.dtype}"
            )


def _place(context: bool) -> str:
    return "context" if context else "sequence"


def _add_domains(schema: schema_pb2.Schema, spec: SequenceSpec, observed: schema_pb2.Schema) -> None:
    seen = {proto.name: proto for proto in [*observed.feature, *tfmd.sequence_struct(observed).struct_domain.feature]}
    for proto in [*schema.feature, *tfmd.sequence_struct(schema).struct_domain.feature]:
        feature = spec.features.get(proto.name)
        if feature is None or feature.kind != "categorical":
            continue
        values = tfmd.domain_values(observed, seen[proto.name])
        if values is None:
            raise tfmd.SchemaError(
                f"the feature {proto.name!r} is categorical, so its values are a closed set, but the statistics do not "
                f"list them: it has more than {_MAX_DOMAIN_SIZE} distinct values, or values that are not text. Make it "
                "a 'token', or an 'integer' feature"
            )
        proto.domain = proto.name
        schema.string_domain.add(name=proto.name, value=sorted(values))
