"""Validates one split against its schema: its statistics, its records, and how it differs from other statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from tfx_sequence.components.sequence_example_validator.anomaly_reasons import apply_severities, set_reasons
from tfx_sequence.components.sequence_example_validator.length_drift import add_length_anomalies
from tfx_sequence.components.sequence_example_validator.record_anomalies import add_record_anomalies
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.tfmd.convert import from_schema


@dataclass(frozen=True)
class SplitStatistics:
    """The statistics of a split, and those to compare them with.

    Attributes:
      current: Of the split itself.
      baseline: Of data that the split should be like, such as the previous span; a difference is drift.
      serving: Of what the model is asked; a difference is skew.
    """

    current: DatasetFeatureStatisticsList
    baseline: DatasetFeatureStatisticsList | None = None
    serving: DatasetFeatureStatisticsList | None = None


def validate_split(
    statistics: SplitStatistics, schema: Schema, findings: FindingCounts | None, severities: Mapping[str, str]
) -> Anomalies:
    """Finds all that is wrong with a split: TFDV's anomalies, those of its records, and those of its lengths.

    Args:
      statistics: Those of the split.
      schema: What its records should be.
      findings: What the record checks found; None if they did not run.
      severities: Rule to severity; see `severity.check_severities`.

    Raises:
      SchemaError: if the schema is not one of sequences.
    """
    current, baseline, serving = statistics.current, statistics.baseline, statistics.serving
    anomalies = tfdv.validate_statistics(current, schema, previous_statistics=baseline, serving_statistics=serving)
    spec = from_schema(schema)
    if not any(data.num_examples for data in current.datasets):
        _add_no_data(anomalies)
    # Ours are added after that, each with its severity.
    apply_severities(anomalies, severities)
    add_length_anomalies(anomalies, spec, current, baseline, serving, severities)
    if findings is not None:
        add_record_anomalies(anomalies, findings, spec, severities)
    return anomalies


def _add_no_data(anomalies: Anomalies) -> None:
    """Adds an anomaly for a split without records, in which TFDV finds nothing wrong."""
    info = anomalies.dataset_anomaly_info
    info.severity = AnomalyInfo.ERROR
    reason = AnomalyInfo.Reason(
        type=AnomalyInfo.NO_DATA_IN_SPAN,
        short_description="No records",
        description="The split has no record at all.",
    )
    set_reasons(info, [*info.reason, reason])
