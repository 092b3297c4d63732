"""Converts transformed RecordBatches to SequenceExamples, as Arrow columns and as bytes.

Transform produces one list column per tensor, for dense and ragged tensors alike. A `SequenceLayout` says which columns
are ragged. Ragged tensors become feature lists with one step per element of their first ragged dimension. Dense tensors
become context features. This example has two records with a dense tensor, `age`, and two ragged tensors, `ids` and
`xy`, where `xy` has two numbers per step:

    column             age [[31], [47]]    ids [[3, 4], [5]]           xy [[.1, .2, .3, .4], [.5, .6]]
    as steps                               ids [[[3], [4]], [[5]]]     xy [[[.1, .2], [.3, .4]], [[.5, .6]]]
    SequenceExample    context.age         feature_lists.ids, one Feature per inner list; the same for xy
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
      context: The names of the dense tensors, sorted.
      sequence: The names of the ragged tensors, sorted, to the number of values in a step of a flat column. This is the
        product of the uniform inner dimensions of the tensor, or 1 if the tensor has no uniform inner dimensions.
    """

    context: tuple[str, ...]
    sequence: dict[str, int]


def to_struct_batch(batch: pa.RecordBatch, layout: SequenceLayout) -> pa.RecordBatch:
    """Returns the batch as TFXIO would read it from SequenceExamples, with one struct column for all feature lists.

    Raises:
      ValueError: if a column is missing, or a record of a flat column does not have whole steps.
    """
    names = list(layout.context)
    columns = [find_column(batch, name) for name in layout.context]
    if layout.sequence:
        children = [_read_steps(batch, name, width) for name, width in layout.sequence.items()]
        struct = pa.StructArray.from_arrays(children, names=list(layout.sequence))
        names.append(SEQUENCE)
        columns.append(pa.LargeListArray.from_arrays(np.arange(batch.num_rows + 1), struct))
    return pa.RecordBatch.from_arrays(columns, names=names)


def encode(batch: pa.RecordBatch, layout: SequenceLayout) -> Iterator[bytes]:
    """Yields the rows of the batch as serialized SequenceExamples.

    The bytes are deterministic. Keys are sorted, and empty feature lists are written as well.

    Raises:
      ValueError: if a column is missing, or a record of a flat column does not have whole steps.
    """
    # The entries of each feature, one per row.
    context_entries = []
    for name in sorted(layout.context):
        features = _encode_features(find_column(batch, name))
        context_entries.append(_encode_entries(name, features))
    sequence_entries = []
    for name, width in sorted(layout.sequence.items()):
        feature_lists = _encode_feature_lists(_read_steps(batch, name, width))
        sequence_entries.append(_encode_entries(name, feature_lists))
    for row in range(batch.num_rows):
        context = b"".join(entries[row] for entries in context_entries)
        sequence = b"".join(entries[row] for entries in sequence_entries)
        yield wire.encode_sequence_example(context, sequence)


def find_column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Returns the column with a name.

    Raises:
      ValueError: if the batch has no such column, or more than one.
    """
    index = batch.schema.get_field_index(name)
    if index < 0:  # As a position, -1 would be the last column.
        raise ValueError(
            f"the transformed data must have one column {name!r}, but its columns are {', '.join(batch.schema.names)}"
        )
    return batch.column(index)


def find_offsets(column: pa.Array) -> _Offsets:
    """Returns the position of each list of a column in its flattened values, followed by the number of values."""
    offsets: _Offsets = np.asarray(column.offsets, np.int64)
    # If the column is a slice of a longer column, its offsets start at a number greater than 0.
    return offsets - offsets[0]


def _encode_entries(name: str, values: list[bytes]) -> list[bytes]:
    """Returns the bytes of a map entry with the key `name` for each value."""
    key = wire.encode_entry_key(name)
    return [wire.encode_entry(key, value) for value in values]


def _read_steps(batch: pa.RecordBatch, name: str, width: int) -> pa.Array:
    """Reads a sequence as a column of lists of steps, which are lists of values.

    Raises:
      ValueError: if the column is missing, or if a record of a flat column, in which `width` values are one step, does
        not have whole steps.
    """
    column = find_column(batch, name)
    values = column.flatten()
    offsets = find_offsets(column)
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        return column  # The values are divided into steps already.
    # Otherwise a step would be made of the last values of one record and the first values of the next.
    is_cut = offsets % width != 0
    if is_cut.any():
        row = int(is_cut.argmax()) - 1
        count = offsets[row + 1] - offsets[row]
        raise ValueError(
            f"the transformed column {name!r} has {count} values in record {row} of its batch, but a step has {width}"
        )
    steps = pa.LargeListArray.from_arrays(np.arange(0, len(values) + 1, width), values)
    return pa.LargeListArray.from_arrays(offsets // width, steps)


def _encode_features(column: pa.Array) -> list[bytes]:
    """Returns one serialized Feature per row."""
    return _encode_lists(column.flatten(), find_offsets(column))


def _encode_feature_lists(steps: pa.Array) -> list[bytes]:
    """Returns one serialized FeatureList per row of a column of lists of steps."""
    data, step_offsets = _encode_steps(steps.flatten())
    row_offsets = step_offsets[find_offsets(steps)]
    return [data[start:end] for start, end in itertools.pairwise(row_offsets.tolist())]


def _encode_steps(steps: pa.Array) -> packing.Steps:
    """Serializes steps, which are lists of values. There are fast ways for single integers and equally many floats."""
    values = steps.flatten()
    offsets = find_offsets(steps)
    counts = np.diff(offsets)
    width = int(counts[0]) if len(counts) else 0
    has_fixed_width = width > 0 and bool((counts == width).all())
    if has_fixed_width:
        if pa.types.is_floating(values.type):
            return packing.pack_floats(np.asarray(values), width)
        if pa.types.is_integer(values.type) and width == 1:
            return packing.pack_integers(np.asarray(values))
    return packing.join_steps(_encode_lists(values, offsets))


def _encode_lists(values: pa.Array, offsets: _Offsets) -> list[bytes]:
    """Returns one serialized Feature per list of values. `offsets` are the limits of the lists."""
    bounds = itertools.pairwise(offsets.tolist())
    if pa.types.is_floating(values.type):
        data = np.asarray(values, "<f4").tobytes()
        return [wire.encode_float_feature(data[4 * start : 4 * end]) for start, end in bounds]  # A float32 has 4 bytes.
    python_values = values.to_pylist()
    if pa.types.is_integer(values.type):
        return [wire.encode_int64s_feature(python_values[start:end]) for start, end in bounds]
    return [wire.encode_bytes_list_feature(python_values[start:end]) for start, end in bounds]
