"""Finds keys that more than one record has, in one split or in several."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tfx_sequence.schemas.checks.findings import NAMED, FindingCounts
from tfx_sequence.schemas.records.rejects import Reason, Reject


class Use(NamedTuple):
    """A record that has a key.

    Attributes:
      split: The split that it is in.
      file: The file that it is in.
      record: Its position in the file.
    """

    split: str
    file: str
    record: int

    def __str__(self) -> str:
        """Writes the place for a person."""
        return f"record {self.record} of {self.file}"


class KeyIndex:
    """An index of the records that have each key, in all splits.

    It holds one place for each key, and a few for each split that uses the key again, so a key that all records have
    costs no more than another. The order in which uses are added changes nothing.
    """

    def __init__(self) -> None:
        self._first: dict[str, Use] = {}
        self._repeated: dict[str, dict[str, _FewUses]] = {}  # Key to split to uses.

    def add(self, key: str, use: Use) -> None:
        """Notes that a record has a key."""
        if key not in self._first:
            self._first[key] = use
            return
        if key not in self._repeated:
            self._repeated[key] = {}
            self._add_repeated(key, self._first[key])
        self._add_repeated(key, use)

    def find_repeated(self, feature: str) -> Iterator[tuple[str, FindingCounts]]:
        """Yields a split and its findings, for each key that is used more than once and each split that uses it.

        Args:
          feature: The name that the findings are under.
        """
        for key, by_split in self._repeated.items():
            named = [use for split in sorted(by_split) for use in by_split[split].first]
            for split, uses in by_split.items():
                rejects = tuple(_make_reject(key, use, named) for use in uses.first)
                yield split, FindingCounts.for_reason(Reason.DUPLICATE_KEY, feature, uses.count, rejects)

    def _add_repeated(self, key: str, use: Use) -> None:
        self._repeated[key].setdefault(use.split, _FewUses()).add(use)


class _FewUses:
    """The number of records of one split that have a key, and the first few of them."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[Use] = []

    def add(self, use: Use) -> None:
        self.count += 1
        bisect.insort(self.first, use)
        del self.first[NAMED:]


def _make_reject(key: str, use: Use, named: Iterable[Use]) -> Reject:
    other = next(other for other in named if other != use)
    return Reject(
        reason=Reason.DUPLICATE_KEY,
        message=f"the key {key!r} is also that of {other}",
        file=use.file,
        record=use.record,
        key=key,
    )
