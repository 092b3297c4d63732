"""Defines the rules about the values of a feature: valid text, finite numbers, domains, ids, times and span tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn, Bools
from tfx_sequence.schemas.checks.findings import Finding
from tfx_sequence.schemas.checks.rules import CheckedFeature, ValueRule
from tfx_sequence.schemas.records.rejects import Reason
from tfx_sequence.schemas.spec import PAD_ID
from tfx_sequence.schemas.tags import SCHEMES, TagSet


class Undecodable(ValueRule):
    """Strings must be valid UTF-8."""

    reason = Reason.UNDECODABLE

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the feature holds strings."""
        return feature.spec.dtype == "string"

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with bytes that are not UTF-8."""
        try:
            # Arrow validates all strings at once. Almost always all are valid, and the loop below is not needed.
            column.values.cast(pa.large_string())
        except pa.ArrowInvalid:
            is_wrong = np.array([not _is_utf8(value) for value in column.values.to_pylist()], np.bool_)
            yield from self.find_at_values(feature, column, is_wrong, "text in UTF-8")


class NotFinite(ValueRule):
    """Floats must be finite. NaN is allowed if numbers of the feature may be missing."""

    reason = Reason.NOT_FINITE

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the feature holds floats."""
        return feature.spec.dtype == "float32"

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with an infinite float, or with a NaN that is not allowed."""
        numbers = _to_numpy(column.values)
        is_wrong = np.isinf(numbers) if feature.spec.missing else ~np.isfinite(numbers)
        yield from self.find_at_values(feature, column, is_wrong, "a finite number")


class NegativeWeight(ValueRule):
    """A weight must not be negative, because training would then make the loss of its record as large as possible."""

    reason = Reason.NEGATIVE_WEIGHT

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the numbers of the feature are weights."""
        return feature.spec.role == "weight" and feature.spec.dtype != "string"

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a weight below 0."""
        yield from self.find_at_values(feature, column, _to_numpy(column.values) < 0, "a weight of at least 0")


class OutsideDomain(ValueRule):
    """Strings must be in the domain of the feature, and numbers must be within its bounds."""

    reason = Reason.OUTSIDE_DOMAIN

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the schema has a domain or bounds for the feature."""
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
            # Both comparisons are false for NaN. `NotFinite` checks NaN.
            is_outside = (numbers < low) | (numbers > high)
            yield from self.find_at_values(feature, column, is_outside, f"a number from {low} to {high}")


class ReservedId(ValueRule):
    """An id must not be the id of padding, because models would ignore the step as padding."""

    reason = Reason.RESERVED_ID

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the numbers of the feature are ids."""
        return feature.is_id

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with the padding id."""
        expected = f"an id from {PAD_ID + 1}: {PAD_ID} is padding"
        yield from self.find_at_values(feature, column, _to_numpy(column.values) == PAD_ID, expected)


class TimeReversed(ValueRule):
    """A step must not be earlier than the step before it.

    Records with a step of no time or of several times are ignored. `EmptyStep` and `MultipleValues` find these records.
    """

    reason = Reason.TIME_REVERSED

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the feature holds the time of each step."""
        return feature.spec.role == "time" and not feature.spec.context

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a step that is earlier than the step before it."""
        column = column.with_one_value_per_step()
        times = _to_numpy(column.values)
        is_same_record = np.diff(column.record_of_step) == 0
        is_reversed = np.zeros(len(times), np.bool_)  # The first step of the batch has no step before it.
        is_reversed[1:] = (times[1:] < times[:-1]) & is_same_record
        records, steps = column.find_first_steps(is_reversed)

        def describe(k: int) -> str:
            previous_time = column.read_value(steps[k] - 1)
            time = column.read_value(steps[k])
            place = column.describe_step(steps[k])
            return f"`{feature.name}` goes back from {previous_time} to {time}{place}, expected times that do not fall"

        yield Finding(self.reason, feature.name, records, describe)


class BrokenSpan(ValueRule):
    """Tags must follow each other as their scheme of spans allows.

    Records with a step of no tag or of several tags are ignored. `EmptyStep` and `MultipleValues` find these records.
    """

    reason = Reason.BROKEN_SPAN

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the tags of the feature mark spans."""
        return feature.spec.spans is not None

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a tag that is not allowed at its step."""
        scheme = cast(str, feature.spec.spans)  # The rule does not apply to a feature without a scheme.
        column = column.with_one_value_per_step()
        is_first, is_last = _find_record_edges(column)
        is_misplaced = _find_misplaced_tags(column.values, scheme, is_first, is_last)
        records, steps = column.find_first_steps(is_misplaced)

        def describe(k: int) -> str:
            step = steps[k]
            tag = column.read_value(step)
            start = "at the beginning" if is_first[step] else f"after {column.read_value(step - 1)!r}"
            end = ", the last one" if is_last[step] else ""
            place = f"{start}{column.describe_step(step)}{end}"
            return f"`{feature.name}` has {tag!r} {place}, where {scheme} has no such tag"

        yield Finding(self.reason, feature.name, records, describe)


def _find_record_edges(column: ArrowColumn) -> tuple[Bools, Bools]:
    """Returns whether each step is the first step of its record, and whether it is the last, both `[S]`."""
    # A record number differs from its neighbours at the edges of the record. Steps 0, 1, 2 of one record and steps 3, 4
    # of the next record have the edges [T F F T F T]. No record has the number -1, so the batch begins and ends with T.
    edges = np.diff(column.record_of_step, prepend=-1, append=-1) != 0
    return edges[:-1], edges[1:]


def _find_misplaced_tags(values: pa.Array, scheme: str, is_first: Bools, is_last: Bools) -> Bools:
    """Returns whether each tag is not allowed at its step, `[S]`."""
    # A batch has few distinct tags, so each of them is parsed only once.
    encoded = values.dictionary_encode()
    tags = [tag.decode("utf-8", "replace") for tag in encoded.dictionary.to_pylist()]
    codes = _to_numpy(encoded.indices).astype(np.int64)
    return TagSet.parse(tags, SCHEMES[scheme]).find_misplaced(codes, is_first, is_last)


def _to_numpy(values: pa.Array) -> npt.NDArray[Any]:
    return values.to_numpy(zero_copy_only=False)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
