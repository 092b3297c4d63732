"""Decodes serialized SequenceExamples to Arrow batches, even if some records cannot be decoded.

The decoder of TFXIO fails for a whole batch if one record is corrupt, or if a feature has different types in two
records. It does not say which record is at fault. This module then decodes the records one by one. A record that
cannot be decoded becomes a reject. The other records are decoded in batches of records whose features have equal types.
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
    """Decodes records without a schema, so that checks can compare the types in the records with a schema."""

    def __init__(self) -> None:
        self._decoder = SequenceExamplesToRecordBatchDecoder(SEQUENCE)

    def decode(self, records: Sequence[bytes]) -> Iterator[tuple[Ints, pa.RecordBatch | Reject]]:
        """Decodes records, and makes a reject of each record that cannot be decoded.

        Args:
          records: Serialized SequenceExamples.

        Yields:
          A pair. The first item is the positions in `records` of K records, int64 `[K]`. The second item is the batch
          of these records. If a record cannot be decoded, K is 1 and the second item is the reject of the record.
        """
        try:
            batch = self._decoder.DecodeBatch(records)
        except Exception:  # The class of the error depends on the version of TFXIO.
            yield from self._decode_one_by_one(records)
        else:
            yield np.arange(len(records)), batch

    def _decode_one_by_one(self, records: Sequence[bytes]) -> Iterator[tuple[Ints, pa.RecordBatch | Reject]]:
        """Yields the rejects of records that cannot be decoded, and then one batch for each set of feature types."""
        positions_by_types: dict[str, list[int]] = {}
        for position, record in enumerate(records):
            try:
                types = self._decoder.DecodeBatch([record]).schema
            except Exception as error:  # The class of the error depends on the version of TFXIO.
                yield np.array([position]), _make_reject(record, error)
            else:
                positions_by_types.setdefault(types.to_string(), []).append(position)
        for positions in positions_by_types.values():
            batch = self._decoder.DecodeBatch([records[position] for position in positions])
            yield np.array(positions), batch


def _make_reject(record: bytes, error: Exception) -> Reject:
    """Makes the reject of a record that TFXIO cannot decode."""
    # A record that protobuf can parse is not corrupt. TFXIO then failed because one feature has values of two types.
    try:
        parse_example(record)
    except BadRecordError as bad:
        return bad.reject
    return Reject(reason=Reason.WRONG_TYPE, message=f"a feature mixes types: {error}")
