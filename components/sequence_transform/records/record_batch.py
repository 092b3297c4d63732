"""Transformed RecordBatches as SequenceExamples: their Arrow form and their bytes.

Transform hands over one column a tensor: a ragged tensor is a list column (or a list of lists), a dense one a list
column too. Which is which the transformed schema knows, so everything here starts from `SequenceLayout`: ragged
tensors become feature lists, one step for each element of their first ragged dimension; dense tensors become context.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tfx_sequence.components.sequence_transform.records import packing
from tfx_sequence.schemas.records import wire
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


@dataclass(frozen=True)
class SequenceLayout:
    """Where the columns of a transformed RecordBatch go.

    Attributes:
      context: Names of the dense tensors, in order.
      sequence: Names of the ragged tensors, in order, each with the number of values that make a step of a flat column
        (the product of the tensor's uniform inner dimensions, 1 if it has none).
    """

    context: tuple[str, ...]
    sequence: dict[str, int]


def to_struct(batch: pa.RecordBatch, layout: SequenceLayout) -> pa.RecordBatch:
    """The batch as TFXIO would read it back from SequenceExamples: one struct column for all feature lists."""
    names, arrays = [], []
    for name in layout.context:
        names.append(name)
        arrays.append(_column(batch, name))
    children = [_steps(_column(batch, name), width) for name, width in layout.sequence.items()]
    if children:
        struct = pa.StructArray.from_arrays(children, names=list(layout.sequence))
        names.append(SEQUENCE)
        arrays.append(pa.LargeListArray.from_arrays(np.arange(batch.num_rows + 1), struct))
    return pa.RecordBatch.from_arrays(arrays, names=names)


def encode(batch: pa.RecordBatch, layout: SequenceLayout) -> Iterator[bytes]:
    """The rows of the batch as serialized SequenceExamples, deterministic: keys in order, every feature list there."""
    context = [_entries(name, _features(_column(batch, name))) for name in sorted(layout.context)]
    lists = [
        _entries(name, _feature_lists(_column(batch, name), width)) for name, width in sorted(layout.sequence.items())
    ]
    for row in range(batch.num_rows):
        yield wire.sequence_example(
            b"".join(column[row] for column in context), b"".join(column[row] for column in lists)
        )


def offsets_of(column: pa.Array) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where the lists of a column begin in what `flatten` gives, and at last where all end."""
    offsets: np.ndarray[Any, np.dtype[np.int64]] = np.asarray(column.offsets, np.int64)
    return offsets - offsets[0]


def _entries(name: str, values: list[bytes]) -> list[bytes]:
    key = wire.entry_key(name)
    return [wire.entry(key, value) for value in values]


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    return batch.column(batch.schema.get_field_index(name))


def _steps(column: pa.Array, width: int) -> pa.Array:
    """A list of steps, each a list of values."""
    values = column.flatten()
    if _is_list(values.type):
        return column
    steps = pa.LargeListArray.from_arrays(np.arange(0, len(values) + 1, width), values)
    return pa.LargeListArray.from_arrays(offsets_of(column) // width, steps)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _features(column: pa.Array) -> list[bytes]:
    """One Feature a row."""
    return _packed(column.flatten(), offsets_of(column))


def _feature_lists(column: pa.Array, width: int) -> list[bytes]:
    """One FeatureList a row."""
    steps = _steps(column, width)
    data, ends = _written(steps.flatten())
    return [data[start:end] for start, end in itertools.pairwise(ends[offsets_of(steps)].tolist())]


def _written(steps: pa.Array) -> packing.Steps:
    """The bytes of steps, which are lists of values."""
    values, offsets = steps.flatten(), offsets_of(steps)
    counts = np.diff(offsets)
    width = int(counts[0]) if len(counts) else 0
    if width and (counts == width).all():
        if pa.types.is_floating(values.type):
            return packing.float_steps(np.asarray(values), width)
        if pa.types.is_integer(values.type) and width == 1:
            return packing.integer_steps(np.asarray(values))
    return packing.joined_steps(_packed(values, offsets))


def _packed(values: pa.Array, offsets: np.ndarray[Any, np.dtype[np.int64]]) -> list[bytes]:
    """`Feature`s of the values between one offset and the next."""
    spans = itertools.pairwise(offsets.tolist())
    if pa.types.is_floating(values.type):
        packed = np.asarray(values, "<f4").tobytes()
        return [wire.float_feature(packed[4 * start : 4 * end]) for start, end in spans]
    if pa.types.is_integer(values.type):
        plain = values.to_pylist()
        return [wire.int64s_feature(plain[start:end]) for start, end in spans]
    plain = values.to_pylist()
    return [wire.bytes_list_feature(plain[start:end]) for start, end in spans]
