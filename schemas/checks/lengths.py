"""How long sequences are, and what that costs in padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfx_sequence.schemas.checks.arrow_columns import Ints


class Lengths:
    """The exact distribution of the lengths of records."""

    def __init__(self) -> None:
        """Of no record yet."""
        self._counts: Ints = np.zeros(0, np.int64)

    def add(self, lengths: Ints) -> None:
        """Counts the records of a batch, with their lengths `[N]`."""
        counts = np.bincount(lengths, minlength=len(self._counts))
        counts[: len(self._counts)] += self._counts
        self._counts = counts

    @property
    def records(self) -> int:
        """How many records there are."""
        return int(self._counts.sum())

    @property
    def steps(self) -> int:
        """How many steps they have in all."""
        return int((self._counts * np.arange(len(self._counts))).sum())

    def quantiles(self, shares: Sequence[float]) -> tuple[int, ...]:
        """The least lengths that at least such shares of the records do not exceed; 0 where there is no record."""
        if not self.records:
            return (0,) * len(shares)
        upto = np.cumsum(self._counts) / self.records
        return tuple(int(np.argmax((upto > 0) & (upto >= share - 1e-12))) for share in shares)

    def histogram(self, bins: int) -> tuple[tuple[int, int, int], ...]:
        """The lengths in at most `bins` ranges of equal width: from, to (both included), records."""
        if not self.records:
            return ()
        low, high = int(np.argmax(self._counts > 0)), len(self._counts) - 1
        width = -(-(high - low + 1) // bins)
        starts = np.arange(low, high + 1, width)
        counts = np.add.reduceat(self._counts, starts)
        ends = np.minimum(starts + width - 1, high)
        return tuple(zip(starts.tolist(), ends.tolist(), counts.tolist(), strict=True))

    def padding(self, batch_size: int, sorted_by_length: bool) -> float:
        """The share of steps that are padding, in batches padded to their longest record; 0 if there is no step.

        Args:
          batch_size: Records in a batch.
          sorted_by_length: True for batches of records of like length, as length bucketing comes near to; False for
            records in random order: the expectation, sum over x of 1 - P(length <= x) ** batch_size a batch.
        """
        if not self.steps:
            return 0.0
        if sorted_by_length:
            lengths = np.repeat(np.arange(len(self._counts)), self._counts)
            ends = np.minimum(np.arange(0, self.records, batch_size) + batch_size, self.records)
            sizes = np.diff(ends, prepend=0)
            return float(1 - self.steps / (lengths[ends - 1] * sizes).sum())
        upto: npt.NDArray[np.float64] = np.cumsum(self._counts) / self.records
        longest = (1 - upto**batch_size).sum()
        return float(1 - self.steps / self.records / longest)
