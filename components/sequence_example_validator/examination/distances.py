"""How far data is from its baseline, also where the schema has no threshold for it."""

from __future__ import annotations

from typing import TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.components.sequence_example_validator.length_drift import ks_distance, length_histogram
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, list_feature_protos

_Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


def measure_distances(schema: schema_pb2.Schema, current: _Statistics, baseline: _Statistics) -> dict[str, float]:
    """Feature name to distance; that of the lengths stands under `##SEQUENCE##`.

    L-infinity for strings, the Jensen-Shannon divergence for numbers, Kolmogorov-Smirnov for lengths: what the
    thresholds of a schema are about. All are between 0 and 1.
    """
    measured = tfdv.validate_statistics(current, _with_comparators(schema), previous_statistics=baseline)
    distances = {
        info.path.step[-1]: info.drift_measurements[0].value
        for info in measured.drift_skew_info
        if info.drift_measurements
    }
    name = next(iter(from_schema(schema).sequence))
    ours, theirs = length_histogram(current, name), length_histogram(baseline, name)
    if ours is not None and theirs is not None:
        distances[SEQUENCE] = ks_distance(ours, theirs)[0]
    return distances


def _with_comparators(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    """The schema with thresholds that no distance is above, without which TFDV measures nothing."""
    judged = schema_pb2.Schema.FromString(schema.SerializeToString())
    for proto in list_feature_protos(judged):
        comparator = proto.drift_comparator
        measure = comparator.infinity_norm if proto.type == schema_pb2.BYTES else comparator.jensen_shannon_divergence
        measure.threshold = 1.0
    return judged
