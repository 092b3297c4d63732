"""Keys that more than one record has."""

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
        """The place, for a person."""
        return f"record {self.record} of {self.file}"


class KeyIndex:
    """Where keys are used, in all splits.

    It holds one place for each key, and of keys that are used again no more than a few for each split, so a key that
    all records have costs no more than another. The order in which places come changes nothing.
    """

    def __init__(self) -> None:
        """Of no key yet."""
        self._once: dict[str, Use] = {}
        self._again: dict[str, dict[str, _Places]] = {}

    def add(self, key: str, use: Use) -> None:
        """Notes that a record has a key."""
        if key not in self._once:
            self._once[key] = use
            return
        if key not in self._again:
            self._again[key] = {}
            self._note(key, self._once[key])
        self._note(key, use)

    def tallies(self, feature: str) -> Iterator[tuple[str, FindingCounts]]:
        """Yields, for each key that is used more than once in all, what is wrong in each split that has it.

        Args:
          feature: The name that the finding is under.
        """
        for key, places in self._again.items():
            kept = [use for split in sorted(places) for use in places[split].first]
            for split, found in places.items():
                rejects = tuple(_reject(key, use, kept) for use in found.first)
                yield split, FindingCounts.of(Reason.DUPLICATE_KEY, feature, found.count, rejects)

    def _note(self, key: str, use: Use) -> None:
        self._again[key].setdefault(use.split, _Places()).add(use)


class _Places:
    """How many records of one split have a key, and the first few of them."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[Use] = []

    def add(self, use: Use) -> None:
        self.count += 1
        bisect.insort(self.first, use)
        del self.first[NAMED:]


def _reject(key: str, use: Use, kept: Iterable[Use]) -> Reject:
    other = next(other for other in kept if other != use)
    return Reject(
        reason=Reason.DUPLICATE_KEY,
        message=f"the key {key!r} is also that of {other}",
        file=use.file,
        record=use.record,
        key=key,
    )
