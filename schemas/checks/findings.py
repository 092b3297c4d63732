"""The findings of record checks, counted by feature and reason, with the first few records of each kind named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tfx_sequence.schemas.checks.arrow_columns import Ints
from tfx_sequence.schemas.records.rejects import Reason, ReasonCode, Reject
from tfx_sequence.schemas.spec import Frozen

NAMED = 5
"""The most records that are named for one reason in one feature: enough to see what they have in common, few enough for
a line of an anomaly."""


class Finding(NamedTuple):
    """The records of a batch that break one rule in one feature.

    Attributes:
      reason: The rule's code.
      feature: The feature's name; empty where the record as a whole is at fault.
      records: The records at fault, by their positions in the batch, rising, int64 `[K]`.
      describe: Says what is wrong with the k-th of them, for a person. Called for the few that are named.
    """

    reason: Reason | str
    feature: str
    records: Ints
    describe: Callable[[int], str]


class FindingGroup(Frozen):
    """All records of a data set with one reason in one feature.

    Attributes:
      reason: The code of what is wrong.
      feature: The feature's name; empty where the record as a whole is at fault.
      count: The records in all.
      named: The first of them by file and position, at most `NAMED`.
    """

    reason: ReasonCode
    feature: str
    count: int
    named: tuple[Reject, ...]


class FindingCounts(Frozen):
    """The findings in some records, counted. Counts of parts of a data set add up to the same sum in any order.

    Attributes:
      records: The records that were checked.
      groups: What was found, sorted by feature and reason.
    """

    records: int = 0
    groups: tuple[FindingGroup, ...] = ()

    @classmethod
    def for_reason(cls, reason: Reason | str, feature: str, count: int, named: tuple[Reject, ...]) -> FindingCounts:
        """Makes the counts of one reason in one feature, for records that are counted elsewhere."""
        return cls(groups=(FindingGroup(reason=reason, feature=feature, count=count, named=named),))

    @classmethod
    def sum(cls, parts: Iterable[FindingCounts]) -> FindingCounts:
        """Adds up counts."""
        records = 0
        groups: dict[tuple[str, Reason | str], list[FindingGroup]] = {}
        for part in parts:
            records += part.records
            for group in part.groups:
                groups.setdefault((group.feature, group.reason), []).append(group)
        return cls(records=records, groups=tuple(_merge_groups(groups[key]) for key in sorted(groups)))


def _merge_groups(groups: list[FindingGroup]) -> FindingGroup:
    named = sorted((reject for group in groups for reject in group.named), key=_sort_key)
    count = sum(group.count for group in groups)
    return groups[0].model_copy(update={"count": count, "named": tuple(named[:NAMED])})


def _sort_key(reject: Reject) -> tuple[str, int, str]:
    return reject.file or "", reject.record or 0, reject.message
