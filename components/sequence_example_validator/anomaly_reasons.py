"""Edits TFDV's anomalies: adds reasons to an anomaly, and applies the severities that a user has configured.

An anomaly describes one place in the data, which is its path. It has one reason per rule that is violated in this
place. Its severity is the severity of the most severe reason::

    ##SEQUENCE##.tags    ERROR    SCHEMA_NEW_COLUMN    "New column"      found by TFDV
                                  CUSTOM_VALIDATION    "Empty step"      added from our record checks
"""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo

LEVELS = {"error": AnomalyInfo.ERROR, "warning": AnomalyInfo.WARNING}
"""The name of a severity to its number in an anomaly. A greater number is more severe."""


def apply_severities(anomalies: Anomalies, severities: Mapping[str, str]) -> None:
    """Applies the severities to TFDV's anomalies, in place, and removes reasons with the severity `off`.

    Args:
      anomalies: The anomalies of a split.
      severities: A dict of rule to severity. TFDV's severity stays for a rule that is not in the dict.
    """
    for key in list(anomalies.anomaly_info):
        if not _apply_to_anomaly(anomalies.anomaly_info[key], severities):
            del anomalies.anomaly_info[key]
    if anomalies.HasField("dataset_anomaly_info") and not _apply_to_anomaly(anomalies.dataset_anomaly_info, severities):
        anomalies.ClearField("dataset_anomaly_info")


def add_reason(anomalies: Anomalies, path: tuple[str, ...], severity: int, reason: AnomalyInfo.Reason) -> None:
    """Adds a reason to the anomaly at `path`, and raises the severity of the anomaly to at least `severity`.

    If there is no anomaly at `path`, a new one is added.
    """
    info = _find_or_add_anomaly(anomalies, path)
    info.severity = max(info.severity, severity)
    set_reasons(info, [*info.reason, reason])


def set_reasons(info: AnomalyInfo, reasons: list[AnomalyInfo.Reason]) -> None:
    """Sets the reasons of an anomaly, and makes its descriptions from those of the reasons, as TFDV does."""
    # Some of the reasons may belong to the anomaly itself. `del` below would destroy them, so they are copied first.
    copies = [AnomalyInfo.Reason.FromString(reason.SerializeToString()) for reason in reasons]
    del info.reason[:]
    info.reason.extend(copies)
    info.short_description = copies[0].short_description if len(copies) == 1 else "Multiple errors"
    info.description = " ".join(reason.description.strip() for reason in copies)


def _apply_to_anomaly(info: AnomalyInfo, severities: Mapping[str, str]) -> bool:
    """Removes the reasons with the severity `off`, and sets the severity of the anomaly to the maximum of the others.

    Returns:
      False if all reasons have the severity `off`. The anomaly is then unchanged, and the caller removes it.
    """
    configured_severities = [severities.get(AnomalyInfo.Type.Name(reason.type)) for reason in info.reason]
    # No rule of this anomaly is configured, so TFDV's severity stays.
    if not any(configured_severities):
        return True
    remaining_reasons = []
    levels = []
    for reason, severity in zip(info.reason, configured_severities, strict=True):
        if severity != "off":
            remaining_reasons.append(reason)
            levels.append(LEVELS[severity] if severity else info.severity)
    if not remaining_reasons:
        return False
    info.severity = max(levels)
    set_reasons(info, remaining_reasons)
    return True


def _find_or_add_anomaly(anomalies: Anomalies, path: tuple[str, ...]) -> AnomalyInfo:
    """Returns the anomaly at a path, after adding it if it does not exist."""
    for info in anomalies.anomaly_info.values():
        if tuple(info.path.step) == path:
            return info
    info = anomalies.anomaly_info[_join_path(path)]
    info.path.step.extend(path)
    return info


def _join_path(path: tuple[str, ...]) -> str:
    """Joins the steps of a path with dots, as TFDV does. A step that contains a dot, bracket or quote is quoted."""
    return ".".join(f"'{step}'" if set(step) & set(".()'") else step for step in path)
