"""Wraps the parts of tfx_bsl and Beam that read files of SequenceExamples as Arrow RecordBatches."""

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
    """The stock reader of SequenceExamples, extended so that subclasses can read in another way."""

    @property
    def file_patterns(self) -> list[str]:
        """The patterns of the files' paths."""
        return list(self._file_pattern)

    def count_batches(self) -> beam.PTransform:
        """Makes the Beam transform that returns RecordBatches unchanged and counts them in the stock Beam metrics."""
        return telemetry.ProfileRecordBatches(self.telemetry_descriptors, self._logical_format, self._physical_format)

    def _ProjectImpl(self, tensor_names: list[str]) -> SequenceExampleBatchReader:
        # TFT calls this to read only some tensors. The stock method would return a stock reader instead of a reader of
        # the subclass.
        schema = self._ProjectTfmdSchema(tensor_names)
        return type(self)(self._file_pattern, self.telemetry_descriptors, schema=schema)


def concatenate_sources(sources: Sequence[Any]) -> Any:
    """Makes one Beam source from several. The documented way, Flatten, would keep the sources separate."""
    return ConcatSource(sources)
