"""Edits TFDV's anomalies: adds reasons to them, and gives each reason the severity that is asked for.

An anomaly is about one place in the data. It has a reason for each rule that is broken there, and is as severe as the
most severe of them::

    ##SEQUENCE##.tags    ERROR    SCHEMA_NEW_COLUMN    "New column"      found by TFDV
                                  CUSTOM_VALIDATION    "Empty step"      added from our record checks
"""

from __future__ import annotations

from collections.abc import Mapping

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo

LEVELS = {"error": AnomalyInfo.ERROR, "warning": AnomalyInfo.WARNING}
"""Severities as they stand in an anomaly. The greater number is the more severe."""


def apply_severities(anomalies: Anomalies, severities: Mapping[str, str]) -> None:
    """Gives TFDV's anomalies the severities of their types, in place, and removes those that are off."""
    for key in list(anomalies.anomaly_info):
        if not _apply_to_anomaly(anomalies.anomaly_info[key], severities):
            del anomalies.anomaly_info[key]
    if anomalies.HasField("dataset_anomaly_info") and not _apply_to_anomaly(anomalies.dataset_anomaly_info, severities):
        anomalies.ClearField("dataset_anomaly_info")


def add_reason(anomalies: Anomalies, path: tuple[str, ...], severity: int, reason: AnomalyInfo.Reason) -> None:
    """Adds a reason to the anomaly at `path`, which then is at least as severe as the reason.

    The anomaly is made if there is none.
    """
    info = _find_or_add_anomaly(anomalies, path)
    info.severity = max(info.severity, severity)
    set_reasons(info, [*info.reason, reason])


def set_reasons(info: AnomalyInfo, reasons: list[AnomalyInfo.Reason]) -> None:
    """Sets the reasons of an anomaly, and its descriptions to those of the reasons, as TFDV does."""
    # The reasons may be those of the anomaly itself, which are lost when its list is emptied.
    copies = [AnomalyInfo.Reason.FromString(reason.SerializeToString()) for reason in reasons]
    del info.reason[:]
    info.reason.extend(copies)
    info.short_description = copies[0].short_description if len(copies) == 1 else "Multiple errors"
    info.description = " ".join(reason.description.strip() for reason in copies)


def _apply_to_anomaly(info: AnomalyInfo, severities: Mapping[str, str]) -> bool:
    """Makes an anomaly as severe as its most severe reason, without reasons that are off.

    Returns:
      False if all of its reasons are off.
    """
    severity_by_reason = [severities.get(AnomalyInfo.Type.Name(reason.type)) for reason in info.reason]
    # TFDV's own severity stays where nobody asked for another one.
    if not any(severity_by_reason):
        return True
    kept = []
    levels = []
    for reason, severity in zip(info.reason, severity_by_reason, strict=True):
        if severity != "off":
            kept.append(reason)
            levels.append(LEVELS[severity] if severity else info.severity)
    if not kept:
        return False
    info.severity = max(levels)
    set_reasons(info, kept)
    return True


def _find_or_add_anomaly(anomalies: Anomalies, path: tuple[str, ...]) -> AnomalyInfo:
    for info in anomalies.anomaly_info.values():
        if tuple(info.path.step) == path:
            return info
    info = anomalies.anomaly_info[_join_path(path)]
    info.path.step.extend(path)
    return info


def _join_path(path: tuple[str, ...]) -> str:
    """Joins the steps of a path by dots, as TFDV does: a step that could be misread stands in quotes."""
    return ".".join(f"'{step}'" if set(step) & set(".()'") else step for step in path)
