"""Serialized SequenceExamples to Arrow batches, also where some of them cannot be decoded.

TFXIO's decoder gives up on a whole batch if one record in it is corrupt, or if two records have one feature in two
types, and does not say which. Here such a batch is taken apart: a record that cannot be decoded becomes a reject, the
others come in batches of like types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from tfx_sequence.schemas.checks.arrow_columns import Ints
from tfx_sequence.schemas.compat import SequenceExamplesToRecordBatchDecoder
from tfx_sequence.schemas.records.examples import parse_example
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, Reject
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


class BatchDecoder:
    """Decodes by what the records hold, not by what a schema says of them, so that a check can compare the two."""

    def __init__(self) -> None:
        """Makes TFXIO's decoder."""
        self._decoder = SequenceExamplesToRecordBatchDecoder(SEQUENCE)

    def decode(self, records: Sequence[bytes]) -> Iterator[tuple[Ints, pa.RecordBatch | Reject]]:
        """Yields batches, and what cannot be in one, with the positions of their records in `records`, int64 `[K]`."""
        try:
            batch = self._decoder.DecodeBatch(records)
        except Exception:  # What it raises depends on the version; what is wrong is found record by record.
            yield from self._decode_apart(records)
        else:
            yield np.arange(len(records)), batch

    def _decode_apart(self, records: Sequence[bytes]) -> Iterator[tuple[Ints, pa.RecordBatch | Reject]]:
        alike: dict[str, list[int]] = {}
        for position, record in enumerate(records):
            try:
                types = self._decoder.DecodeBatch([record]).schema
            except Exception as error:  # As above.
                yield np.array([position]), _reject(record, error)
            else:
                alike.setdefault(types.to_string(), []).append(position)
        for positions in alike.values():
            yield np.array(positions), self._decoder.DecodeBatch([records[position] for position in positions])


def _reject(record: bytes, error: Exception) -> Reject:
    try:
        parse_example(record)
    except BadRecordError as bad:
        return bad.reject
    return Reject(reason=Reason.WRONG_TYPE, message=f"a feature mixes types: {error}")
