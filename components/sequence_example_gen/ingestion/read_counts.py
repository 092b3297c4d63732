"""What became of the records: read = accepted + rejected, always."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.spec import Frozen

DETAILS = 1000
"""The most rejects that are kept with all that is known of them; the others are counted."""

_SHOWN = 5
_UNFIT = "the format, its options or the features are not those of the data"


class EmptySplitError(ValueError):
    """A split that must have records has none."""


class ReadCounts(Frozen):
    """Counts of records.

    Attributes:
      accepted: Records that were accepted.
      truncated: How many of these were cut off.
      rejected: Reason to number of records that were rejected.
      rejects: The first `DETAILS` rejects, in the order of files and records.
      written: Split to number of SequenceExamples; more than the records accepted if some are written in pieces.
    """

    accepted: int = 0
    truncated: int = 0
    rejected: dict[str, int] = pydantic.Field(default_factory=dict)
    rejects: tuple[Reject, ...] = ()
    written: dict[str, int] = pydantic.Field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """The counts that an artifact has as properties, and Beam as counters."""
        rejected = sum(self.rejected.values())
        return {
            "records_read": self.accepted + rejected,
            "records_accepted": self.accepted,
            "records_rejected": rejected,
            "records_truncated": self.truncated,
        }

    @classmethod
    def merge(cls, tallies: Iterable[ReadCounts]) -> ReadCounts:
        """The sum; the order of the parts does not matter."""
        accepted = truncated = 0
        rejected, written = Counter[str](), Counter[str]()
        rejects: list[Reject] = []
        for tally in tallies:
            accepted += tally.accepted
            truncated += tally.truncated
            rejected.update(tally.rejected)
            written.update(tally.written)
            rejects = first_rejects([*rejects, *tally.rejects])
        return cls(
            accepted=accepted,
            truncated=truncated,
            rejected=dict(rejected),
            rejects=tuple(rejects),
            written=dict(written),
        )

    def failure(self, read: ReadConfig, splits: Iterable[str]) -> Exception | None:
        """Why the run must fail, None if it need not.

        Args:
          read: What is allowed.
          splits: The names of all splits; `train` may not be empty, nor may all of them.
        """
        if self.rejects and read.on_bad_record == "fail":
            hint = "Mend the record, or set `on_bad_record` to 'reject' to leave such records out and count them."
            doubt = "" if self.accepted else f"No record was accepted before it; if others are like it, {_UNFIT}.\n"
            return BadRecordError(self.rejects[0], f"{self.rejects[0]}\n{doubt}{hint}")
        counts = self.counts
        if counts["records_rejected"] > read.max_reject_fraction * counts["records_read"]:
            return BadRecordError(self.rejects[0], self._summary(read.max_reject_fraction))
        by_split = ", ".join(f"{name}: {self.written.get(name, 0)}" for name in splits)
        first = f"; the first reject: {self.rejects[0]}" if self.rejects else ""
        if not self.accepted:
            return EmptySplitError(f"no record was accepted ({by_split}){first}\n{_UNFIT}")
        if "train" in splits and not self.written.get("train"):
            advice = first or "; check the shares or the pattern"
            return EmptySplitError(f"the split 'train' has no record ({by_split}){advice}")
        return None

    def _summary(self, allowed: float) -> str:
        read, rejected = self.counts["records_read"], self.counts["records_rejected"]
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.rejected.items()))
        first = "\n".join(f"  {reject}" for reject in self.rejects[:_SHOWN])
        return (
            f"{rejected} of {read} records were rejected ({reasons}), more than the fraction of {allowed} that "
            f"`max_reject_fraction` allows. The first:\n{first}"
        )


def first_rejects(rejects: Iterable[Reject]) -> list[Reject]:
    """The first `DETAILS` by file, and record or row."""
    return sorted(rejects, key=lambda reject: (reject.file or "", reject.record or reject.row or 0))[:DETAILS]
