"""Writes transformed RecordBatches as TFRecord files of SequenceExamples, a whole batch at a time."""

from __future__ import annotations

from typing import BinaryIO

import apache_beam as beam
import pyarrow as pa
from apache_beam.io import filebasedsink

from tfx_sequence.components.sequence_transform.records.record_batch import SequenceLayout, encode
from tfx_sequence.schemas.records.tfrecords import frame


class WriteSequenceExamples(beam.PTransform):
    """Writes what `beam.io.WriteToTFRecord` would write of the batches' records, without taking each alone."""

    def __init__(self, layout: SequenceLayout, prefix: str) -> None:
        """Takes where the columns go and how the files' paths begin."""
        super().__init__()
        self._layout = layout
        self._prefix = prefix

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[str]:
        """Writes the batches."""
        sink = _FramedSink(self._prefix, beam.coders.BytesCoder(), file_name_suffix=".gz")
        return batches | "Encode" >> beam.Map(framed, self._layout).with_output_types(bytes) | beam.io.Write(sink)


def framed(batch: pa.RecordBatch, layout: SequenceLayout) -> bytes:
    """The rows of the batch as they stand in a TFRecord file."""
    return b"".join(map(frame, encode(batch, layout)))


class _FramedSink(filebasedsink.FileBasedSink):
    """Files of what is framed already."""

    def write_encoded_record(self, file_handle: BinaryIO, encoded_value: bytes) -> None:
        file_handle.write(encoded_value)
