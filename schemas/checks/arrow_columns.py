"""Reads a feature of a batch of records as flat arrays, which checks compute with.

TFXIO gives a batch of SequenceExamples as an Arrow RecordBatch. There a context feature is a list of values a record.
All feature lists stand in one struct column, each as a list of steps a record, each step a list of values; a missing
feature list and an empty step are nulls. An `ArrowColumn` is the same without nesting::

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

from tfx_sequence.schemas.spec import DType
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_ARROW_TYPES: dict[DType, pa.DataType] = {
    "string": pa.large_binary(),
    "int64": pa.int64(),
    "float32": pa.float32(),
}


@dataclass(frozen=True)
class ArrowColumn:
    """One feature of N records, with S steps and V values in all.

    Steps and values are counted through the batch: step 0 is the first step of the first record that has one.

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
        """The step that each value is in, `[V]`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def starts(self) -> Ints:
        """The first step of each record, `[N]`."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def dtype(self) -> DType | None:
        """The type of the values, one for all records of a batch; None if there is no value."""
        if not len(self.values):
            return None
        return next(dtype for dtype, arrow_type in _ARROW_TYPES.items() if arrow_type == self.values.type)

    def find_first_steps(self, is_wrong: Bools) -> tuple[Ints, Ints]:
        """Finds the records with a wrong step, and the first wrong step of each.

        Args:
          is_wrong: Says it of each step, `[S]`.

        Returns:
          K records, rising, and the step for each, both `[K]`.
        """
        steps = np.flatnonzero(is_wrong)
        records, first = np.unique(self.record_of_step[steps], return_index=True)
        return records, steps[first]

    def find_first_values(self, is_wrong: Bools) -> tuple[Ints, Ints]:
        """Finds the records with a wrong value, and the first wrong value of each.

        Args:
          is_wrong: Says it of each value, `[V]`.

        Returns:
          K records, rising, and the value's position for each, both `[K]`.
        """
        values = np.flatnonzero(is_wrong)
        records, first = np.unique(self.record_of_step[self.step_of_value[values]], return_index=True)
        return records, values[first]

    def with_one_value_a_step(self) -> ArrowColumn:
        """Returns the column without the steps of records that have an empty step, or one of several values.

        In what is left, value number i is that of step number i.
        """
        is_irregular = self.counts != 1
        if not is_irregular.any():
            return self
        is_kept_record = np.ones(len(self.lengths), np.bool_)
        is_kept_record[self.record_of_step[is_irregular]] = False
        is_kept_step = is_kept_record[self.record_of_step]
        values = self.values.filter(pa.array(is_kept_step[self.step_of_value]))
        lengths = np.where(is_kept_record, self.lengths, 0)
        return ArrowColumn(values, self.counts[is_kept_step], lengths, self.present, self.context)

    def describe_step(self, step: int) -> str:
        """Says where in its record a step is, as the end of a phrase; a context feature has no steps to tell apart."""
        return "" if self.context else f" at step {step - self.starts[self.record_of_step[step]]}"

    def read_value(self, index: int) -> Any:
        """Reads one value as Python has it, and bytes as a string."""
        return _to_text(self.values[int(index)].as_py())

    def read_first_values(self) -> list[Any]:
        """Reads the first value of each record as `read_value` gives it, None where there is none, `[N]`."""
        first_values: list[Any] = [None] * len(self.lengths)
        records, positions = self.find_first_values(np.ones(len(self.values), np.bool_))
        for record, value in zip(records.tolist(), self.values.take(pa.array(positions)).to_pylist(), strict=True):
            first_values[record] = _to_text(value)
        return first_values


def read_column(batch: pa.RecordBatch, name: str, context: bool) -> ArrowColumn:
    """Reads the feature `name` of a batch as TFXIO gives it. A feature that no record has is present nowhere."""
    lists = _find_context_lists(batch, name) if context else _find_feature_lists(batch, name)
    if lists is None:
        none = np.zeros(batch.num_rows, np.int64)
        return ArrowColumn(pa.nulls(0), np.zeros(0, np.int64), none, none.astype(np.bool_), context)
    if context:
        counts = _measure_lists(lists)
        has_values = counts > 0
        return ArrowColumn(lists.flatten(), counts[has_values], has_values.astype(np.int64), has_values, context)
    steps = lists.flatten()
    lengths, present = _measure_lists(lists), _find_valid(lists)
    if pa.types.is_null(steps.type):  # Every step of the batch is empty.
        return ArrowColumn(pa.nulls(0), np.zeros(len(steps), np.int64), lengths, present, context)
    return ArrowColumn(steps.flatten(), _measure_lists(steps), lengths, present, context)


def feature_names(batch: pa.RecordBatch) -> list[str]:
    """Returns the names of a batch's context features, and then of its sequence features."""
    names = [name for name in batch.schema.names if name != SEQUENCE]
    index = batch.schema.get_field_index(SEQUENCE)
    if index >= 0 and pa.types.is_struct(batch.schema.field(index).type):
        names += [field.name for field in batch.schema.field(index).type]
    return names


def _to_text(value: Any) -> Any:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _find_context_lists(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    index = batch.schema.get_field_index(name)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return None
    return batch.column(index)


def _find_feature_lists(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    index = batch.schema.get_field_index(SEQUENCE)
    if index < 0 or not pa.types.is_struct(batch.schema.field(index).type):
        return None
    struct = batch.column(index)
    field = struct.type.get_field_index(name)
    if field < 0 or pa.types.is_null(struct.type[field].type):
        return None
    # Unlike `field`, `flatten` makes a child null where the struct is: a record without feature lists has none of them.
    return struct.flatten()[field]


def _measure_lists(lists: pa.Array) -> Ints:
    """Returns the length of each list, 0 for a null."""
    return np.asarray(pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False), np.int64)


def _find_valid(lists: pa.Array) -> Bools:
    return np.asarray(pc.is_valid(lists).to_numpy(zero_copy_only=False), np.bool_)
