"""Converts transformed RecordBatches to SequenceExamples: to their Arrow form and to their bytes.

Transform hands over one list column for each tensor, whether ragged or dense; `SequenceLayout` says which is which.
Ragged tensors become feature lists, one step for each element of their first ragged dimension. Dense tensors become
context. Two records, with a dense tensor and two ragged ones, of which the second is two numbers wide:

    column             age [[31], [47]]    ids [[3, 4], [5]]           xy [[.1, .2, .3, .4], [.5, .6]]
    as steps                               ids [[[3], [4]], [[5]]]     xy [[[.1, .2], [.3, .4]], [[.5, .6]]]
    SequenceExample    context.age         feature_lists.ids, a Feature for each inner list; xy in the same way
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

_Offsets = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class SequenceLayout:
    """The place of each column of a transformed RecordBatch in a SequenceExample.

    Attributes:
      context: Names of the dense tensors, in order.
      sequence: Names of the ragged tensors, in order, each with the number of values that make a step of a flat column
        (the product of the tensor's uniform inner dimensions, 1 if it has none).
    """

    context: tuple[str, ...]
    sequence: dict[str, int]


def to_struct(batch: pa.RecordBatch, layout: SequenceLayout) -> pa.RecordBatch:
    """Returns the batch as TFXIO would read it from SequenceExamples: one struct column for all feature lists."""
    names = list(layout.context)
    columns = [_find_column(batch, name) for name in layout.context]
    if layout.sequence:
        lists = [_to_steps(_find_column(batch, name), width) for name, width in layout.sequence.items()]
        struct = pa.StructArray.from_arrays(lists, names=list(layout.sequence))
        names.append(SEQUENCE)
        columns.append(pa.LargeListArray.from_arrays(np.arange(batch.num_rows + 1), struct))
    return pa.RecordBatch.from_arrays(columns, names=names)


def encode(batch: pa.RecordBatch, layout: SequenceLayout) -> Iterator[bytes]:
    """Yields the rows of the batch as serialized SequenceExamples.

    The bytes are deterministic: keys stand in order, and every feature list is there, also an empty one.
    """
    context = []
    for name in sorted(layout.context):
        context.append(_encode_entries(name, _encode_features(_find_column(batch, name))))
    lists = []
    for name, width in sorted(layout.sequence.items()):
        lists.append(_encode_entries(name, _encode_feature_lists(_find_column(batch, name), width)))
    for row in range(batch.num_rows):
        context_entries = b"".join(entries[row] for entries in context)
        list_entries = b"".join(entries[row] for entries in lists)
        yield wire.sequence_example(context_entries, list_entries)


def find_offsets(column: pa.Array) -> _Offsets:
    """Returns the position of each list of a column in its flattened values, and at last the number of those."""
    offsets: _Offsets = np.asarray(column.offsets, np.int64)
    # The column may be a slice, whose offsets count from the beginning of the whole.
    return offsets - offsets[0]


def _encode_entries(name: str, values: list[bytes]) -> list[bytes]:
    key = wire.entry_key(name)
    return [wire.entry(key, value) for value in values]


def _find_column(batch: pa.RecordBatch, name: str) -> pa.Array:
    return batch.column(batch.schema.get_field_index(name))


def _to_steps(column: pa.Array, width: int) -> pa.Array:
    """Returns a column of lists of steps, each a list of values; every `width` values of a flat column are a step."""
    values = column.flatten()
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        return column
    steps = pa.LargeListArray.from_arrays(np.arange(0, len(values) + 1, width), values)
    return pa.LargeListArray.from_arrays(find_offsets(column) // width, steps)


def _encode_features(column: pa.Array) -> list[bytes]:
    """Returns a Feature for each row."""
    return _encode_lists(column.flatten(), find_offsets(column))


def _encode_feature_lists(column: pa.Array, width: int) -> list[bytes]:
    """Returns a FeatureList for each row."""
    steps = _to_steps(column, width)
    data, step_offsets = _encode_steps(steps.flatten())
    row_offsets = step_offsets[find_offsets(steps)]
    return [data[start:end] for start, end in itertools.pairwise(row_offsets.tolist())]


def _encode_steps(steps: pa.Array) -> packing.Steps:
    """Returns the bytes of steps, which are lists of values; the common kinds without a Python loop."""
    values, offsets = steps.flatten(), find_offsets(steps)
    counts = np.diff(offsets)
    width = int(counts[0]) if len(counts) else 0
    if width and (counts == width).all():
        if pa.types.is_floating(values.type):
            return packing.pack_floats(np.asarray(values), width)
        if pa.types.is_integer(values.type) and width == 1:
            return packing.pack_integers(np.asarray(values))
    return packing.join_steps(_encode_lists(values, offsets))


def _encode_lists(values: pa.Array, offsets: _Offsets) -> list[bytes]:
    """Returns a Feature of the values between each two offsets."""
    bounds = itertools.pairwise(offsets.tolist())
    if pa.types.is_floating(values.type):
        data = np.asarray(values, "<f4").tobytes()
        return [wire.float_feature(data[4 * start : 4 * end]) for start, end in bounds]  # 4 bytes a float32.
    encode_feature = wire.int64s_feature if pa.types.is_integer(values.type) else wire.bytes_list_feature
    plain = values.to_pylist()
    return [encode_feature(plain[start:end]) for start, end in bounds]
