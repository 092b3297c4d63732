"""A feature of a batch of records as flat arrays, which checks compute with.

TFXIO gives a batch of SequenceExamples as an Arrow RecordBatch: a context feature is a list of values a record, and all
feature lists stand in one struct column, each as a list of steps a record, each step a list of values. A missing
feature list and an empty step are nulls. A `Column` is the same without nesting::

    records                  values            counts (of steps)   lengths (of records)   present
    [[a] [b c]], [], null    [a, b, c]         [1, 2]              [2, 0, 0]              [T, T, F]

A context feature is read as one step a record, or none where it is missing or holds no value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfx_sequence.schemas.tfmd.parts import SEQUENCE

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Column:
    """N records with S steps of V values in all.

    Attributes:
      values: The values of all steps, an Arrow array `[V]`; of Arrow's null type where there is no value.
      counts: The number of values in each step, `[S]`.
      lengths: The number of steps in each record, `[N]`.
      present: Whether the record has the feature at all, `[N]`.
      context: Whether it is a context feature.
    """

    values: pa.Array
    counts: Ints
    lengths: Ints
    present: Bools
    context: bool

    @cached_property
    def record_of_step(self) -> Ints:
        """The record that each step is in, `[S]`."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def step_of_value(self) -> Ints:
        """The step that each value is in, counted through the batch, `[V]`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def starts(self) -> Ints:
        """The first step of each record, counted through the batch, `[N]`."""
        return np.cumsum(self.lengths) - self.lengths

    def first_steps(self, wrong: Bools) -> tuple[Ints, Ints]:
        """Of the records with a step where `wrong` `[S]` holds: the record, and its first such step, both `[K]`."""
        steps = np.flatnonzero(wrong)
        records, first = np.unique(self.record_of_step[steps], return_index=True)
        return records, steps[first]

    def first_values(self, wrong: Bools) -> tuple[Ints, Ints]:
        """Of the records with a value where `wrong` `[V]` holds: the record, and its first such value, both `[K]`."""
        values = np.flatnonzero(wrong)
        records, first = np.unique(self.record_of_step[self.step_of_value[values]], return_index=True)
        return records, values[first]

    def with_one_value_a_step(self) -> Column:
        """The column with no step in those records that have a step without a value, or with several."""
        wrong = self.counts != 1
        if not wrong.any():
            return self
        kept = np.ones(len(self.lengths), np.bool_)
        kept[self.record_of_step[wrong]] = False
        steps = kept[self.record_of_step]
        values = pa.array(steps[self.step_of_value])
        lengths = np.where(kept, self.lengths, 0)
        return Column(self.values.filter(values), self.counts[steps], lengths, self.present, self.context)

    def place(self, step: int) -> str:
        """Where in its record a step is that is counted through the batch, as the end of a phrase."""
        return "" if self.context else f" at step {step - self.starts[self.record_of_step[step]]}"

    def value(self, index: int) -> Any:
        """One value, as Python has it, and bytes as a string."""
        return _readable(self.values[int(index)].as_py())

    def first_of_each(self) -> list[Any]:
        """The first value of each record as `value` gives it, None where there is none, `[N]`."""
        found: list[Any] = [None] * len(self.lengths)
        records, values = self.first_values(np.ones(len(self.values), np.bool_))
        for record, value in zip(records.tolist(), self.values.take(pa.array(values)).to_pylist(), strict=True):
            found[record] = _readable(value)
        return found


def read_column(batch: pa.RecordBatch, name: str, context: bool) -> Column:
    """The feature `name` of a batch as TFXIO gives it; one that no record has is present nowhere."""
    nested = _context(batch, name) if context else _feature_list(batch, name)
    if nested is None:
        nothing = np.zeros(batch.num_rows, np.int64)
        return Column(pa.nulls(0), np.zeros(0, np.int64), nothing, nothing.astype(np.bool_), context)
    if context:
        counts = _lengths(nested)
        present = counts > 0
        return Column(nested.flatten(), counts[present], present.astype(np.int64), present, context)
    steps = nested.flatten()
    if pa.types.is_null(steps.type):  # Every step of the batch is empty.
        return Column(pa.nulls(0), np.zeros(len(steps), np.int64), _lengths(nested), _present(nested), context)
    return Column(steps.flatten(), _lengths(steps), _lengths(nested), _present(nested), context)


def feature_names(batch: pa.RecordBatch) -> list[str]:
    """The names of a batch's context features, and then of its sequence features."""
    names = [name for name in batch.schema.names if name != SEQUENCE]
    index = batch.schema.get_field_index(SEQUENCE)
    if index >= 0 and pa.types.is_struct(batch.schema.field(index).type):
        names += [field.name for field in batch.schema.field(index).type]
    return names


def _readable(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _context(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    index = batch.schema.get_field_index(name)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return None
    return batch.column(index)


def _feature_list(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    index = batch.schema.get_field_index(SEQUENCE)
    if index < 0 or not pa.types.is_struct(batch.schema.field(index).type):
        return None
    struct = batch.column(index)
    field = struct.type.get_field_index(name)
    if field < 0 or pa.types.is_null(struct.type[field].type):
        return None
    # Unlike `field`, `flatten` makes a child null where the struct is: a record without feature lists has none of them.
    return struct.flatten()[field]


def _lengths(lists: pa.Array) -> Ints:
    return np.asarray(pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False), np.int64)


def _present(lists: pa.Array) -> Bools:
    return np.asarray(pc.is_valid(lists).to_numpy(zero_copy_only=False), np.bool_)
