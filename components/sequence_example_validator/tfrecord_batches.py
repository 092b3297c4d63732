"""TFRecord files, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow as tf

from tfx_sequence.schemas.records import BadRecordError, Reason, bad_record

_BATCH = 256
_GZIP_MAGIC = b"\x1f\x8b"


def read_batches(path: str) -> Iterator[list[bytes]]:
    """Yields the serialized records of a file, plain or gzip, a few hundred at a time.

    Raises:
      BadRecordError: if the file is cut off or damaged, after the records before the damage were given.
    """
    with tf.io.gfile.GFile(path, "rb") as file:
        compression = "GZIP" if file.read(2) == _GZIP_MAGIC else ""
    records: list[bytes] = []
    position = 0
    try:
        for record in tf.data.TFRecordDataset(path, compression).as_numpy_iterator():
            records.append(record)
            if len(records) == _BATCH:
                position += _BATCH
                yield records
                records = []
    except tf.errors.DataLossError as error:
        if records:
            yield records
        raise _damaged(path, position + len(records), error) from None
    if records:
        yield records


def _damaged(path: str, record: int, error: tf.errors.DataLossError) -> BadRecordError:
    message = f"the file is cut off or damaged after {record} records: {error.message}"
    return bad_record(Reason.UNDECODABLE, message, file=path, record=record)
