"""Defines the severities (error, warning, off) and the rules for which a user can set a severity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.schemas.checks.rules import RULES
from tfx_sequence.schemas.records.rejects import Reason

Severity = Literal["error", "warning", "off"]

LENGTH_DRIFT, LENGTH_SKEW = "length_drift", "length_skew"
"""The rules for lengths that differ from those of the baseline (drift) or of serving requests (skew)."""

_STOCK_RULES = frozenset(anomalies_pb2.AnomalyInfo.Type.keys())


def list_own_rules() -> set[str]:
    """Returns the rules of this package that the validator applies: to records, to their keys, and to lengths."""
    return {*RULES.list_names(), str(Reason.DUPLICATE_KEY), LENGTH_DRIFT, LENGTH_SKEW}


def check_severities(severities: Mapping[str, str]) -> None:
    """Checks that each rule is a rule of this package or of TFDV, and that each severity exists.

    Args:
      severities: A dict of rule to severity.

    Raises:
      ValueError: if a rule or a severity does not exist. The message lists the existing ones. Also if a rule is the
        reason of rejects that only readers find, because the validator never sees such records.
    """
    for rule, severity in severities.items():
        if rule in set(map(str, Reason)) - list_own_rules():
            raise ValueError(
                f"`severities` names {rule!r}, but such records are found in reading, and the validator never sees "
                "them: `on_bad_record` and `max_reject_fraction` in [data] decide about them"
            )
        if rule not in list_own_rules() | _STOCK_RULES:
            own_rules = ", ".join(sorted(list_own_rules()))
            raise ValueError(
                f"`severities` names {rule!r}, expected one of our rules ({own_rules}) or a name of "
                "tensorflow_metadata's AnomalyInfo.Type, such as SCHEMA_NEW_COLUMN"
            )
        if severity not in get_args(Severity):
            raise ValueError(
                f"`severities` gives {rule} the severity {severity!r}, expected one of "
                f"{', '.join(map(repr, get_args(Severity)))}"
            )
