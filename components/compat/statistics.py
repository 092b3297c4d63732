"""TFDV's statistics, computed without Beam, and the words that it has in them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import tensorflow_data_validation as tfdv
from tensorflow_data_validation import constants
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2

UNLISTED_VALUES = frozenset({constants.NON_UTF8_PLACEHOLDER, constants.LARGE_BYTES_PLACEHOLDER})
"""What TFDV writes instead of values that are not UTF-8, or longer than it keeps."""

# TFDV has no class for this error. The first text is of one batch with two types, the second of two batches.
_TYPE_DISAGREEMENT = ("incompatible type", "the type of feature")


class BatchStatistics:
    """Statistics that grow by one RecordBatch at a time, equal to those that TFDV computes under Beam.

    Beam takes seconds to start, however few records there are. TFDV's generators are made for merging and need no Beam.
    """

    def __init__(self, options: tfdv.StatsOptions) -> None:
        self._options = options
        self._generators = stats_impl.get_generators(options, in_memory=True)
        self._accumulators: list[Any] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Counts a batch.

        Raises:
          RuntimeError, TypeError: where `is_type_disagreement` holds, if a feature has another type than before.
        """
        accumulators = stats_impl.generate_partial_statistics_in_memory(batch, self._options, self._generators)
        if self._accumulators:
            pairs = zip(self._accumulators, accumulators, strict=True)
            accumulators = [
                generator.merge_accumulators(pair) for generator, pair in zip(self._generators, pairs, strict=True)
            ]
        self._accumulators = accumulators

    def extract(self) -> statistics_pb2.DatasetFeatureStatisticsList:
        """Returns the statistics of all batches."""
        if not self._accumulators:  # As StatisticsGen has it for a split without records.
            return statistics_pb2.DatasetFeatureStatisticsList(datasets=[statistics_pb2.DatasetFeatureStatistics()])
        return stats_impl.extract_statistics_output(self._accumulators, self._generators)


def is_type_disagreement(error: Exception) -> bool:
    """Whether TFDV raised the error because one feature has two types."""
    return any(words in str(error) for words in _TYPE_DISAGREEMENT)
