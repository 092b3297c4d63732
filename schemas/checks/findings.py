"""Counts the records that break rules, by feature and reason, and keeps the first few records of each as examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tfx_sequence.schemas.checks.arrow_columns import Ints
from tfx_sequence.schemas.records.rejects import Reason, ReasonCode, Reject
from tfx_sequence.schemas.spec import Frozen

MAX_FIRST_REJECTS = 5
"""The maximum number of records that a group describes, for one reason in one feature.

Five show what the records have in common, and still fit on the one line that an anomaly has for its description.
"""

WHOLE_RECORD = ""
"""The feature name of a finding that concerns the record as a whole, such as a sequence that is too long."""


class Finding(NamedTuple):
    """The records of a batch that break one rule in one feature.

    Attributes:
      reason: The code of the rule.
      feature: The name of the feature, or `WHOLE_RECORD`.
      records: The positions in the batch of the K records that break the rule, in rising order, int64 `[K]`.
      describe: Returns a sentence, for a person, about what is wrong with the record at `records[k]`. It is called only
        for the first few records.
    """

    reason: Reason | str
    feature: str
    records: Ints
    describe: Callable[[int], str]


class FindingGroup(Frozen):
    """The records of a data set that break one rule in one feature.

    Attributes:
      reason: The code of the rule.
      feature: The name of the feature, or `WHOLE_RECORD`.
      count: The number of records that break the rule.
      first_rejects: The first of these records by file and position, no more than `MAX_FIRST_REJECTS`.
    """

    reason: ReasonCode
    feature: str
    count: int
    first_rejects: tuple[Reject, ...]


class FindingCounts(Frozen):
    """The number of findings in some records, by feature and reason.

    The counts of the parts of a data set can be added in any order. The sum is the same.

    Attributes:
      records: The number of records that were checked.
      groups: One group for each feature and reason with findings, sorted by feature and reason.
    """

    records: int = 0
    groups: tuple[FindingGroup, ...] = ()

    @classmethod
    def for_reason(
        cls, reason: Reason | str, feature: str, count: int, first_rejects: tuple[Reject, ...]
    ) -> FindingCounts:
        """Makes the counts of one group. The number of checked records is 0, because they are counted separately."""
        group = FindingGroup(reason=reason, feature=feature, count=count, first_rejects=first_rejects)
        return cls(groups=(group,))

    @classmethod
    def sum(cls, parts: Iterable[FindingCounts]) -> FindingCounts:
        """Adds up the counts of the parts of a data set."""
        num_records = 0
        groups_by_key: dict[tuple[str, Reason | str], list[FindingGroup]] = {}
        for part in parts:
            num_records += part.records
            for group in part.groups:
                groups_by_key.setdefault((group.feature, group.reason), []).append(group)
        merged_groups = tuple(_merge_groups(groups_by_key[key]) for key in sorted(groups_by_key))
        return cls(records=num_records, groups=merged_groups)


def _merge_groups(groups: list[FindingGroup]) -> FindingGroup:
    """Merges groups of the same feature and reason into one."""
    count = 0
    rejects: list[Reject] = []
    for group in groups:
        count += group.count
        rejects.extend(group.first_rejects)
    rejects.sort(key=_make_sort_key)
    return groups[0].model_copy(update={"count": count, "first_rejects": tuple(rejects[:MAX_FIRST_REJECTS])})


def _make_sort_key(reject: Reject) -> tuple[str, int, str]:
    """Returns a key that sorts rejects by file and position."""
    # None cannot be compared. A reject without a file or a position sorts first.
    return reject.file or "", reject.record or 0, reject.message
