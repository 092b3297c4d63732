"""Validates the statistics and the records of one split against a schema, and compares them with other statistics."""

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
    """The statistics of a split, and the statistics to compare them with.

    Attributes:
      current: The statistics of the split itself.
      baseline: The statistics of similar data, such as the previous span. A difference is called drift.
      serving: The statistics of the requests to the served model. A difference is called skew.
    """

    current: DatasetFeatureStatisticsList
    baseline: DatasetFeatureStatisticsList | None = None
    serving: DatasetFeatureStatisticsList | None = None


def validate_split(
    statistics: SplitStatistics, schema: Schema, findings: FindingCounts | None, severities: Mapping[str, str]
) -> Anomalies:
    """Returns all anomalies of a split: those that TFDV finds, those of single records, and those of the lengths.

    Args:
      statistics: The statistics of the split.
      schema: The schema that the records must match.
      findings: The findings of the record checks. None if the records were not checked.
      severities: A dict of rule to severity. See `severity.check_severities`.

    Raises:
      SchemaError: if the schema does not describe sequences.
    """
    current, baseline, serving = statistics.current, statistics.baseline, statistics.serving
    anomalies = tfdv.validate_statistics(current, schema, previous_statistics=baseline, serving_statistics=serving)
    spec = from_schema(schema)
    if not any(data.num_examples for data in current.datasets):
        _add_no_data_anomaly(anomalies)
    # This changes the severities of TFDV's anomalies. The functions below set the severities of the anomalies they add.
    apply_severities(anomalies, severities)
    add_length_anomalies(anomalies, spec, current, baseline, serving, severities)
    if findings is not None:
        add_record_anomalies(anomalies, findings, spec, severities)
    return anomalies


def _add_no_data_anomaly(anomalies: Anomalies) -> None:
    """Adds an anomaly for a split without records, in which TFDV finds nothing wrong."""
    info = anomalies.dataset_anomaly_info
    info.severity = AnomalyInfo.ERROR
    reason = AnomalyInfo.Reason(
        type=AnomalyInfo.NO_DATA_IN_SPAN,
        short_description="No records",
        description="The split has no record at all.",
    )
    set_reasons(info, [*info.reason, reason])
