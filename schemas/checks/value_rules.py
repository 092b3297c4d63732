"""Rules about the values of a feature: text, finite numbers, domains, ids, times, spans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn
from tfx_sequence.schemas.checks.findings import Finding
from tfx_sequence.schemas.checks.rules import CheckedFeature, ValueRule
from tfx_sequence.schemas.records.rejects import Reason
from tfx_sequence.schemas.spec import PAD_ID
from tfx_sequence.schemas.tags import SCHEMES, TagSet


class Undecodable(ValueRule):
    """Strings are UTF-8."""

    reason = Reason.UNDECODABLE

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether the feature is of strings."""
        return feature.spec.dtype == "string"

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with bytes that are not UTF-8."""
        try:
            # Arrow validates all strings at once, and almost always they are valid.
            column.values.cast(pa.large_string())
        except pa.ArrowInvalid:
            is_wrong = np.array([not _is_utf8(value) for value in column.values.to_pylist()], np.bool_)
            yield from self.find_at_values(feature, column, is_wrong, "text in UTF-8")


class NotFinite(ValueRule):
    """Floats are finite, or NaN where numbers may be missing."""

    reason = Reason.NOT_FINITE

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether the feature is of floats."""
        return feature.spec.dtype == "float32"

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with an infinite float, or NaN."""
        numbers = _to_numpy(column.values)
        is_wrong = np.isinf(numbers) if feature.spec.missing else ~np.isfinite(numbers)
        yield from self.find_at_values(feature, column, is_wrong, "a finite number")


class OutsideDomain(ValueRule):
    """Strings are of the feature's closed set, and numbers within its bounds."""

    reason = Reason.OUTSIDE_DOMAIN

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether the schema names a closed set or bounds."""
        return feature.domain is not None or feature.bounds is not None

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a value that the schema does not allow."""
        if feature.domain is not None:
            is_known = pc.is_in(column.values, value_set=feature.domain)
            expected = f"one of the {len(feature.domain)} values of its domain"
            yield from self.find_at_values(feature, column, _to_numpy(pc.invert(is_known)), expected)
        if feature.bounds is not None:
            low, high = feature.bounds
            numbers = _to_numpy(column.values)
            # Both comparisons are false for NaN, which is for another rule to judge.
            is_outside = (numbers < low) | (numbers > high)
            yield from self.find_at_values(feature, column, is_outside, f"a number from {low} to {high}")


class ReservedId(ValueRule):
    """No id is that of padding: such a step would count as none."""

    reason = Reason.RESERVED_ID

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether the feature's numbers are ids."""
        return feature.is_id

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with the padding id."""
        expected = f"an id from {PAD_ID + 1}: {PAD_ID} is padding"
        yield from self.find_at_values(feature, column, _to_numpy(column.values) == PAD_ID, expected)


class TimeReversed(ValueRule):
    """No step is earlier than the one before it.

    Records with an empty step, or a step of several times, break another rule and are not judged by this one.
    """

    reason = Reason.TIME_REVERSED

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether the feature holds the time of each step."""
        return feature.spec.role == "time" and not feature.spec.context

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records whose time goes back."""
        column = column.with_one_value_a_step()
        times = _to_numpy(column.values)
        is_wrong = np.zeros(len(times), np.bool_)
        is_wrong[1:] = (times[1:] < times[:-1]) & (np.diff(column.record_of_step) == 0)
        records, steps = column.find_first_steps(is_wrong)

        def describe(k: int) -> str:
            before, after = column.read_value(steps[k] - 1), column.read_value(steps[k])
            place = column.describe_step(steps[k])
            return f"`{feature.name}` goes back from {before} to {after}{place}, expected times that do not fall"

        yield Finding(self.reason, feature.name, records, describe)


class BrokenSpan(ValueRule):
    """Tags follow on from each other as their scheme has it.

    Records with an empty step, or a step of several tags, break another rule and are not judged by this one.
    """

    reason = Reason.BROKEN_SPAN

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether the feature's tags mark spans."""
        return feature.spec.spans is not None

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a tag that may not stand where it does."""
        scheme = cast(str, feature.spec.spans)  # A feature without one has no such rule.
        column = column.with_one_value_a_step()
        # A batch has few different tags, and each is taken apart once.
        encoded = column.values.dictionary_encode()
        tags = [tag.decode("utf-8", "replace") for tag in encoded.dictionary.to_pylist()]
        codes = _to_numpy(encoded.indices).astype(np.int64)
        # Steps 0, 1, 2 of one record and 3, 4 of the next have these edges: [T F F T F T]
        edges = np.diff(column.record_of_step, prepend=-1, append=-1) != 0
        is_first, is_last = edges[:-1], edges[1:]
        is_wrong = TagSet.parse(tags, SCHEMES[scheme]).find_misplaced(codes, is_first, is_last)
        records, steps = column.find_first_steps(is_wrong)

        def describe(k: int) -> str:
            step = steps[k]
            before = "at the beginning" if is_first[step] else f"after {column.read_value(step - 1)!r}"
            end = ", the last one" if is_last[step] else ""
            tag, place = column.read_value(step), f"{before}{column.describe_step(step)}{end}"
            return f"`{feature.name}` has {tag!r} {place}, where {scheme} has no such tag"

        yield Finding(self.reason, feature.name, records, describe)


def _to_numpy(values: pa.Array) -> npt.NDArray[Any]:
    return values.to_numpy(zero_copy_only=False)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
