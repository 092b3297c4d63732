"""Counts what a split of records looks like: lengths, values, what is missing, what repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow.compute as pc

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn
from tfx_sequence.schemas.checks.fingerprints import fingerprint_records
from tfx_sequence.schemas.checks.lengths import Lengths
from tfx_sequence.schemas.spec import SequenceSpec


class Profile:
    """Counts of one split, which grow batch by batch.

    It holds each distinct string, and a number for each distinct record.

    Args:
      spec: What the records are.

    Attributes:
      records: The number of records.
      lengths: The lengths of the records.
      present: Feature name to the number of records that have it.
      values: Name of a string feature that is an input or a label to its values, and how often each occurs.
      contents: Fingerprint of the inputs and labels of a record to the number of records that have it.
    """

    def __init__(self, spec: SequenceSpec) -> None:
        self._spec = spec
        self._used = [name for name, feature in spec.features.items() if feature.role in ("input", "label")]
        self.records = 0
        self.lengths = Lengths()
        self.present: Counter[str] = Counter()
        strings = [name for name in self._used if spec.features[name].dtype == "string"]
        self.values: dict[str, Counter[bytes]] = {name: Counter() for name in strings}
        self.contents: Counter[int] = Counter()

    def add(self, columns: Mapping[str, ArrowColumn]) -> None:
        """Counts the records of a batch, given as all features of the spec."""
        lengths = np.stack([columns[name].lengths for name in self._spec.sequence]).max(axis=0)
        self.records += len(lengths)
        self.lengths.add(lengths)
        for name, column in columns.items():
            self.present[name] += int(column.present.sum())
        for name, counter in self.values.items():
            column = columns[name]
            # A feature of another type is a finding of the record checks; its values are no strings to count.
            if column.dtype == "string":
                counts = pc.value_counts(column.values)
                for value, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True):
                    counter[value] += count
        if self._used:
            self.contents.update(fingerprint_records({name: columns[name] for name in self._used}).tolist())
