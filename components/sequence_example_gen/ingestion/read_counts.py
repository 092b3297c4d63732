"""Counts of what became of the records: read = accepted + rejected, always."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.spec import Frozen

MAX_REJECTS = 1000
"""The most rejects that are kept with all that is known of them; the others are counted. They travel through Beam and
into one file, and a person reads some of them."""

_SHOWN_REJECTS = 5
"""The most rejects that a message shows: it fits on a screen."""

_SETTINGS_DO_NOT_FIT = "the format, its options or the features are not those of the data"


class EmptySplitError(ValueError):
    """A split that must have records has none."""


class ReadCounts(Frozen):
    """Counts of records.

    Attributes:
      accepted: Records that were accepted.
      truncated: How many of these were cut off.
      rejected: Reason to number of records that were rejected.
      rejects: The first `MAX_REJECTS` rejects, in the order of files and records.
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
            contract.RECORDS_READ: self.accepted + rejected,
            contract.RECORDS_ACCEPTED: self.accepted,
            contract.RECORDS_REJECTED: rejected,
            contract.RECORDS_TRUNCATED: self.truncated,
        }

    @classmethod
    def merge(cls, parts: Iterable[ReadCounts]) -> ReadCounts:
        """Adds counts up; their order does not matter."""
        accepted = truncated = 0
        rejected, written = Counter[str](), Counter[str]()
        rejects: list[Reject] = []
        for part in parts:
            accepted += part.accepted
            truncated += part.truncated
            rejected.update(part.rejected)
            written.update(part.written)
            rejects = _keep_first_rejects([*rejects, *part.rejects])
        return cls(
            accepted=accepted,
            truncated=truncated,
            rejected=dict(rejected),
            rejects=tuple(rejects),
            written=dict(written),
        )

    def find_failure(self, read: ReadConfig, splits: Iterable[str]) -> Exception | None:
        """Returns why the run must fail, None if it need not.

        Args:
          read: How many bad records are allowed.
          splits: The names of all splits; `train` may not be empty, nor may all of them.
        """
        if self.rejects and read.on_bad_record == "fail":
            return self._fail_at_first_reject()
        counts = self.counts
        if counts[contract.RECORDS_REJECTED] > read.max_reject_fraction * counts[contract.RECORDS_READ]:
            return BadRecordError(self.rejects[0], self._describe_rejects(read.max_reject_fraction))
        by_split = ", ".join(f"{name}: {self.written.get(name, 0)}" for name in splits)
        first = f"; the first reject: {self.rejects[0]}" if self.rejects else ""
        if not self.accepted:
            return EmptySplitError(f"no record was accepted ({by_split}){first}\n{_SETTINGS_DO_NOT_FIT}")
        if "train" in splits and not self.written.get("train"):
            advice = first or "; check the shares or the pattern"
            return EmptySplitError(f"the split 'train' has no record ({by_split}){advice}")
        return None

    def _fail_at_first_reject(self) -> BadRecordError:
        lines = [str(self.rejects[0])]
        if not self.accepted:
            lines.append(f"No record was accepted before it; if others are like it, {_SETTINGS_DO_NOT_FIT}.")
        lines.append("Mend the record, or set `on_bad_record` to 'reject' to leave such records out and count them.")
        return BadRecordError(self.rejects[0], "\n".join(lines))

    def _describe_rejects(self, allowed: float) -> str:
        read, rejected = self.counts[contract.RECORDS_READ], self.counts[contract.RECORDS_REJECTED]
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.rejected.items()))
        first = "\n".join(f"  {reject}" for reject in self.rejects[:_SHOWN_REJECTS])
        return (
            f"{rejected} of {read} records were rejected ({reasons}), more than the fraction of {allowed} that "
            f"`max_reject_fraction` allows. The first:\n{first}"
        )


def _keep_first_rejects(rejects: Iterable[Reject]) -> list[Reject]:
    """Returns the first `MAX_REJECTS` by file, and record or row."""
    return sorted(rejects, key=lambda reject: (reject.file or "", reject.record or reject.row or 0))[:MAX_REJECTS]
