"""Writes transformed RecordBatches as TFRecord files of SequenceExamples, one batch at a time."""

from __future__ import annotations

from typing import BinaryIO

import apache_beam as beam
import pyarrow as pa
from apache_beam.io import filebasedsink

from tfx_sequence.components.sequence_transform.records.record_batch import SequenceLayout, encode
from tfx_sequence.schemas.records.tfrecords import frame


class WriteSequenceExamples(beam.PTransform):
    """Writes the same files as `beam.io.WriteToTFRecord`, but handles whole batches instead of single records.

    Args:
      layout: The place of each column in a SequenceExample.
      path_prefix: The beginning of the paths of all files.
    """

    def __init__(self, layout: SequenceLayout, path_prefix: str) -> None:
        super().__init__()
        self._layout = layout
        self._path_prefix = path_prefix

    def expand(self, batches: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[str]:
        """Writes the batches and returns the paths of the files."""
        sink = _FramedSink(self._path_prefix, beam.coders.BytesCoder(), file_name_suffix=".gz")
        return (
            batches | "Encode" >> beam.Map(encode_frames, self._layout).with_output_types(bytes) | beam.io.Write(sink)
        )


def encode_frames(batch: pa.RecordBatch, layout: SequenceLayout) -> bytes:
    """Returns the bytes of a TFRecord file with the rows of the batch."""
    return b"".join(map(frame, encode(batch, layout)))


class _FramedSink(filebasedsink.FileBasedSink):
    """A Beam sink for bytes that are already framed as TFRecords."""

    def write_encoded_record(self, file_handle: BinaryIO, encoded_value: bytes) -> None:
        file_handle.write(encoded_value)
