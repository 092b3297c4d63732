"""RecordBatches in less memory, where Beam keeps them between two stages.

Beam's own runner holds what passes from one stage to the next as bytes, in memory: of the transformed data, for one,
until its statistics are taken. TFDV's coder writes plain Arrow; offsets, small ids and words that come again and again
take a fifth to a tenth of that when compressed, in a time that does not show.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
from apache_beam.coders.typecoders import registry as coders

_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)  # Beam minds how many threads there are.


class CompressedBatchCoder(beam.coders.Coder):
    """A RecordBatch as a stream of compressed Arrow IPC.

    A pipeline carries its coders with it, so a worker needs nothing but this module, like the rest of the package. What
    one of this coder and TFDV's wrote, the other reads.
    """

    def encode(self, value: pa.RecordBatch) -> bytes:
        """The batch as bytes."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, value.schema, options=_OPTIONS) as writer:
            writer.write_batch(value)
        return sink.getvalue().to_pybytes()

    def decode(self, encoded: bytes) -> pa.RecordBatch:
        """The batch that `encode` was given."""
        return pa.ipc.open_stream(encoded).read_next_batch()

    def estimate_size(self, value: pa.RecordBatch) -> int:
        """Bytes of the batch in memory: Beam asks often, and would encode it only to know."""
        return int(value.nbytes)

    def to_type_hint(self) -> type[pa.RecordBatch]:
        """What is encoded."""
        return pa.RecordBatch


@contextlib.contextmanager
def compressed_batches() -> Iterator[None]:
    """Pipelines that are built within have their RecordBatches compressed; afterwards Beam's coder is as it was."""
    before = type(coders.get_coder(pa.RecordBatch))
    coders.register_coder(pa.RecordBatch, CompressedBatchCoder)
    try:
        yield
    finally:
        coders.register_coder(pa.RecordBatch, before)
