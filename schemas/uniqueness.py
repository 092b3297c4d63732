"""Keys that more than one record has.

One key is looked at together with all places where it is used, in all splits; `Uses` add up, so that the places can be
gathered in any order, and in parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tfx_sequence.schemas.findings import NAMED, Tally
from tfx_sequence.schemas.records import Reason, Reject


class Use(NamedTuple):
    """A record that has the key.

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


class Uses(NamedTuple):
    """All records that have one key.

    Attributes:
      counts: The number of them in each split, by the split's name.
      first: The first few of each split, by place.
    """

    counts: tuple[tuple[str, int], ...]
    first: tuple[Use, ...]

    @classmethod
    def of(cls, use: Use) -> Uses:
        """One record alone."""
        return cls(((use.split, 1),), (use,))

    @classmethod
    def sum(cls, parts: Iterable[Uses]) -> Uses:
        """All of them together."""
        counts: dict[str, int] = {}
        first: dict[str, list[Use]] = {}
        for part in parts:
            for split, count in part.counts:
                counts[split] = counts.get(split, 0) + count
            for use in part.first:
                first.setdefault(use.split, []).append(use)
        kept = [use for split in sorted(first) for use in sorted(first[split])[:NAMED]]
        return cls(tuple(sorted(counts.items())), tuple(kept))

    def tallies(self, key: str, feature: str) -> Iterator[tuple[str, Tally]]:
        """Yields, for each split, what is wrong if the key is used more than once in all."""
        if sum(count for _, count in self.counts) < 2:
            return
        for split, count in self.counts:
            uses = [use for use in self.first if use.split == split]
            rejects = tuple(
                Reject(
                    reason=Reason.DUPLICATE_KEY,
                    message=f"the key {key!r} is also that of {self._other(use)}",
                    file=use.file,
                    record=use.record,
                    key=key,
                )
                for use in uses
            )
            yield split, Tally.of(Reason.DUPLICATE_KEY, feature, count, rejects)

    def _other(self, use: Use) -> Use:
        return next(other for other in self.first if other != use)
