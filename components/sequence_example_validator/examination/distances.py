"""Measures the distance between data and its baseline for all features, including features without a threshold."""

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
    """Measures the distance between data and its baseline for each feature, and for the lengths.

    The thresholds of a schema use the same distances: L-infinity for strings, the Jensen-Shannon divergence for
    numbers, and the Kolmogorov-Smirnov distance for lengths. All of them are between 0 and 1.

    Args:
      schema: The schema of the data.
      current: The statistics of the data.
      baseline: The statistics of the data to compare with.

    Returns:
      A dict of feature name to distance. The key `##SEQUENCE##` has the distance of the lengths.
    """
    anomalies = tfdv.validate_statistics(current, _add_comparators(schema), previous_statistics=baseline)
    distances = {}
    for info in anomalies.drift_skew_info:
        if info.drift_measurements:
            feature_name = info.path.step[-1]
            distances[feature_name] = info.drift_measurements[0].value
    sequence_feature = next(iter(from_schema(schema).sequence))
    current_lengths = read_length_histogram(current, sequence_feature)
    baseline_lengths = read_length_histogram(baseline, sequence_feature)
    if current_lengths is not None and baseline_lengths is not None:
        distances[SEQUENCE], _ = measure_ks_distance(current_lengths, baseline_lengths)
    return distances


def _add_comparators(schema: schema_pb2.Schema) -> schema_pb2.Schema:
    """Returns a copy of the schema with a threshold for each feature.

    TFDV only measures the distance of features with a threshold. The threshold 1.0 is the maximum distance, so it
    causes no anomaly.
    """
    copy = schema_pb2.Schema.FromString(schema.SerializeToString())
    for proto in list_feature_protos(copy):
        comparator = proto.drift_comparator
        if proto.type == schema_pb2.BYTES:
            comparator.infinity_norm.threshold = 1.0
        else:
            comparator.jensen_shannon_divergence.threshold = 1.0
    return copy
