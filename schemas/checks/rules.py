"""Defines the base classes of rules that records must follow, and the table of all rules.

A rule finds the records of a batch that break the rule. Each rule has a reason, which is a code such as `too_long`.
Records that break the rule are counted by reason. Rejects and anomalies show the reason, and a config can set a
severity for it. An installed package adds a rule with an entry point whose name is the reason of the rule::

    [project.entry-points."tfx_sequence.rules"]
    too_many_urls = "my_package.rules:TooManyUrls"

`docs/validation.md` has an example of such a class.
"""

from __future__ import annotations

import abc
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn, Bools
from tfx_sequence.schemas.checks.findings import Finding
from tfx_sequence.schemas.families import Family, Row, UnknownMemberError
from tfx_sequence.schemas.records.rejects import REASON_PATTERN, Reason, abbreviate
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.parts import read_domain


@dataclass(frozen=True)
class CheckedFeature:
    """A feature, with all that the spec and the schema say about its values.

    Attributes:
      name: The name of the feature.
      spec: The feature in the spec.
      domain: The strings that are allowed, an Arrow array of large_binary, or None if all strings are allowed.
      bounds: The minimum and the maximum number that are allowed, or None if all numbers are allowed.
      is_id: Whether the numbers are ids of a vocabulary.
    """

    name: str
    spec: Feature
    domain: pa.Array | None
    bounds: tuple[float, float] | None
    is_id: bool

    @classmethod
    def from_proto(cls, feature: Feature, proto: schema_pb2.Feature, schema: schema_pb2.Schema) -> CheckedFeature:
        """Combines a feature of a spec with the domain and the bounds that the schema has for it.

        Args:
          feature: The feature in the spec.
          proto: The same feature in the schema.
          schema: The schema, which may hold the domain of several features.
        """
        values = read_domain(schema, proto)
        domain = None if values is None else pa.array([value.encode() for value in values], pa.large_binary())
        return cls(proto.name, feature, domain, _read_bounds(proto), proto.int_domain.is_categorical)


def _read_bounds(proto: schema_pb2.Feature) -> tuple[float, float] | None:
    """Reads the minimum and the maximum of a feature's numbers, or None if the schema has neither."""
    for domain in (proto.int_domain, proto.float_domain):
        if domain.HasField("min") or domain.HasField("max"):
            low = domain.min if domain.HasField("min") else float("-inf")
            high = domain.max if domain.HasField("max") else float("inf")
            return low, high
    return None


class Rule(abc.ABC):
    """The base class of all rules. Derive your own rule from `RecordRule`, `FeatureRule` or `ValueRule`.

    Attributes:
      reason: The code of records that break the rule, in lower case with underscores.
    """

    reason: ClassVar[Reason | str]


class RecordRule(Rule):
    """A rule about records as a whole."""

    def applies_to(self, spec: SequenceSpec) -> bool:
        """Returns whether records of this spec can break the rule."""
        return True

    @abc.abstractmethod
    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the records of a batch that break the rule. Findings without records are ignored.

        Args:
          spec: The spec of the records.
          columns: Feature name to values, for all features of the spec.
        """


class FeatureRule(Rule):
    """A rule about one feature, for which the other features do not matter."""

    @abc.abstractmethod
    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether this feature can break the rule."""

    @abc.abstractmethod
    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records of a batch that break the rule. Findings without records are ignored.

        Args:
          feature: The feature to check.
          column: The values of the feature in the batch.
        """


class ValueRule(FeatureRule):
    """A rule about the values of one feature.

    `find` is called only if the batch has values of the feature, and only if they have the type of the feature.
    """

    def find_at_values(
        self, feature: CheckedFeature, column: ArrowColumn, is_wrong: Bools, expected: str
    ) -> Iterator[Finding]:
        """Yields one finding: the records with at least one wrong value. Its messages describe the first wrong value.

        Args:
          feature: The feature to check.
          column: The values of the feature in the batch.
          is_wrong: Whether each value is wrong, `[V]`.
          expected: A phrase for the message that says which values are allowed, such as "a finite number".
        """
        records, values = column.find_first_values(is_wrong)

        def describe(k: int) -> str:
            value = abbreviate(column.read_value(values[k]))
            place = column.describe_step(column.step_of_value[values[k]])
            return f"`{feature.name}` has {value}{place}, expected {expected}"

        yield Finding(self.reason, feature.name, records, describe)


_STRUCTURE = "tfx_sequence.schemas.checks.structure_rules"
_VALUES = "tfx_sequence.schemas.checks.value_rules"

RULES: Family[Row] = Family(
    "tfx_sequence.rules",
    {
        "unequal_lengths": Row(f"{_STRUCTURE}:UnequalLengths"),
        "empty_sequence": Row(f"{_STRUCTURE}:EmptySequence"),
        "too_short": Row(f"{_STRUCTURE}:TooShort"),
        "too_long": Row(f"{_STRUCTURE}:TooLong"),
        "missing_feature": Row(f"{_STRUCTURE}:MissingFeature"),
        "empty_step": Row(f"{_STRUCTURE}:EmptyStep"),
        "multiple_values": Row(f"{_STRUCTURE}:MultipleValues"),
        "wrong_type": Row(f"{_STRUCTURE}:WrongType"),
        "undecodable": Row(f"{_VALUES}:Undecodable"),
        "not_finite": Row(f"{_VALUES}:NotFinite"),
        "negative_weight": Row(f"{_VALUES}:NegativeWeight"),
        "outside_domain": Row(f"{_VALUES}:OutsideDomain"),
        "reserved_id": Row(f"{_VALUES}:ReservedId"),
        "time_reversed": Row(f"{_VALUES}:TimeReversed"),
        "broken_span": Row(f"{_VALUES}:BrokenSpan"),
    },
    make_row=Row,
)
"""Maps the reason of a rule to its class. The rules of a feature are applied in this order."""


class RuleError(ValueError):
    """Raised if a rule of an installed package cannot be used."""


def load_rules() -> list[Rule]:
    """Makes one instance of each rule.

    Returns:
      The rules of this package in the order of the table, and then the rules of installed packages, sorted by name.

    Raises:
      RuleError: if a rule of an installed package cannot be imported, has the wrong base class, or has a reason that
        is malformed or differs from the name of its entry point.
    """
    rules_of_packages = [name for name in RULES.list_names() if name not in RULES.rows]
    return [_load_rule(name) for name in (*RULES.rows, *rules_of_packages)]


def _load_rule(name: str) -> Rule:
    try:
        rule_class = RULES.load(name)
    except UnknownMemberError as error:
        raise RuleError(f"an installed package has the rule {error}") from error
    if not (isinstance(rule_class, type) and issubclass(rule_class, (RecordRule, FeatureRule))):
        raise RuleError(f"the rule {name!r} is {rule_class!r}, expected a class derived from RecordRule or FeatureRule")
    # A config sets severities by the names of rules, but findings hold reasons, so the two must be equal.
    reason = getattr(rule_class, "reason", None)
    if reason != name:
        raise RuleError(f"the rule {name!r} has the reason {reason!r}; its entry point must be named like its reason")
    if not re.fullmatch(REASON_PATTERN, name):
        raise RuleError(f"the rule {name!r} needs a reason of lower-case letters, digits and underscores")
    return rule_class()
