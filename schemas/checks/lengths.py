"""Computes the distribution of sequence lengths, and the share of padding that results in batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfx_sequence.schemas.checks.arrow_columns import Ints

# Shares such as 0.95 have no exact float. With this tolerance, 19 of 20 records still count as a share of 0.95.
_ROUNDING_ERROR = 1e-12


class Lengths:
    """The exact distribution of the lengths of records. Records are added batch by batch."""

    def __init__(self) -> None:
        self._counts: Ints = np.zeros(0, np.int64)  # The number of records of length 0, 1, 2, ...

    def add(self, lengths: Ints) -> None:
        """Adds the lengths of the records of a batch, int64 `[N]`."""
        counts = np.bincount(lengths, minlength=len(self._counts))
        counts[: len(self._counts)] += self._counts
        self._counts = counts

    @property
    def num_records(self) -> int:
        """The number of records."""
        return int(self._counts.sum())

    @property
    def num_steps(self) -> int:
        """The number of steps in all records."""
        return int((self._counts * np.arange(len(self._counts))).sum())

    def compute_quantiles(self, shares: Sequence[float]) -> tuple[int, ...]:
        """Returns the quantiles of the lengths.

        Args:
          shares: Shares of the records, from 0 to 1, such as 0.5 for the median.

        Returns:
          For each share, the smallest length that is enough for at least this share of the records. It is 0 if there
          are no records.
        """
        if not self.num_records:
            return (0,) * len(shares)
        # The share of records that are not longer than 0, 1, 2, ...
        cumulative_share = np.cumsum(self._counts) / self.num_records
        # `argmax` returns the first length that is enough for the share. For a share of 0, it is the minimum length.
        is_not_below_minimum = cumulative_share > 0
        quantiles = []
        for share in shares:
            is_enough = cumulative_share >= share - _ROUNDING_ERROR
            quantiles.append(int(np.argmax(is_not_below_minimum & is_enough)))
        return tuple(quantiles)

    def compute_histogram(self, bins: int) -> tuple[tuple[int, int, int], ...]:
        """Returns a histogram of the lengths.

        Args:
          bins: The maximum number of ranges.

        Returns:
          Ranges of equal width. Each range is a tuple of the first length, the last length and the number of records.
        """
        if not self.num_records:
            return ()
        low = int(np.argmax(self._counts > 0))
        high = len(self._counts) - 1
        width = -(-(high - low + 1) // bins)  # The negations round the quotient up.
        starts = np.arange(low, high + 1, width)
        counts = np.add.reduceat(self._counts, starts)
        ends = np.minimum(starts + width - 1, high)
        return tuple(zip(starts.tolist(), ends.tolist(), counts.tolist(), strict=True))

    def compute_padding_share(self, batch_size: int, sorted_by_length: bool) -> float:
        """Returns the share of steps that are padding, if each batch is padded to the length of its longest record.

        Args:
          batch_size: The number of records per batch.
          sorted_by_length: True if records are sorted by length before they are batched, which length bucketing
            approximates. False if records are in random order. The result is then the expected share.

        Returns:
          The share, from 0 to 1. It is 0 if no record has a step.
        """
        if not self.num_steps:
            return 0.0
        if sorted_by_length:
            return self._compute_sorted_padding(batch_size)
        return self._compute_expected_padding(batch_size)

    def _compute_sorted_padding(self, batch_size: int) -> float:
        """Computes the share of padding for records in the order of their lengths."""
        lengths = np.repeat(np.arange(len(self._counts)), self._counts)
        ends = np.minimum(np.arange(0, self.num_records, batch_size) + batch_size, self.num_records)
        sizes = np.diff(ends, prepend=0)  # The last batch may be smaller.
        longest = lengths[ends - 1]
        return float(1 - self.num_steps / (longest * sizes).sum())

    def _compute_expected_padding(self, batch_size: int) -> float:
        """Computes the expected share of padding for records in random order.

        The mean length of the longest record of a batch is the sum, over all lengths x, of the probability that the
        longest record is longer than x. This probability is `1 - P(length <= x) ** batch_size`.
        """
        cumulative_share: npt.NDArray[np.float64] = np.cumsum(self._counts) / self.num_records
        mean_longest = (1 - cumulative_share**batch_size).sum()
        return float(1 - self.num_steps / self.num_records / mean_longest)
