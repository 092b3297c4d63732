"""Adds the findings of record checks to the anomalies that TFDV has found."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.components.sequence_example_validator.anomaly_reasons import LEVELS, add_reason
from tfx_sequence.schemas.checks.findings import FindingCounts, FindingGroup
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


def add_record_anomalies(
    anomalies: anomalies_pb2.Anomalies, findings: FindingCounts, spec: SequenceSpec, severities: Mapping[str, str]
) -> None:
    """Adds the findings in a split's records to its anomalies.

    Args:
      anomalies: The anomalies of the split, which are changed in place.
      findings: The findings of the record checks in the split.
      spec: The description of the records. It says which features are context features.
      severities: A dict of rule to severity. A rule that is not in the dict has the severity `error`.
    """
    for group in findings.groups:
        severity = severities.get(str(group.reason), "error")
        if severity != "off":
            reason = _make_reason(group, findings.records)
            add_reason(anomalies, _make_path(group.feature, spec), LEVELS[severity], reason)


def _make_path(feature: str, spec: SequenceSpec) -> tuple[str, ...]:
    """Returns the path that TFDV uses for a feature in anomalies."""
    # A finding with an empty feature name belongs to the whole record.
    if not feature:
        return (SEQUENCE,)
    return (feature,) if feature in spec.context else (SEQUENCE, feature)


def _make_reason(group: FindingGroup, num_records: int) -> anomalies_pb2.AnomalyInfo.Reason:
    """Makes a reason that says how many of the records have the finding, and describes the first of them."""
    descriptions = [f"{_format_place(reject)}: {reject.message}" for reject in group.first_rejects]
    num_hidden = group.count - len(group.first_rejects)
    if num_hidden > 0:
        descriptions.append(f"and {num_hidden} more")
    return anomalies_pb2.AnomalyInfo.Reason(
        type=anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION,
        short_description=str(group.reason).replace("_", " ").capitalize(),
        description=f"{group.count} of {num_records} records: {'; '.join(descriptions)}.",
    )


def _format_place(reject: Reject) -> str:
    """Returns the key of a record, if it has one, and its place, such as `'s3', record 4 of data.tfrecord`."""
    key = f"{reject.key!r}, " if reject.key is not None else ""
    file = (reject.file or "").rpartition("/")[2]
    return f"{key}record {reject.record} of {file}"
