"""The distribution of the lengths of sequences, and the share of padding that they cost in batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfx_sequence.schemas.checks.arrow_columns import Ints

# Shares such as 0.95 have no exact float: 19 of 20 records, divided, must still count as 0.95 of them.
_ROUNDING = 1e-12


class Lengths:
    """The exact distribution of the lengths of records, which grows batch by batch."""

    def __init__(self) -> None:
        self._counts: Ints = np.zeros(0, np.int64)  # Records of length 0, 1, 2, ...

    def add(self, lengths: Ints) -> None:
        """Counts the records of a batch, with their lengths `[N]`."""
        counts = np.bincount(lengths, minlength=len(self._counts))
        counts[: len(self._counts)] += self._counts
        self._counts = counts

    @property
    def records(self) -> int:
        """The number of records."""
        return int(self._counts.sum())

    @property
    def steps(self) -> int:
        """The number of steps of all records."""
        return int((self._counts * np.arange(len(self._counts))).sum())

    def quantiles(self, shares: Sequence[float]) -> tuple[int, ...]:
        """Returns, for each share, the least length that at least this share of the records does not exceed.

        Without records it is 0.
        """
        if not self.records:
            return (0,) * len(shares)
        covered = np.cumsum(self._counts) / self.records
        return tuple(int(np.argmax((covered > 0) & (covered >= share - _ROUNDING))) for share in shares)

    def histogram(self, bins: int) -> tuple[tuple[int, int, int], ...]:
        """Returns the lengths in at most `bins` ranges of equal width: from, to (both included), records."""
        if not self.records:
            return ()
        low, high = int(np.argmax(self._counts > 0)), len(self._counts) - 1
        width = -(-(high - low + 1) // bins)
        starts = np.arange(low, high + 1, width)
        counts = np.add.reduceat(self._counts, starts)
        ends = np.minimum(starts + width - 1, high)
        return tuple(zip(starts.tolist(), ends.tolist(), counts.tolist(), strict=True))

    def padding(self, batch_size: int, sorted_by_length: bool) -> float:
        """Returns the share of steps that are padding in batches padded to their longest record; 0 without a step.

        Args:
          batch_size: Records in a batch.
          sorted_by_length: True for batches of records of like length, as length bucketing comes near to; False for
            records in random order: the share that is expected, by the mean length of a batch's longest record, the
            sum over x of `1 - P(length <= x) ** batch_size`.
        """
        if not self.steps:
            return 0.0
        if sorted_by_length:
            lengths = np.repeat(np.arange(len(self._counts)), self._counts)
            ends = np.minimum(np.arange(0, self.records, batch_size) + batch_size, self.records)
            sizes = np.diff(ends, prepend=0)
            return float(1 - self.steps / (lengths[ends - 1] * sizes).sum())
        covered: npt.NDArray[np.float64] = np.cumsum(self._counts) / self.records
        longest = (1 - covered**batch_size).sum()
        return float(1 - self.steps / self.records / longest)
