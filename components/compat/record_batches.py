"""Files of SequenceExamples as Arrow RecordBatches, by means of tfx_bsl and Beam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io.concat_source import ConcatSource
from tfx_bsl.arrow.table_util import MergeRecordBatches as merge_record_batches
from tfx_bsl.tfxio import telemetry
from tfx_bsl.tfxio.tf_sequence_example_record import TFSequenceExampleRecord

__all__ = ["SequenceExampleBatchReader", "concatenate_sources", "merge_record_batches"]


class SequenceExampleBatchReader(TFSequenceExampleRecord):
    """Stock's reader of SequenceExamples, open to subclasses that read in another way and take its place."""

    @property
    def file_patterns(self) -> list[str]:
        """The patterns of the files."""
        return list(self._file_pattern)

    def count_batches(self) -> beam.PTransform:
        """Makes the transform that passes RecordBatches on and counts them in stock's Beam metrics."""
        return telemetry.ProfileRecordBatches(self.telemetry_descriptors, self._logical_format, self._physical_format)

    def _ProjectImpl(self, tensor_names: list[str]) -> SequenceExampleBatchReader:
        # Stock's own makes a stock reader, and what a subclass does differently would be lost.
        schema = self._ProjectTfmdSchema(tensor_names)
        return type(self)(self._file_pattern, self.telemetry_descriptors, schema=schema)


def concatenate_sources(sources: Sequence[Any]) -> Any:
    """Makes one Beam source of several. Beam has no documented class for it, only Flatten, which reads them apart."""
    return ConcatSource(sources)
