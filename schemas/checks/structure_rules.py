"""Defines the rules about the structure of records: required features, numbers of steps and values, and types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn, Bools, Ints
from tfx_sequence.schemas.checks.findings import WHOLE_RECORD, Finding
from tfx_sequence.schemas.checks.rules import CheckedFeature, FeatureRule, RecordRule
from tfx_sequence.schemas.records.rejects import Reason
from tfx_sequence.schemas.spec import SequenceSpec


class UnequalLengths(RecordRule):
    """All sequence features of a record must have the same number of steps.

    Each feature is compared with the first feature, in the order of the spec, that the record has. Features that are
    missing from the record are found by `MissingFeature` instead.
    """

    reason = Reason.UNEQUAL_LENGTHS

    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields, for each sequence feature, the records in which its length differs from the expected length."""
        names = list(spec.sequence)
        present = np.stack([columns[name].present for name in names])  # [features, N]
        lengths = np.stack([columns[name].lengths for name in names])  # [features, N]
        # The position of the first True of each record. `argmax` returns 0 for a record without any feature. That is
        # harmless, because `_compare` looks only at records that have the feature.
        first_features = present.argmax(axis=0)
        expected_lengths = lengths[first_features, np.arange(len(first_features))]
        first_names = [names[index] for index in first_features]
        for name in names:
            yield self._compare(name, columns[name], expected_lengths, first_names)

    def _compare(self, name: str, column: ArrowColumn, expected_lengths: Ints, first_names: Sequence[str]) -> Finding:
        """Compares the lengths of one feature with the lengths `[N]` of the first feature of each record."""
        records = np.flatnonzero(column.present & (column.lengths != expected_lengths))

        def describe(k: int) -> str:
            record = records[k]
            length, expected = column.lengths[record], expected_lengths[record]
            return f"`{name}` has {length} steps, but `{first_names[record]}` has {expected}"

        return Finding(self.reason, name, records, describe)


class EmptySequence(RecordRule):
    """A record must have at least one step, unless `min_length` is 0."""

    reason = Reason.EMPTY_SEQUENCE

    def applies_to(self, spec: SequenceSpec) -> bool:
        """Returns whether the spec forbids records without steps."""
        return spec.min_length > 0

    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the records without steps."""
        lengths = _measure_records(spec, columns)
        yield _make_length_finding(self.reason, lengths, lengths == 0, f"at least {spec.min_length}")


class TooShort(RecordRule):
    """A record must have at least `min_length` steps. Records without steps are found by `EmptySequence` instead."""

    reason = Reason.TOO_SHORT

    def applies_to(self, spec: SequenceSpec) -> bool:
        """Returns whether a record with steps can have too few of them."""
        return spec.min_length > 1

    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the records with too few steps."""
        lengths = _measure_records(spec, columns)
        is_too_short = (lengths > 0) & (lengths < spec.min_length)
        yield _make_length_finding(self.reason, lengths, is_too_short, f"at least {spec.min_length}")


class TooLong(RecordRule):
    """A record must not have more than `max_length` steps."""

    reason = Reason.TOO_LONG

    def applies_to(self, spec: SequenceSpec) -> bool:
        """Returns whether the spec has a maximum length."""
        return spec.max_length is not None

    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the records with too many steps."""
        max_length = cast(int, spec.max_length)  # The rule does not apply to a spec without a maximum length.
        lengths = _measure_records(spec, columns)
        yield _make_length_finding(self.reason, lengths, lengths > max_length, f"at most {max_length}")


class MissingFeature(FeatureRule):
    """A record must have every feature. A context feature must also have a value."""

    reason = Reason.MISSING_FEATURE

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns True, because every feature is required."""
        return True

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records without the feature."""
        problem = "the context has no value of" if feature.spec.context else "the feature lists have no"
        message = f"{problem} `{feature.name}`"
        yield Finding(self.reason, feature.name, np.flatnonzero(~column.present), lambda k: message)


class EmptyStep(FeatureRule):
    """Every step must hold a value. Steps of nested features are allowed to be empty."""

    reason = Reason.EMPTY_STEP

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the steps of the feature must hold values."""
        return not feature.spec.nested

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with an empty step."""
        records, steps = column.find_first_steps(column.counts == 0)

        def describe(k: int) -> str:
            return f"`{feature.name}` has no value{column.describe_step(steps[k])}"

        yield Finding(self.reason, feature.name, records, describe)


class MultipleValues(FeatureRule):
    """A step must not hold more than one value.

    The rule does not apply to nested features, whose steps hold any number of values, nor to vectors, whose steps hold
    `width` values.
    """

    reason = Reason.MULTIPLE_VALUES

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns whether the steps of the feature must hold a single value."""
        return not feature.spec.nested and (feature.spec.width or 1) == 1

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a step of several values."""
        yield from _find_wrong_counts(self.reason, feature, column, expected_count=1)


class WrongType(FeatureRule):
    """Values must have the type of their feature, and vectors must also have its width."""

    reason = Reason.WRONG_TYPE

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Returns True, because every feature has a type."""
        return True

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a vector of the wrong width, and then the records with values of the wrong type."""
        if feature.spec.width is not None and feature.spec.width > 1:
            yield from _find_wrong_counts(self.reason, feature, column, feature.spec.width)
        has_values = column.dtype is not None
        if has_values and column.dtype != feature.spec.dtype:
            yield self._find_wrong_types(feature, column)

    def _find_wrong_types(self, feature: CheckedFeature, column: ArrowColumn) -> Finding:
        """Finds the records with a value, in a column of the wrong type."""
        # All values of a batch have one type, so every value is wrong.
        is_wrong = np.ones(len(column.values), np.bool_)
        records, values = column.find_first_values(is_wrong)

        def describe(k: int) -> str:
            value = column.read_value(values[k])
            return f"`{feature.name}` has {value!r}, which is {column.dtype}, expected {feature.spec.dtype}"

        return Finding(self.reason, feature.name, records, describe)


def _find_wrong_counts(
    reason: Reason, feature: CheckedFeature, column: ArrowColumn, expected_count: int
) -> Iterator[Finding]:
    """Yields the records with a step that is not empty and does not hold `expected_count` values."""
    records, steps = column.find_first_steps((column.counts != expected_count) & (column.counts > 0))

    def describe(k: int) -> str:
        place = column.describe_step(steps[k])
        return f"`{feature.name}` has {column.counts[steps[k]]} values{place}, expected {expected_count}"

    yield Finding(reason, feature.name, records, describe)


def _measure_records(spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Ints:
    """Returns the length of each record, which is the length of its longest feature, `[N]`.

    A record in which one feature is cut off therefore breaks `UnequalLengths`, but not also `TooShort`.
    """
    lengths = np.stack([columns[name].lengths for name in spec.sequence])  # [features, N]
    return np.asarray(lengths.max(axis=0))


def _make_length_finding(reason: Reason, lengths: Ints, is_wrong: Bools, expected: str) -> Finding:
    """Makes the finding that the records marked by `is_wrong` have a wrong number of steps."""
    records = np.flatnonzero(is_wrong)

    def describe(k: int) -> str:
        return f"the sequence has {lengths[records[k]]} steps, expected {expected}"

    return Finding(reason, WHOLE_RECORD, records, describe)
