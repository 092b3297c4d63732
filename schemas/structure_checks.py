"""Checks of a batch's shape: which features a record has, how many steps, how many values in a step, of which type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from tfx_sequence.schemas.columns import Column
from tfx_sequence.schemas.findings import Finding
from tfx_sequence.schemas.records import Reason
from tfx_sequence.schemas.spec import DType, Feature, SequenceSpec

_ARROW_TYPES: dict[DType, pa.DataType] = {
    "string": pa.large_binary(),
    "int64": pa.int64(),
    "float32": pa.float32(),
}


def check_present(name: str, feature: Feature, column: Column) -> Iterator[Finding]:
    """Records that do not have the feature, or have it in the context without a value."""
    where = "context has no value of" if feature.context else "feature lists have no"
    yield Finding(Reason.MISSING_FEATURE, name, np.flatnonzero(~column.present), lambda k: f"the {where} `{name}`")


def check_type(name: str, feature: Feature, column: Column) -> Iterator[Finding]:
    """Records with values of another type than the feature's; a batch has one type for all of its records."""
    expected = _ARROW_TYPES[feature.dtype]
    if not len(column.values) or column.values.type == expected:
        return
    records, values = column.first_values(np.ones(len(column.values), np.bool_))
    yield Finding(
        Reason.WRONG_TYPE,
        name,
        records,
        lambda k: f"`{name}` has {column.value(values[k])!r}, of the type {column.values.type}, expected {expected}",
    )


def check_counts(name: str, feature: Feature, column: Column) -> Iterator[Finding]:
    """Records with a step that does not hold one value, or not one vector."""
    width = feature.width or 1
    empty, empty_steps = column.first_steps(column.counts == 0)
    yield Finding(
        Reason.EMPTY_STEP, name, empty, lambda k: f"`{name}` has no value at step {column.place(empty_steps[k])}"
    )
    wrong, steps = column.first_steps((column.counts != width) & (column.counts > 0))
    place = "" if feature.context else " at step {}"
    yield Finding(
        Reason.MULTIPLE_VALUES if width == 1 else Reason.WRONG_TYPE,
        name,
        wrong,
        lambda k: (
            f"`{name}` has {column.counts[steps[k]]} values{place.format(column.place(steps[k]))}, expected {width}"
        ),
    )


def check_alignment(columns: Mapping[str, Column]) -> Iterator[Finding]:
    """Records whose sequence features do not have the same number of steps; `columns` are the sequence features.

    A feature is compared with the first one that the record has; features that it does not have are another finding.
    """
    names = list(columns)
    present = np.stack([columns[name].present for name in names])
    lengths = np.stack([columns[name].lengths for name in names])
    first = present.argmax(axis=0)
    reference = lengths[first, np.arange(lengths.shape[1])]
    for row, name in enumerate(names):
        records = np.flatnonzero(present[row] & (lengths[row] != reference))
        yield Finding(Reason.UNEQUAL_LENGTHS, name, records, _Unequal(names, first, lengths, row, records))


def check_length(spec: SequenceSpec, columns: Mapping[str, Column]) -> Iterator[Finding]:
    """Records with fewer or more steps than the spec allows; `columns` are the sequence features.

    The length of a record is that of its longest feature, so one that is cut off is not also called too short.
    """
    lengths = np.stack([column.lengths for column in columns.values()]).max(axis=0)
    low, high = spec.min_length, spec.max_length
    for reason, wrong in (
        (Reason.EMPTY_SEQUENCE, (lengths == 0) & (low > 0)),
        (Reason.TOO_SHORT, (lengths > 0) & (lengths < low)),
        (Reason.TOO_LONG, lengths > (high if high is not None else np.iinfo(np.int64).max)),
    ):
        records = np.flatnonzero(wrong)
        bound = f"at most {high}" if reason is Reason.TOO_LONG else f"at least {low}"
        yield Finding(reason, "", records, _Length(lengths[records], bound))


class _Unequal:
    def __init__(self, names, first, lengths, row, records) -> None:
        self._names = names
