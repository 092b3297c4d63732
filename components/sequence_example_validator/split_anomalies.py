"""One split against its schema: by its statistics, by what was found in its records, and against other statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from tfx_sequence.components.sequence_example_validator.length_drift import compare_lengths
from tfx_sequence.components.sequence_example_validator.record_anomalies import add_records
from tfx_sequence.components.sequence_example_validator.severity import apply_severities, write_reasons
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.tfmd.convert import from_schema

_Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


@dataclass(frozen=True)
class Statistics:
    """The statistics of a split, and those to compare them with.

    Attributes:
      current: Of the split itself.
      baseline: Of what it should be like, such as the previous span; what differs is drift.
      serving: Of what the model is asked; what differs is skew.
    """

    current: _Statistics
    baseline: _Statistics | None = None
    serving: _Statistics | None = None


def validate_split(
    statistics: Statistics, schema: schema_pb2.Schema, tally: FindingCounts | None, severities: Mapping[str, str]
) -> anomalies_pb2.Anomalies:
    """What is wrong with a split: TFDV's anomalies and those of its records in one.

    Args:
      statistics: Of the split.
      schema: What its records should be.
      tally: What the record checks found; None if they did not run.
      severities: Rule to severity; see `severity.check_severities`.
    """
    anomalies = tfdv.validate_statistics(
        statistics.current, schema, previous_statistics=statistics.baseline, serving_statistics=statistics.serving
    )
    spec = from_schema(schema)
    if not any(data.num_examples for data in statistics.current.datasets):
        _add_no_data(anomalies)
    apply_severities(anomalies, severities)
    compare_lengths(anomalies, spec, statistics.current, statistics.baseline, statistics.serving, severities)
    if tally is not None:
        add_records(anomalies, tally, spec, severities)
    return anomalies


def _add_no_data(anomalies: anomalies_pb2.Anomalies) -> None:
    """TFDV finds nothing wrong with nothing."""
    info = anomalies.dataset_anomaly_info
    info.severity = anomalies_pb2.AnomalyInfo.ERROR
    reason = anomalies_pb2.AnomalyInfo.Reason(
        type=anomalies_pb2.AnomalyInfo.NO_DATA_IN_SPAN,
        short_description="No records",
        description="The split has no record at all.",
    )
    write_reasons(info, [*info.reason, reason])
