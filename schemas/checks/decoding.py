"""Decodes serialized SequenceExamples to Arrow batches, even if some of them cannot be decoded.

TFXIO's decoder gives up on a whole batch if one record in it is corrupt, or if two records have one feature in two
types, and does not say which record. Such a batch is taken apart here: a record that cannot be decoded becomes a
reject, and the others come in batches of like types.
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
    """Decodes records by what they hold, not by what a schema says of them, so that checks can compare the two."""

    def __init__(self) -> None:
        self._decoder = SequenceExamplesToRecordBatchDecoder(SEQUENCE)

    def decode(self, records: Sequence[bytes]) -> Iterator[tuple[Ints, pa.RecordBatch | Reject]]:
        """Yields batches, and a reject for each record that is in none.

        Args:
          records: Serialized SequenceExamples.

        Yields:
          The positions in `records` of those in the batch, int64 `[K]`, and the batch, or the reject of the only one.
        """
        try:
            batch = self._decoder.DecodeBatch(records)
        except Exception:  # What it raises depends on the version; what is wrong is found record by record.
            yield from self._decode_apart(records)
        else:
            yield np.arange(len(records)), batch

    def _decode_apart(self, records: Sequence[bytes]) -> Iterator[tuple[Ints, pa.RecordBatch | Reject]]:
        by_types: dict[str, list[int]] = {}
        for position, record in enumerate(records):
            try:
                types = self._decoder.DecodeBatch([record]).schema
            except Exception as error:  # As above.
                yield np.array([position]), _make_reject(record, error)
            else:
                by_types.setdefault(types.to_string(), []).append(position)
        for positions in by_types.values():
            yield np.array(positions), self._decoder.DecodeBatch([records[position] for position in positions])


def _make_reject(record: bytes, error: Exception) -> Reject:
    try:
        parse_example(record)
    except BadRecordError as bad:
        return bad.reject
    return Reject(reason=Reason.WRONG_TYPE, message=f"a feature mixes types: {error}")
