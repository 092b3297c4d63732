"""Finds keys that occur in more than one record, within a split or in several splits."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tfx_sequence.schemas.checks.findings import MAX_NAMED, FindingCounts
from tfx_sequence.schemas.records.rejects import Reason, Reject


class Use(NamedTuple):
    """The place of a record that has a key.

    Attributes:
      split: The name of the split.
      file: The name of the file.
      record: The position of the record in the file, from 0.
    """

    split: str
    file: str
    record: int

    def __str__(self) -> str:
        """Returns the place in words, for messages."""
        return f"record {self.record} of {self.file}"


class KeyIndex:
    """An index from each key to the records that have the key, in all splits.

    The index holds one place for each key, and a few places per split for a key that is repeated. A key that all
    records have therefore needs little memory. The findings do not depend on the order in which records are added.
    """

    def __init__(self) -> None:
        self._first: dict[str, Use] = {}
        self._repeated: dict[str, dict[str, _FewUses]] = {}  # Key to split name to uses.

    def add(self, key: str, use: Use) -> None:
        """Adds the place of a record that has the key."""
        if key not in self._first:
            self._first[key] = use
            return
        if key not in self._repeated:
            # The key occurs for the second time. The first record is now one of several, so it moves to `_repeated`.
            self._repeated[key] = {}
            self._add_repeated(key, self._first[key])
        self._add_repeated(key, use)

    def find_repeated(self, feature: str) -> Iterator[tuple[str, FindingCounts]]:
        """Yields the name of a split and its findings, for each repeated key and each split in which the key occurs.

        Args:
          feature: The name of the feature that the findings belong to.
        """
        for key, uses_by_split in self._repeated.items():
            named = [use for split in sorted(uses_by_split) for use in uses_by_split[split].first]
            for split, uses in uses_by_split.items():
                rejects = tuple(_make_reject(key, use, named) for use in uses.first)
                yield split, FindingCounts.for_reason(Reason.DUPLICATE_KEY, feature, uses.count, rejects)

    def _add_repeated(self, key: str, use: Use) -> None:
        self._repeated[key].setdefault(use.split, _FewUses()).add(use)


class _FewUses:
    """The number of records in one split that have a key, and the places of the first few of these records."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[Use] = []

    def add(self, use: Use) -> None:
        """Counts a record, and keeps its place if it is one of the first."""
        self.count += 1
        bisect.insort(self.first, use)
        del self.first[MAX_NAMED:]


def _make_reject(key: str, use: Use, named: Iterable[Use]) -> Reject:
    """Makes the reject of one record with a repeated key. Its message names another record of `named`."""
    other = next(other for other in named if other != use)
    return Reject(
        reason=Reason.DUPLICATE_KEY,
        message=f"the key {key!r} is also that of {other}",
        file=use.file,
        record=use.record,
        key=key,
    )
