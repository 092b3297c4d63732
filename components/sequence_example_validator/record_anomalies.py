"""What record checks found, as anomalies beside TFDV's."""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.components.sequence_example_validator.severity import LEVELS, write_reasons
from tfx_sequence.schemas.checks.findings import FindingCounts, FindingGroup
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


def add_records(
    anomalies: anomalies_pb2.Anomalies, tally: FindingCounts, spec: SequenceSpec, severities: Mapping[str, str]
) -> None:
    """Adds to `anomalies` what was found in a split's records.

    Args:
      anomalies: What TFDV found in the split.
      tally: What the record checks found in it.
      spec: Tells context features from sequence features.
      severities: Rule to severity; `error` where none is given.
    """
    for group in tally.groups:
        severity = severities.get(str(group.reason), "error")
        if severity != "off":
            add_reason(anomalies, _path(group.feature, spec), LEVELS[severity], _reason(group, tally.records))


def add_reason(
    anomalies: anomalies_pb2.Anomalies,
    path: tuple[str, ...],
    severity: int,
    reason: anomalies_pb2.AnomalyInfo.Reason,
) -> None:
    """Adds a reason to the anomaly at `path`, which is made if there is none; it is as severe as its worst reason."""
    info = _info(anomalies, path)
    info.severity = max(info.severity, severity)
    write_reasons(info, [*info.reason, reason])


def _path(feature: str, spec: SequenceSpec) -> tuple[str, ...]:
    if not feature:
        return (SEQUENCE,)
    return (feature,) if feature in spec.context else (SEQUENCE, feature)


def _info(anomalies: anomalies_pb2.Anomalies, path: tuple[str, ...]) -> anomalies_pb2.AnomalyInfo:
    """The anomaly of a feature, which TFDV may have found already."""
    for info in anomalies.anomaly_info.values():
        if tuple(info.path.step) == path:
            return info
    info = anomalies.anomaly_info[_key(path)]
    info.path.step.extend(path)
    return info


def _key(path: tuple[str, ...]) -> str:
    """A path as TFDV writes it: steps are joined by dots, and one that could be misread stands in quotes."""
    return ".".join(f"'{step}'" if set(step) & set(".()'") else step for step in path)


def _reason(group: FindingGroup, records: int) -> anomalies_pb2.AnomalyInfo.Reason:
    shown = "; ".join(f"{_place(reject)}: {reject.message}" for reject in group.named)
    more = f"; and {group.count - len(group.named)} more" if group.count > len(group.named) else ""
    return anomalies_pb2.AnomalyInfo.Reason(
        type=anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION,
        short_description=str(group.reason).replace("_", " ").capitalize(),
        description=f"{group.count} of {records} records: {shown}{more}.",
    )


def _place(reject: Reject) -> str:
    name = f"{reject.key!r}, " if reject.key is not None else ""
    file = (reject.file or "").rpartition("/")[2]
    return f"{name}record {reject.record} of {file}"
