"""Rules that records must keep: what a rule is, and the table of all rules.

A rule finds the records of a batch that break it. Its reason is the code under which they are counted, written into
rejects and anomalies, and given a severity. An installed package adds a rule by an entry point that is named like the
rule's reason::

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
    """A feature as rules see it.

    Attributes:
      name: The feature's name.
      spec: What the spec says of it.
      domain: The strings that it may hold, an Arrow array of large_binary; None for any.
      bounds: The least and the greatest number that it may hold; None for any.
      is_id: Whether its numbers are ids of a vocabulary.
    """

    name: str
    spec: Feature
    domain: pa.Array | None
    bounds: tuple[float, float] | None
    is_id: bool

    @classmethod
    def from_proto(cls, feature: Feature, proto: schema_pb2.Feature, schema: schema_pb2.Schema) -> CheckedFeature:
        """Adds to a feature of a spec what the schema says of its values."""
        values = read_domain(schema, proto)
        domain = None if values is None else pa.array([value.encode() for value in values], pa.large_binary())
        return cls(proto.name, feature, domain, _read_bounds(proto), proto.int_domain.is_categorical)


def _read_bounds(proto: schema_pb2.Feature) -> tuple[float, float] | None:
    for domain in (proto.int_domain, proto.float_domain):
        if domain.HasField("min") or domain.HasField("max"):
            low = domain.min if domain.HasField("min") else float("-inf")
            high = domain.max if domain.HasField("max") else float("inf")
            return low, high
    return None


class Rule(abc.ABC):
    """Something that records must keep. Derive from one of the classes below.

    Attributes:
      reason: The code of the records that break the rule: lower case, with underscores.
    """

    reason: ClassVar[Reason | str]


class RecordRule(Rule):
    """A rule about records as a whole."""

    def applies_to(self, spec: SequenceSpec) -> bool:
        """Says whether records of this spec can break the rule."""
        return True

    @abc.abstractmethod
    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields what breaks the rule in a batch; a finding of no record is passed over.

        Args:
          spec: What the records are.
          columns: All features of the spec.
        """


class FeatureRule(Rule):
    """A rule about one feature, looked at without the others."""

    @abc.abstractmethod
    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether this feature can break the rule."""

    @abc.abstractmethod
    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields what breaks the rule in a batch; a finding of no record is passed over."""


class ValueRule(FeatureRule):
    """A rule about a feature's values. `find` is called only for values of the feature's type, and if there are any."""

    def find_at_values(
        self, feature: CheckedFeature, column: ArrowColumn, is_wrong: Bools, expected: str
    ) -> Iterator[Finding]:
        """Yields the finding that single values are wrong, whatever their neighbours are.

        Args:
          feature: The feature.
          column: Its values.
          is_wrong: Says it of each value, `[V]`.
          expected: What should be in their place, for the message.
        """
        records, values = column.find_first_values(is_wrong)

        def describe(k: int) -> str:
            place = column.describe_step(column.step_of_value[values[k]])
            return f"`{feature.name}` has {abbreviate(column.read_value(values[k]))}{place}, expected {expected}"

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
        "outside_domain": Row(f"{_VALUES}:OutsideDomain"),
        "reserved_id": Row(f"{_VALUES}:ReservedId"),
        "time_reversed": Row(f"{_VALUES}:TimeReversed"),
        "broken_span": Row(f"{_VALUES}:BrokenSpan"),
    },
    make_row=Row,
)
"""Reason to rule, in the order in which the rules of a feature are applied."""


class RuleError(ValueError):
    """A rule of an installed package that cannot be used."""


def load_rules() -> list[Rule]:
    """Makes one of each rule: the package's own in the order of the table, then those of other packages by name.

    Raises:
      RuleError: if a rule of an installed package cannot be imported, or is not what a rule must be.
    """
    added = [name for name in RULES.names() if name not in RULES.rows]
    return [_load_rule(name) for name in (*RULES.rows, *added)]


def _load_rule(name: str) -> Rule:
    try:
        rule_class = RULES.load(name)
    except UnknownMemberError as error:
        raise RuleError(f"an installed package has the rule {error}") from error
    if not (isinstance(rule_class, type) and issubclass(rule_class, (RecordRule, FeatureRule))):
        raise RuleError(f"the rule {name!r} is {rule_class!r}, expected a class derived from RecordRule or FeatureRule")
    # Severities are given by the names of rules, and findings carry reasons, so the two must be one.
    reason = getattr(rule_class, "reason", None)
    if reason != name:
        raise RuleError(f"the rule {name!r} has the reason {reason!r}; its entry point must be named like its reason")
    if not re.fullmatch(REASON_PATTERN, name):
        raise RuleError(f"the rule {name!r} needs a reason of lower-case letters, digits and underscores")
    return rule_class()
