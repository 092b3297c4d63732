"""What became of the records: read = accepted + rejected, always."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.schemas.records import BadRecordError, Reject
from tfx_sequence.schemas.spec import Frozen

DETAILS = 1000
"""The most rejects that are kept with all that is known of them; the others are counted."""

_SHOWN = 5


class EmptySplitError(ValueError):
    """A split that must have records has none."""


class Tally(Frozen):
    """Counts of records.

    Attributes:
      accepted: Split to number of records accepted.
      rejected: Reason to number of records rejected.
      rejects: The first `DETAILS` rejects, in the order of files and records.
    """

    accepted: dict[str, int] = pydantic.Field(default_factory=dict)
    rejected: dict[str, int] = pydantic.Field(default_factory=dict)
    rejects: tuple[Reject, ...] = ()

    @property
    def records_accepted(self) -> int:
        """Records that were accepted, of all splits."""
        return sum(self.accepted.values())

    @property
    def records_rejected(self) -> int:
        """Records that were rejected, for all reasons."""
        return sum(self.rejected.values())

    @property
    def records_read(self) -> int:
        """All records."""
        return self.records_accepted + self.records_rejected

    @classmethod
    def merge(cls, tallies: Iterable[Tally]) -> Tally:
        """The sum; the order of the parts does not matter."""
        accepted, rejected = Counter[str](), Counter[str]()
        rejects: list[Reject] = []
        for tally in tallies:
            accepted.update(tally.accepted)
            rejected.update(tally.rejected)
            rejects = first_rejects([*rejects, *tally.rejects])
        return cls(accepted=dict(accepted), rejected=dict(rejected), rejects=tuple(rejects))

    def failure(self, read: ReadConfig, splits: Iterable[str]) -> Exception | None:
        """Why the run must fail, None if it need not.

        Args:
          read: What is allowed.
          splits: The names of all splits; `train` may not be empty, nor may all of them.
        """
        if self.rejects and read.on_bad_record == "fail":
            hint = "Mend the record, or set `on_bad_record` to 'reject' to leave such records out and count them."
            return BadRecordError(self.rejects[0], f"{self.rejects[0]}\n{hint}")
        if self.records_rejected > read.max_reject_fraction * self.records_read:
            return BadRecordError(self.rejects[0], self._summary(read.max_reject_fraction))
        counts = ", ".join(f"{name}: {self.accepted.get(name, 0)}" for name in splits)
        if not self.records_accepted:
            return EmptySplitError(f"no record was accepted ({counts})")
        if "train" in splits and not self.accepted.get("train"):
            return EmptySplitError(f"the split 'train' has no record ({counts}); check the shares or the pattern")
        return None

    def _summary(self, allowed: float) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.rejected.items()))
        first = "\n".join(f"  {reject}" for reject in self.rejects[:_SHOWN])
        return (
            f"{self.records_rejected} of {self.records_read} records were rejected ({reasons}), more than the fraction "
            f"of {allowed} that `max_reject_fraction` allows. The first:\n{first}"
        )


def first_rejects(rejects: Iterable[Reject]) -> list[Reject]:
    """The first `DETAILS` by file and record."""
    return sorted(rejects, key=lambda reject: (reject.file or "", reject.record or 0))[:DETAILS]
