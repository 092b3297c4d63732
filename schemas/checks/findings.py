"""What record checks find, counted, with a few records named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tfx_sequence.schemas.checks.arrow_columns import Ints
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Frozen

NAMED = 5
"""The most records that are named for one reason in one feature."""


class Finding(NamedTuple):
    """What one check found in one feature of a batch of records.

    Attributes:
      reason: The code.
      feature: The feature's name; empty where the record as a whole is at fault.
      records: The records at fault, by their positions in the batch, rising, int64 `[K]`.
      message: What is wrong with the k-th of them, for a person. Called for the few that are named.
    """

    reason: Reason
    feature: str
    records: Ints
    message: Callable[[int], str]


class Group(Frozen):
    """All records of a data set with one reason in one feature.

    Attributes:
      reason: The code.
      feature: The feature's name; empty where the record as a whole is at fault.
      count: The records in all.
      named: The first of them by file and position, at most `NAMED`.
    """

    reason: Reason
    feature: str
    count: int
    named: tuple[Reject, ...]


class FindingCounts(Frozen):
    """What was found in some records. Tallies of parts of a data set add up, in any order, to the same tally.

    Attributes:
      records: The records that were looked at.
      groups: By feature and reason.
    """

    records: int = 0
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(cls, reason: Reason, feature: str, count: int, named: tuple[Reject, ...]) -> FindingCounts:
        """What was found for one reason in one feature, of records that are counted elsewhere."""
        return cls(groups=(Group(reason=reason, feature=feature, count=count, named=named),))

    @classmethod
    def sum(cls, tallies: Iterable[FindingCounts]) -> FindingCounts:
        """All of them together."""
        records = 0
        groups: dict[tuple[str, Reason], list[Group]] = {}
        for tally in tallies:
            records += tally.records
            for group in tally.groups:
                groups.setdefault((group.feature, group.reason), []).append(group)
        return cls(records=records, groups=tuple(_merged(groups[key]) for key in sorted(groups)))


def _merged(groups: list[Group]) -> Group:
    named = sorted((reject for group in groups for reject in group.named), key=_place)
    count = sum(group.count for group in groups)
    return groups[0].model_copy(update={"count": count, "named": tuple(named[:NAMED])})


def _place(reject: Reject) -> tuple[str, int, str]:
    return reject.file or "", reject.record or 0, reject.message
