"""Computes TFDV's statistics without Beam, and names the special values in these statistics."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation import constants
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2

UNLISTED_VALUES = frozenset({constants.NON_UTF8_PLACEHOLDER, constants.LARGE_BYTES_PLACEHOLDER})
"""The texts that TFDV writes instead of values that are not UTF-8 or are too long."""

# TFDV has no class for this error, so it is recognised by its message. The first text is used if one batch has two
# types, and the second text if two batches have different types.
_TYPE_DISAGREEMENT_MESSAGES = ("incompatible type", "the type of feature")


class BatchStatistics:
    """Computes statistics from one RecordBatch after another. The result is the same as with TFDV under Beam.

    Beam needs seconds to start, even for a few records. TFDV's generators can merge their results without Beam.

    Args:
      options: The options of TFDV's statistics.
    """

    def __init__(self, options: tfdv.StatsOptions) -> None:
        self._options = options
        self._generators = stats_impl.get_generators(options, in_memory=True)
        self._accumulators: list[Any] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds a batch to the statistics.

        Raises:
          RuntimeError, TypeError: if a feature has another type than before. See `is_type_disagreement`.
        """
        new_accumulators = stats_impl.generate_partial_statistics_in_memory(batch, self._options, self._generators)
        if not self._accumulators:
            self._accumulators = new_accumulators
            return
        merged_accumulators = []
        for generator, old, new in zip(self._generators, self._accumulators, new_accumulators, strict=True):
            merged_accumulators.append(generator.merge_accumulators([old, new]))
        self._accumulators = merged_accumulators

    def extract(self) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Returns the statistics of all batches."""
        if not self._accumulators:  # StatisticsGen returns the same for a split without records.
            return statistics_pb2.DatasetFeatureStatisticsList(datasets=[statistics_pb2.DatasetFeatureStatistics()])
        return stats_impl.extract_statistics_output(self._accumulators, self._generators)


def is_type_disagreement(error: Exception) -> bool:
    """Returns whether TFDV raised the error because one feature has two types."""
    return any(message in str(error) for message in _TYPE_DISAGREEMENT_MESSAGES)
