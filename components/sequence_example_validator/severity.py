"""How severe an anomaly is, rule by rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.schemas.checks.rules import RULES
from tfx_sequence.schemas.records.rejects import Reason

Severity = Literal["error", "warning", "off"]

LEVELS = {"error": anomalies_pb2.AnomalyInfo.ERROR, "warning": anomalies_pb2.AnomalyInfo.WARNING}
"""Severities as they stand in an anomaly. The higher the number, the more severe."""

LENGTH_DRIFT, LENGTH_SKEW = "length_drift", "length_skew"
"""The rules for lengths that differ from the baseline's, and from serving's."""

_STOCK_RULES = frozenset(anomalies_pb2.AnomalyInfo.Type.keys())


def our_rules() -> set[str]:
    """Returns the names of our own rules: the reasons of record checks, those of installed packages too, and drift."""
    return {*map(str, Reason), *RULES.names(), LENGTH_DRIFT, LENGTH_SKEW}


def check_severities(severities: Mapping[str, str]) -> None:
    """Raises if a rule or a severity is unknown.

    Raises:
      ValueError: naming it, and what is known.
    """
    for rule, severity in severities.items():
        if rule not in our_rules() | _STOCK_RULES:
            known = ", ".join(sorted(our_rules()))
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
    """Gives TFDV's anomalies the severities of their types, in place; anomalies that are off are taken out."""
    for path in list(anomalies.anomaly_info):
        if not _judge(anomalies.anomaly_info[path], severities):
            del anomalies.anomaly_info[path]
    if anomalies.HasField("dataset_anomaly_info") and not _judge(anomalies.dataset_anomaly_info, severities):
        anomalies.ClearField("dataset_anomaly_info")


def _judge(info: anomalies_pb2.AnomalyInfo, severities: Mapping[str, str]) -> bool:
    """Sets the severity of an anomaly to that of its most severe reason; False if all of its reasons are off."""
    given = [severities.get(anomalies_pb2.AnomalyInfo.Type.Name(reason.type)) for reason in info.reason]
    if not any(given):
        return True
    kept = [(reason, severity) for reason, severity in zip(info.reason, given, strict=True) if severity != "off"]
    if not kept:
        return False
    info.severity = max(LEVELS[severity] if severity else info.severity for _, severity in kept)
    write_reasons(info, [reason for reason, _ in kept])
    return True


def write_reasons(info: anomalies_pb2.AnomalyInfo, reasons: list[anomalies_pb2.AnomalyInfo.Reason]) -> None:
    """Sets the reasons of an anomaly, and its descriptions to theirs, as TFDV does."""
    kept = [anomalies_pb2.AnomalyInfo.Reason.FromString(reason.SerializeToString()) for reason in reasons]
    del info.reason[:]
    info.reason.extend(kept)
    info.short_description = kept[0].short_description if len(kept) == 1 else "Multiple errors"
    info.description = " ".join(reason.description.strip() for reason in kept)
