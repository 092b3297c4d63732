"""Measures how far data is from its baseline, also where the schema has no threshold for it."""

from __future__ import annotations

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from tfx_sequence.components.sequence_example_validator.length_drift import measure_ks_distance, read_length_histogram
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import SEQUENCE, list_feature_protos


def measure_distances(
    schema: schema_pb2.Schema, current: DatasetFeatureStatisticsList, baseline: DatasetFeatureStatisticsList
) -> dict[str, float]:
    """Measures the distance of each feature, and of the lengths, which stands under `##SEQUENCE##`.

    The distances are those that the thresholds of a schema are about, all between 0 and 1: L-infinity for strings, the
    Jensen-Shannon divergence for numbers, Kolmogorov-Smirnov for lengths.
    """
    validated = tfdv.validate_statistics(current, _add_comparators(schema), previous_statistics=baseline)
    distances = {
        info.path.step[-1]: info.drift_measurements[0].value
        for info in validated.drift_skew_info
        if info.drift_measurements
    }
    feature = next(iter(from_schema(schema).sequence))
    ours = read_length_histogram(current, feature)
    theirs = read_length_histogram(baseline, feature)
    if ours is not None and theirs is not None:
        distances[SEQUENCE], _ = measure_ks_distance(ours, theirs)
    return distances


def _add_comparators(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    """Copies the schema with a threshold for each feature, without which TFDV measures nothing.

    No distance is above the threshold.
    """
    copy = schema_pb2.Schema.FromString(schema.SerializeToString())
    for proto in list_feature_protos(copy):
        comparator = proto.drift_comparator
        if proto.type == schema_pb2.BYTES:
            comparator.infinity_norm.threshold = 1.0
        else:
            comparator.jensen_shannon_divergence.threshold = 1.0
    return copy
