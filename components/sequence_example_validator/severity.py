"""The severity of an anomaly: each rule is an error, a warning, or off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.schemas.checks.rules import RULES
from tfx_sequence.schemas.records.rejects import Reason

Severity = Literal["error", "warning", "off"]

LEVELS = {"error": anomalies_pb2.AnomalyInfo.ERROR, "warning": anomalies_pb2.AnomalyInfo.WARNING}
"""Severities as they stand in an anomaly. The greater number is the more severe."""

LENGTH_DRIFT, LENGTH_SKEW = "length_drift", "length_skew"
"""The rules for lengths that differ from those of the baseline, and from those of serving."""

_STOCK_RULES = frozenset(anomalies_pb2.AnomalyInfo.Type.keys())


def list_own_rules() -> set[str]:
    """Lists the rules that TFDV does not have: the reasons of record checks, and the rules for lengths."""
    return {*map(str, Reason), *RULES.names(), LENGTH_DRIFT, LENGTH_SKEW}


def check_severities(severities: Mapping[str, str]) -> None:
    """Checks that every rule, ours or TFDV's, and every severity is known.

    Raises:
      ValueError: if one is not; the message names it, and those that are known.
    """
    for rule, severity in severities.items():
        if rule not in list_own_rules() | _STOCK_RULES:
            known = ", ".join(sorted(list_own_rules()))
            raise ValueError(
                f"`severities` names {rule!r}, expected one of our rules ({known}) or a name of "
                "tensorflow_metadata's AnomalyInfo.Type, such as SCHEMA_NEW_COLUMN"
            )
        if severity not in get_args(Severity):
            raise ValueError(
                f"`severities` gives {rule} the severity {severity!r}, expected one of "
                f"{', '.join(map(repr, get_args(Severity)))}"
            )


def apply_severities(anomalies: anomalies_pb2.Anomalies, severities: Mapping[str, str]) -> None:
    """Gives TFDV's anomalies the severities of their types, in place, and removes those that are off."""
    for key in list(anomalies.anomaly_info):
        if not _apply_to_anomaly(anomalies.anomaly_info[key], severities):
            del anomalies.anomaly_info[key]
    if anomalies.HasField("dataset_anomaly_info") and not _apply_to_anomaly(anomalies.dataset_anomaly_info, severities):
        anomalies.ClearField("dataset_anomaly_info")


def set_reasons(info: anomalies_pb2.AnomalyInfo, reasons: list[anomalies_pb2.AnomalyInfo.Reason]) -> None:
    """Sets the reasons of an anomaly, and its descriptions to those of the reasons, as TFDV does."""
    # The reasons may be those of the anomaly itself, which are lost when its list is emptied.
    copies = [anomalies_pb2.AnomalyInfo.Reason.FromString(reason.SerializeToString()) for reason in reasons]
    del info.reason[:]
    info.reason.extend(copies)
    info.short_description = copies[0].short_description if len(copies) == 1 else "Multiple errors"
    info.description = " ".join(reason.description.strip() for reason in copies)


def _apply_to_anomaly(info: anomalies_pb2.AnomalyInfo, severities: Mapping[str, str]) -> bool:
    """Makes an anomaly as severe as its most severe reason, without reasons that are off.

    Returns:
      False if all of its reasons are off.
    """
    severity_by_reason = [severities.get(anomalies_pb2.AnomalyInfo.Type.Name(reason.type)) for reason in info.reason]
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
