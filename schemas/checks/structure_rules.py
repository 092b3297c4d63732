"""Rules about the shape of records: which features they have, how many steps, how many values a step, of which type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn, Bools, Ints
from tfx_sequence.schemas.checks.findings import Finding
from tfx_sequence.schemas.checks.rules import CheckedFeature, FeatureRule, RecordRule
from tfx_sequence.schemas.records.rejects import Reason
from tfx_sequence.schemas.spec import SequenceSpec


class UnequalLengths(RecordRule):
    """All sequence features of a record have the same number of steps.

    A feature is compared with the first one that the record has. Features that the record lacks break another rule.
    """

    reason = Reason.UNEQUAL_LENGTHS

    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the records with features of unequal length, feature by feature."""
        names = list(spec.sequence)
        present = np.stack([columns[name].present for name in names])  # [features, N]
        lengths = np.stack([columns[name].lengths for name in names])
        first = present.argmax(axis=0)  # The first True; 0 if the record has none of them.
        expected = lengths[first, np.arange(len(first))]
        for name in names:
            yield self._compare(name, columns[name], expected, [names[index] for index in first])

    def _compare(self, name: str, column: ArrowColumn, expected: Ints, compared_with: Sequence[str]) -> Finding:
        """Compares the lengths of one feature with those of the first feature of each record, both `[N]`."""
        records = np.flatnonzero(column.present & (column.lengths != expected))

        def describe(k: int) -> str:
            record = records[k]
            has, other_has = column.lengths[record], expected[record]
            return f"`{name}` has {has} steps, but `{compared_with[record]}` has {other_has}"

        return Finding(self.reason, name, records, describe)


class EmptySequence(RecordRule):
    """A record has a step, if the spec asks for any."""

    reason = Reason.EMPTY_SEQUENCE

    def applies_to(self, spec: SequenceSpec) -> bool:
        """Says whether the spec asks for steps."""
        return spec.min_length > 0

    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the records without any step."""
        lengths = _measure_records(spec, columns)
        yield _make_length_finding(self.reason, lengths, lengths == 0, f"at least {spec.min_length}")


class TooShort(RecordRule):
    """A record has at least `min_length` steps. One without any step breaks another rule."""

    reason = Reason.TOO_SHORT

    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the records with too few steps."""
        lengths = _measure_records(spec, columns)
        is_wrong = (lengths > 0) & (lengths < spec.min_length)
        yield _make_length_finding(self.reason, lengths, is_wrong, f"at least {spec.min_length}")


class TooLong(RecordRule):
    """A record has at most `max_length` steps."""

    reason = Reason.TOO_LONG

    def find(self, spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Iterator[Finding]:
        """Yields the records with too many steps, if the spec bounds them."""
        if spec.max_length is not None:
            lengths = _measure_records(spec, columns)
            yield _make_length_finding(self.reason, lengths, lengths > spec.max_length, f"at most {spec.max_length}")


class MissingFeature(FeatureRule):
    """A record has the feature; in the context, with a value."""

    reason = Reason.MISSING_FEATURE

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says yes: every feature is required."""
        return True

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records that lack the feature."""
        where = "the context has no value of" if feature.spec.context else "the feature lists have no"
        message = f"{where} `{feature.name}`"
        yield Finding(self.reason, feature.name, np.flatnonzero(~column.present), lambda k: message)


class EmptyStep(FeatureRule):
    """Every step holds a value."""

    reason = Reason.EMPTY_STEP

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether steps must hold values: those of a nested feature may hold none."""
        return not feature.spec.nested

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with an empty step."""
        records, steps = column.find_first_steps(column.counts == 0)

        def describe(k: int) -> str:
            return f"`{feature.name}` has no value{column.describe_step(steps[k])}"

        yield Finding(self.reason, feature.name, records, describe)


class MultipleValues(FeatureRule):
    """No step holds more than one value."""

    reason = Reason.MULTIPLE_VALUES

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says whether steps hold one value: those of a vector hold `width`, those of a nested feature any number."""
        return not feature.spec.nested and (feature.spec.width or 1) == 1

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a step of several values."""
        yield from _find_wrong_counts(self.reason, feature, column, width=1)


class WrongType(FeatureRule):
    """Values are of the feature's type, and vectors of its width."""

    reason = Reason.WRONG_TYPE

    def applies_to(self, feature: CheckedFeature) -> bool:
        """Says yes: every feature has a type."""
        return True

    def find(self, feature: CheckedFeature, column: ArrowColumn) -> Iterator[Finding]:
        """Yields the records with a vector of another width, then all that have a value if values are of another type.

        A batch has one type for all of its records.
        """
        if feature.spec.width is not None and feature.spec.width > 1:
            yield from _find_wrong_counts(self.reason, feature, column, feature.spec.width)
        if column.dtype in (feature.spec.dtype, None):
            return
        records, values = column.find_first_values(np.ones(len(column.values), np.bool_))

        def describe(k: int) -> str:
            value = column.read_value(values[k])
            return f"`{feature.name}` has {value!r}, which is {column.dtype}, expected {feature.spec.dtype}"

        yield Finding(self.reason, feature.name, records, describe)


def _find_wrong_counts(reason: Reason, feature: CheckedFeature, column: ArrowColumn, width: int) -> Iterator[Finding]:
    """Yields the records with a step that holds some values, but not `width` of them."""
    records, steps = column.find_first_steps((column.counts != width) & (column.counts > 0))

    def describe(k: int) -> str:
        place = column.describe_step(steps[k])
        return f"`{feature.name}` has {column.counts[steps[k]]} values{place}, expected {width}"

    yield Finding(reason, feature.name, records, describe)


def _measure_records(spec: SequenceSpec, columns: Mapping[str, ArrowColumn]) -> Ints:
    """Returns the length of each record, that of its longest feature.

    So a record with one feature cut off breaks the rule of equal lengths only.
    """
    return np.asarray(np.stack([columns[name].lengths for name in spec.sequence]).max(axis=0))


def _make_length_finding(reason: Reason, lengths: Ints, is_wrong: Bools, expected: str) -> Finding:
    records = np.flatnonzero(is_wrong)
    return Finding(reason, "", records, lambda k: f"the sequence has {lengths[records[k]]} steps, expected {expected}")
