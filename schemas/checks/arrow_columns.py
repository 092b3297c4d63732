"""Reads one feature of a batch of records as flat arrays, so that checks can use array operations.

TFXIO decodes a batch of SequenceExamples to an Arrow RecordBatch. There, a context feature has one list of values per
record. All sequence features are in one struct column. Each of them has one list of steps per record, and each step is
a list of values. A missing sequence feature and an empty step are nulls. An `ArrowColumn` holds the same data without
nesting. For example, three records have two steps, no step, and no feature::

    records                  values            counts (of steps)   lengths (of records)   present
    [[a] [b c]], [], null    [a, b, c]         [1, 2]              [2, 0, 0]              [T, T, F]

A context feature is read as one step per record. A record without a value of the feature has no step.
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
    """One feature of a batch of N records, which have S steps and V values in total.

    Steps and values are numbered through the whole batch. Step 0 is the first step of the first record with steps.

    Attributes:
      values: The values of all steps, an Arrow array `[V]`. Without values it has the null type of Arrow.
      counts: The number of values in each step, `[S]`.
      lengths: The number of steps in each record, `[N]`.
      present: Whether each record has the feature, `[N]`.
      context: Whether the feature is a context feature.
    """

    values: pa.Array
    counts: Ints
    lengths: Ints
    present: Bools
    context: bool

    @cached_property
    def record_of_step(self) -> Ints:
        """The position in the batch of the record that each step belongs to, `[S]`."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def step_of_value(self) -> Ints:
        """The number of the step that each value belongs to, `[V]`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    @cached_property
    def starts(self) -> Ints:
        """The number of the first step of each record, `[N]`."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def dtype(self) -> DType | None:
        """The type of the values, which is the same for all records of a batch, or None if there is no value."""
        if not len(self.values):
            return None
        return next(dtype for dtype, arrow_type in _ARROW_TYPES.items() if arrow_type == self.values.type)

    def find_first_steps(self, is_wrong: Bools) -> tuple[Ints, Ints]:
        """Finds the records with a wrong step, and the first wrong step of each of these records.

        Args:
          is_wrong: Whether each step is wrong, `[S]`.

        Returns:
          The positions of the K records in rising order, and the number of the step for each, both `[K]`.
        """
        steps = np.flatnonzero(is_wrong)
        records, first_indices = np.unique(self.record_of_step[steps], return_index=True)
        return records, steps[first_indices]

    def find_first_values(self, is_wrong: Bools) -> tuple[Ints, Ints]:
        """Finds the records with a wrong value, and the first wrong value of each of these records.

        Args:
          is_wrong: Whether each value is wrong, `[V]`.

        Returns:
          The positions of the K records in rising order, and the number of the value for each, both `[K]`.
        """
        values = np.flatnonzero(is_wrong)
        record_of_value = self.record_of_step[self.step_of_value[values]]
        records, first_indices = np.unique(record_of_value, return_index=True)
        return records, values[first_indices]

    def with_one_value_per_step(self) -> ArrowColumn:
        """Returns a copy in which every step holds exactly one value, so that value `i` belongs to step `i`.

        If a record has an empty step, or a step of several values, all of its steps are removed. The number of records
        stays the same.
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
        """Returns the place of a step in its record as the end of a phrase, such as " at step 3".

        The text is empty for a context feature, which has only one step per record.
        """
        if self.context:
            return ""
        first_step = self.starts[self.record_of_step[step]]
        return f" at step {step - first_step}"

    def read_value(self, index: int) -> Any:
        """Reads the value with the number `index` as a Python value. Bytes are decoded to a string."""
        return to_text(self.values[int(index)].as_py())

    def read_first_values(self) -> list[Any]:
        """Reads the first value of each of the N records, as `read_value` does. Records without a value have None."""
        first_values: list[Any] = [None] * len(self.lengths)
        is_any = np.ones(len(self.values), np.bool_)
        records, indices = self.find_first_values(is_any)
        values = self.values.take(pa.array(indices)).to_pylist()
        for record, value in zip(records.tolist(), values, strict=True):
            first_values[record] = to_text(value)
        return first_values


def read_column(batch: pa.RecordBatch, name: str, is_context: bool) -> ArrowColumn:
    """Reads one feature of a batch.

    Args:
      batch: A batch of SequenceExamples as TFXIO decodes it.
      name: The name of the feature. If no record has the feature, the column has no steps.
      is_context: Whether the feature is a context feature.
    """
    lists = _find_context_lists(batch, name) if is_context else _find_feature_lists(batch, name)
    if lists is None:
        return _make_empty_column(batch.num_rows, is_context)
    if is_context:
        return _read_context_lists(lists)
    return _read_feature_lists(lists)


def _make_empty_column(num_records: int, is_context: bool) -> ArrowColumn:
    """Makes the column of a feature that no record of the batch has."""
    no_counts = np.zeros(0, np.int64)
    lengths = np.zeros(num_records, np.int64)
    present = np.zeros(num_records, np.bool_)
    return ArrowColumn(pa.nulls(0), no_counts, lengths, present, is_context)


def _read_context_lists(lists: pa.Array) -> ArrowColumn:
    """Reads a context feature, which has one list of values per record. A list with values becomes one step."""
    counts = _measure_lists(lists)
    has_values = counts > 0
    return ArrowColumn(lists.flatten(), counts[has_values], has_values.astype(np.int64), has_values, context=True)


def _read_feature_lists(lists: pa.Array) -> ArrowColumn:
    """Reads a sequence feature, which has one list of steps per record."""
    lengths = _measure_lists(lists)
    present = _mark_non_nulls(lists)
    steps = lists.flatten()
    if pa.types.is_null(steps.type):  # Every step of the batch is empty, so Arrow does not know the type of values.
        return ArrowColumn(pa.nulls(0), np.zeros(len(steps), np.int64), lengths, present, context=False)
    return ArrowColumn(steps.flatten(), _measure_lists(steps), lengths, present, context=False)


def list_feature_names(batch: pa.RecordBatch) -> list[str]:
    """Returns the names of the context features of a batch, followed by the names of its sequence features."""
    names = [name for name in batch.schema.names if name != SEQUENCE]
    index = batch.schema.get_field_index(SEQUENCE)
    if index >= 0 and pa.types.is_struct(batch.schema.field(index).type):
        names += [field.name for field in batch.schema.field(index).type]
    return names


def to_text(value: Any) -> Any:
    """Decodes bytes to a string. Bytes that are not UTF-8 become hexadecimal escapes. Other values stay the same."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _find_context_lists(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    """Finds the lists of values of a context feature, or None if no record has the feature."""
    index = batch.schema.get_field_index(name)
    if index < 0 or pa.types.is_null(batch.schema.field(index).type):
        return None
    return batch.column(index)


def _find_feature_lists(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    """Finds the lists of steps of a sequence feature, or None if no record has the feature."""
    index = batch.schema.get_field_index(SEQUENCE)
    if index < 0 or not pa.types.is_struct(batch.schema.field(index).type):
        return None
    struct = batch.column(index)
    field = struct.type.get_field_index(name)
    if field < 0 or pa.types.is_null(struct.type[field].type):
        return None
    # A record without feature lists is a null of the struct. `flatten` makes its children null, too; `field` does not.
    return struct.flatten()[field]


def _measure_lists(lists: pa.Array) -> Ints:
    """Returns the length of each list. The length of a null is 0."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)


def _mark_non_nulls(lists: pa.Array) -> Bools:
    """Returns whether each list is not null."""
    return np.asarray(pc.is_valid(lists).to_numpy(zero_copy_only=False), np.bool_)
