"""Checks of a batch's shape: which features a record has, how many steps, how many values in a step, of which type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from tfx_sequence.schemas.checks.arrow_columns import Bools, Column, Ints
from tfx_sequence.schemas.checks.findings import Finding
from tfx_sequence.schemas.records.rejects import Reason
from tfx_sequence.schemas.spec import DType, Feature, SequenceSpec

_ARROW_TYPES: dict[DType, pa.DataType] = {
    "string": pa.large_binary(),
    "int64": pa.int64(),
    "float32": pa.float32(),
}


def check_present(name: str, feature: Feature, column: Column) -> Iterator[Finding]:
    """Records that do not have the feature, or have it in the context without a value."""
    message = f"the context has no value of `{name}`" if feature.context else f"the feature lists have no `{name}`"
    yield Finding(Reason.MISSING_FEATURE, name, np.flatnonzero(~column.present), lambda k: message)


def check_type(name: str, feature: Feature, column: Column) -> Iterator[Finding]:
    """Records with values of another type than the feature's; a batch has one type for all of its records."""
    if has_type(feature, column):
        return
    records, values = column.first_values(np.ones(len(column.values), np.bool_))
    found = next(name for name, type_ in _ARROW_TYPES.items() if type_ == column.values.type)

    def message(k: int) -> str:
        return f"`{name}` has {column.value(values[k])!r}, which is {found}, expected {feature.dtype}"

    yield Finding(Reason.WRONG_TYPE, name, records, message)


def has_type(feature: Feature, column: Column) -> bool:
    """Whether the values are of the feature's type, or there are none."""
    return not len(column.values) or column.values.type == _ARROW_TYPES[feature.dtype]


def check_counts(name: str, feature: Feature, column: Column) -> Iterator[Finding]:
    """Records with a step that does not hold one value, or not one vector; a nested feature's hold any number."""
    if feature.nested:
        return
    width = feature.width or 1
    empty, empty_steps = column.first_steps(column.counts == 0)
    wrong, steps = column.first_steps((column.counts != width) & (column.counts > 0))

    def is_empty(k: int) -> str:
        return f"`{name}` has no value{column.place(empty_steps[k])}"

    def is_wrong(k: int) -> str:
        return f"`{name}` has {column.counts[steps[k]]} values{column.place(steps[k])}, expected {width}"

    yield Finding(Reason.EMPTY_STEP, name, empty, is_empty)
    yield Finding(Reason.MULTIPLE_VALUES if width == 1 else Reason.WRONG_TYPE, name, wrong, is_wrong)


def check_alignment(columns: Mapping[str, Column]) -> Iterator[Finding]:
    """Records whose sequence features do not have the same number of steps.

    A feature is compared with the first one that the record has; features that it does not have are another finding.

    Args:
      columns: The sequence features.
    """
    names = list(columns)
    present = np.stack([columns[name].present for name in names])
    lengths = np.stack([columns[name].lengths for name in names])
    first = present.argmax(axis=0)
    expected = lengths[first, np.arange(len(first))]
    for name, is_there, length in zip(names, present, lengths, strict=True):
        yield _unequal(name, np.flatnonzero(is_there & (length != expected)), names, first, columns)


def _unequal(name: str, records: Ints, names: list[str], first: Ints, columns: Mapping[str, Column]) -> Finding:
    def message(k: int) -> str:
        other = names[first[records[k]]]
        have, has = columns[name].lengths[records[k]], columns[other].lengths[records[k]]
        return f"`{name}` has {have} steps, but `{other}` has {has}"

    return Finding(Reason.UNEQUAL_LENGTHS, name, records, message)


def check_length(spec: SequenceSpec, columns: Mapping[str, Column]) -> Iterator[Finding]:
    """Records with fewer or more steps than the spec allows.

    The length of a record is that of its longest feature, so one that is cut off is not also called too short.

    Args:
      spec: Has the bounds.
      columns: The sequence features.
    """
    lengths = np.stack([column.lengths for column in columns.values()]).max(axis=0)
    low, high = spec.min_length, spec.max_length
    if low > 0:
        yield _bad_length(Reason.EMPTY_SEQUENCE, lengths == 0, lengths, f"at least {low}")
    yield _bad_length(Reason.TOO_SHORT, (lengths > 0) & (lengths < low), lengths, f"at least {low}")
    if high is not None:
        yield _bad_length(Reason.TOO_LONG, lengths > high, lengths, f"at most {high}")


def _bad_length(reason: Reason, wrong: Bools, lengths: Ints, expected: str) -> Finding:
    records = np.flatnonzero(wrong)
    return Finding(reason, "", records, lambda k: f"the sequence has {lengths[records[k]]} steps, expected {expected}")
