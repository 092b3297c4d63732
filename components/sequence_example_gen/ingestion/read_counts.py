"""Counts the records that were read, accepted, rejected and written, and decides whether the run must fail.

The number of records read is always the sum of the accepted and the rejected records. The number of files that the
patterns match is always the sum of the whole and the damaged files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.spec import Frozen

MAX_REJECTS = 1000
"""The maximum number of rejects that are kept. All rejects are counted. The kept rejects pass through Beam and are
written to one file, of which a person reads a small part."""

_MAX_SHOWN_REJECTS = 5
"""The maximum number of rejects, or of damaged files, in a message, so that the message fits on a screen."""

_SETTINGS_DO_NOT_FIT = "the format, its options or the features are not those of the data"


class EmptySplitError(ValueError):
    """There is no record at all, or the split `train` has no record."""


class DamagedFilesError(ValueError):
    """More files are damaged than the settings allow."""


class ReadCounts(Frozen):
    """Counts of records and files.

    Attributes:
      accepted: The number of records that were accepted.
      truncated: The number of accepted records that were truncated.
      rejected: The number of rejected records by reason.
      rejects: The first `MAX_REJECTS` rejects, in the order of files and records.
      written: The number of written SequenceExamples by split. Each piece of a record is one SequenceExample.
      num_files: The number of files that were to be read, whole or damaged.
      damaged_files: The damaged files, by name.
    """

    accepted: int = 0
    truncated: int = 0
    rejected: dict[str, int] = pydantic.Field(default_factory=dict)
    rejects: tuple[Reject, ...] = ()
    written: dict[str, int] = pydantic.Field(default_factory=dict)
    num_files: int = 0
    damaged_files: tuple[DamagedFile, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """The counts by the name of the artifact property and of the Beam counter."""
        rejected = sum(self.rejected.values())
        return {
            contract.RECORDS_READ: self.accepted + rejected,
            contract.RECORDS_ACCEPTED: self.accepted,
            contract.RECORDS_REJECTED: rejected,
            contract.RECORDS_TRUNCATED: self.truncated,
            contract.FILES_MATCHED: self.num_files,
            contract.FILES_WHOLE: self.num_files - len(self.damaged_files),
            contract.FILES_DAMAGED: len(self.damaged_files),
        }

    @classmethod
    def merge(cls, parts: Iterable[ReadCounts]) -> ReadCounts:
        """Adds counts. The order of the parts does not matter."""
        accepted = 0
        truncated = 0
        rejected = Counter[str]()
        written = Counter[str]()
        rejects: list[Reject] = []
        num_files = 0
        damaged_files: list[DamagedFile] = []
        for part in parts:
            accepted += part.accepted
            truncated += part.truncated
            rejected.update(part.rejected)
            written.update(part.written)
            rejects = _keep_first_rejects([*rejects, *part.rejects])
            num_files += part.num_files
            damaged_files += part.damaged_files
        return cls(
            accepted=accepted,
            truncated=truncated,
            rejected=dict(rejected),
            rejects=tuple(rejects),
            written=dict(written),
            num_files=num_files,
            damaged_files=tuple(sorted(damaged_files, key=lambda damaged_file: damaged_file.file)),
        )

    def find_failure(self, read: ReadConfig, splits: Iterable[str]) -> Exception | None:
        """Returns the error with which the run must fail, or None if the run is successful.

        Args:
          read: The settings that limit the number of bad records.
          splits: The names of all splits. If `train` is one of them, it must have a record.
        """
        if len(self.damaged_files) > read.max_damaged_files:
            return DamagedFilesError(self._describe_damaged_files(read.max_damaged_files))
        if self.rejects and read.on_bad_record == "fail":
            return self._make_first_reject_error()
        counts = self.counts
        if counts[contract.RECORDS_REJECTED] > read.max_reject_fraction * counts[contract.RECORDS_READ]:
            return BadRecordError(self.rejects[0], self._describe_rejects(read.max_reject_fraction))
        written_by_split = ", ".join(f"{name}: {self.written.get(name, 0)}" for name in splits)
        first_reject = f"; the first reject: {self.rejects[0]}" if self.rejects else ""
        if self.damaged_files:
            first_reject += f"; the first damaged file: {self.damaged_files[0]}"
        if not self.accepted:
            return EmptySplitError(f"no record was accepted ({written_by_split}){first_reject}\n{_SETTINGS_DO_NOT_FIT}")
        if "train" in splits and not self.written.get("train"):
            advice = first_reject or "; check the shares or the pattern"
            return EmptySplitError(f"the split 'train' has no record ({written_by_split}){advice}")
        return None

    def _make_first_reject_error(self) -> BadRecordError:
        lines = [str(self.rejects[0])]
        if not self.accepted:
            lines.append(f"No record was accepted before it; if others are like it, {_SETTINGS_DO_NOT_FIT}.")
        lines.append("Correct the record, or set `on_bad_record` to 'reject' to leave such records out and count them.")
        return BadRecordError(self.rejects[0], "\n".join(lines))

    def _describe_damaged_files(self, max_damaged_files: int) -> str:
        shown_files = "\n".join(f"  {damaged_file}" for damaged_file in self.damaged_files[:_MAX_SHOWN_REJECTS])
        lines = [
            f"{len(self.damaged_files)} of {self.num_files} files cannot be read to their end, more than the "
            f"{max_damaged_files} that `max_damaged_files` allows:",
            shown_files,
        ]
        if not self.accepted:
            lines.append(f"No record was accepted; perhaps {_SETTINGS_DO_NOT_FIT}.")
        return "\n".join(lines)

    def _describe_rejects(self, max_fraction: float) -> str:
        num_read = self.counts[contract.RECORDS_READ]
        num_rejected = self.counts[contract.RECORDS_REJECTED]
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.rejected.items()))
        first_rejects = "\n".join(f"  {reject}" for reject in self.rejects[:_MAX_SHOWN_REJECTS])
        return (
            f"{num_rejected} of {num_read} records were rejected ({reasons}), more than the fraction of {max_fraction} "
            f"that `max_reject_fraction` allows. The first:\n{first_rejects}"
        )


def _keep_first_rejects(rejects: Iterable[Reject]) -> list[Reject]:
    """Returns the first `MAX_REJECTS` rejects, sorted by file and by record or row.

    A reject of a whole file has neither record nor row and is sorted like the first record.
    """
    return sorted(rejects, key=lambda reject: (reject.file or "", reject.record or reject.row or 0))[:MAX_REJECTS]
