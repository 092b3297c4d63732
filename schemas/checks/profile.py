"""Counts the lengths, the values, the missing features and the repeated records of a split."""

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
    """The counts of one split. Records are added batch by batch.

    A profile holds every distinct string, and one number for every distinct record.

    Args:
      spec: The spec of the records.

    Attributes:
      num_records: The number of records.
      lengths: The distribution of the lengths of the records.
      record_counts: Feature name to the number of records that have the feature.
      value_counts: Feature name to the number of times that each value occurs, for string features that are inputs or
        labels.
      fingerprint_counts: Fingerprint to the number of records that have it. Fingerprints are computed from inputs and
        labels.
    """

    def __init__(self, spec: SequenceSpec) -> None:
        self._spec = spec
        self._inputs_and_labels = [
            name for name, feature in spec.features.items() if feature.role in ("input", "label")
        ]
        self.num_records = 0
        self.lengths = Lengths()
        self.record_counts: Counter[str] = Counter()
        strings = [name for name in self._inputs_and_labels if spec.features[name].dtype == "string"]
        self.value_counts: dict[str, Counter[bytes]] = {name: Counter() for name in strings}
        self.fingerprint_counts: Counter[int] = Counter()

    def add(self, columns: Mapping[str, ArrowColumn]) -> None:
        """Adds the records of a batch.

        Args:
          columns: Feature name to values, for all features of the spec.
        """
        # The length of a record is the length of its longest feature.
        lengths = np.stack([columns[name].lengths for name in self._spec.sequence]).max(axis=0)
        self.num_records += len(lengths)
        self.lengths.add(lengths)
        for name, column in columns.items():
            self.record_counts[name] += int(column.present.sum())
        for name, counter in self.value_counts.items():
            _count_strings(columns[name], counter)
        if self._inputs_and_labels:
            fingerprints = fingerprint_records({name: columns[name] for name in self._inputs_and_labels})
            self.fingerprint_counts.update(fingerprints.tolist())


def _count_strings(column: ArrowColumn, counter: Counter[bytes]) -> None:
    """Adds the number of times that each string of a column occurs."""
    # In a broken batch the values may be numbers. The record checks report them, so they are ignored here.
    if column.dtype != "string":
        return
    counts = pc.value_counts(column.values)
    for value, count in zip(counts.field(0).to_pylist(), counts.field(1).to_pylist(), strict=True):
        counter[value] += count
