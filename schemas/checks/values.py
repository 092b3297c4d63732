"""Checks of a batch's values: text, finite numbers, domains, ids, times, spans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfx_sequence.schemas.checks.arrow_columns import Bools, Column
from tfx_sequence.schemas.checks.findings import Finding
from tfx_sequence.schemas.records.rejects import Reason, abbreviate
from tfx_sequence.schemas.spec import PAD_ID
from tfx_sequence.schemas.tags import SCHEMES, SpanScheme, TagSet


def check_text(name: str, column: Column) -> Iterator[Finding]:
    """Records with a string that is not UTF-8."""
    try:
        column.values.cast(pa.large_string())
    except pa.ArrowInvalid:
        yield _bad_values(Reason.UNDECODABLE, name, column, _not_utf8(column.values), "text in UTF-8")


def check_finite(name: str, column: Column, missing: bool) -> Iterator[Finding]:
    """Records with a float that is infinite, or NaN where no number may be `missing`."""
    numbers = _numbers(column.values)
    wrong = np.isinf(numbers) if missing else ~np.isfinite(numbers)
    yield _bad_values(Reason.NOT_FINITE, name, column, wrong, "a finite number")


def check_domain(name: str, column: Column, domain: pa.Array) -> Iterator[Finding]:
    """Records with a string that is not one of `domain`, which is of Arrow's large_binary."""
    wrong = pc.invert(pc.is_in(column.values, value_set=domain)).to_numpy(zero_copy_only=False)
    yield _bad_values(Reason.OUTSIDE_DOMAIN, name, column, wrong, f"one of the {len(domain)} values of its domain")


def check_bounds(name: str, column: Column, low: float, high: float) -> Iterator[Finding]:
    """Records with a number that is not from `low` to `high`. NaN is not judged."""
    numbers = _numbers(column.values)
    wrong = (numbers < low) | (numbers > high)
    yield _bad_values(Reason.OUTSIDE_DOMAIN, name, column, wrong, f"a number from {low} to {high}")


def check_ids(name: str, column: Column) -> Iterator[Finding]:
    """Records with an id that padding is told by."""
    expected = f"an id from {PAD_ID + 1}: {PAD_ID} is padding"
    yield _bad_values(Reason.RESERVED_ID, name, column, _numbers(column.values) == PAD_ID, expected)


def check_time(name: str, column: Column) -> Iterator[Finding]:
    """Records with a step that is earlier than the one before it. Steps must hold one number each."""
    times = _numbers(column.values)
    wrong = np.zeros(len(times), np.bool_)
    wrong[1:] = (times[1:] < times[:-1]) & (np.diff(column.record_of_step) == 0)
    records, steps = column.first_steps(wrong)

    def message(k: int) -> str:
        step = steps[k]
        return (
            f"`{name}` goes back from {column.value(step - 1)} to {column.value(step)}{column.place(step)}, "
            "expected times that do not fall"
        )

    yield Finding(Reason.TIME_REVERSED, name, records, message)


def check_spans(name: str, column: Column, scheme: SpanScheme) -> Iterator[Finding]:
    """Records with a tag that may not stand where it does. Steps must hold one string each."""
    encoded = column.values.dictionary_encode()
    tags = [tag.decode("utf-8", "replace") for tag in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    edges = np.diff(column.record_of_step, prepend=-1, append=-1) != 0
    first, last = edges[:-1], edges[1:]
    records, steps = column.first_steps(TagSet.parse(tags, SCHEMES[scheme]).find_misplaced(codes, first, last))

    def message(k: int) -> str:
        step = steps[k]
        before = "at the beginning" if first[step] else f"after {column.value(step - 1)!r}"
        last_one = ", the last one" if last[step] else ""
        place = f"{before}{column.place(step)}{last_one}"
        return f"`{name}` has {column.value(step)!r} {place}, where {scheme} has no such tag"

    yield Finding(Reason.BROKEN_SPAN, name, records, message)


def _bad_values(reason: Reason, name: str, column: Column, wrong: Bools, expected: str) -> Finding:
    records, values = column.first_values(wrong)

    def message(k: int) -> str:
        place = column.place(column.step_of_value[values[k]])
        return f"`{name}` has {abbreviate(column.value(values[k]))}{place}, expected {expected}"

    return Finding(reason, name, records, message)


def _numbers(values: pa.Array) -> npt.NDArray[Any]:
    return values.to_numpy(zero_copy_only=False)


def _not_utf8(values: pa.Array) -> Bools:
    return np.array([not _is_utf8(value) for value in values.to_pylist()], np.bool_)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
