"""What a split of records looks like: lengths, values, what is missing, what repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tfx_sequence.schemas.checks.arrow_columns import Column
from tfx_sequence.schemas.checks.fingerprints import fingerprints
from tfx_sequence.schemas.checks.lengths import Lengths
from tfx_sequence.schemas.spec import SequenceSpec


class Profile:
    """Counts of one split, batch by batch. It holds each distinct string, and a number for each distinct record.

    Attributes:
      records: The records that were counted.
      lengths: Of the records.
      present: Feature name to the number of records that have it.
      values: Name of a string feature that is an input or a label to its values, and how often each is there.
      contents: A number for what the inputs and labels of a record hold, and how often that is there.
    """

    def __init__(self, spec: SequenceSpec) -> None:
        """Takes what the records are."""
        self._spec = spec
        used = {name: feature for name, feature in spec.features.items() if feature.role in ("input", "label")}
        self._used = tuple(used)
        self.records = 0
        self.lengths = Lengths()
        self.present: Counter[str] = Counter()
        self.values: dict[str, Counter[bytes]] = {
            name: Counter() for name, feature in used.items() if feature.dtype == "string"
        }
        self.contents: Counter[int] = Counter()

    def add(self, columns: Mapping[str, Column]) -> None:
        """Counts the records of a batch, given as all of its features."""
        sequence = [columns[name] for name in self._spec.sequence]
        lengths = np.stack([column.lengths for column in sequence]).max(axis=0)
        self.records += len(lengths)
        self.lengths.add(lengths)
        for name, column in columns.items():
            self.present[name] += int(column.present.sum())
        for name, counter in self.values.items():
            values = columns[name].values
            # A feature of another type is another finding; its values are no strings to count.
            if pa.types.is_large_binary(values.type):
                found = pc.value_counts(values)
                for value, count in zip(found.field(0).to_pylist(), found.field(1).to_pylist(), strict=True):
                    counter[value] += count
        if self._used:
            self.contents.update(fingerprints({name: columns[name] for name in self._used}).tolist())
