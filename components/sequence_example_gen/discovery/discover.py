"""Finds a spec for files that nobody has described, by looking at their first records.

These records of JSON Lines, for example, become::

    {"id": "r1", "words": ["to", "be"], "tags": ["O", "B-X"]}        id     token, carried along, of the context
    {"id": "r2", "words": ["or"],       "tags": ["O"]}          ->   words  token
    ...                                                              tags   categorical, label, spans BIO

Found are names, kinds, which features are context, and where numbers are missing. No file says what a feature is for
(label, weight), so all are inputs, with three exceptions: tags that mark spans are labels, columns that rows are
grouped by are keys, and context that is different in each record is carried along.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.discovery.sample import RawRecord, sample_records
from tfx_sequence.components.sequence_example_gen.readers.cell_values import is_missing
from tfx_sequence.components.sequence_example_gen.readers.long_form import list_columns
from tfx_sequence.components.sequence_example_gen.readers.reader import load_reader
from tfx_sequence.schemas.records.rejects import abbreviate
from tfx_sequence.schemas.spec import Feature, Role, SequenceSpec
from tfx_sequence.schemas.tags import find_scheme

_MAX_MISSING_SHARE = 0.1
"""A feature that more of the records lack is left out: all records without it would be rejected. Up to a tenth may well
be the bad records of data that is else sound."""

_MIN_RECORDS_FOR_IDS = 20
"""From so many records on, context values that are all different are taken for ids, which are carried along. Among
fewer records, ordinary values, such as ages, often differ by chance."""

_NUMBER_TYPES = {int, float}

_TYPE_NAMES = {
    "NoneType": "null",
    "bool": "true or false",
    "dict": "object",
    "float": "number",
    "int": "integer",
    "str": "text",
}
"""Python's types by the names that people know them by."""

_NOT_IN_NAMES = re.compile(r"[\s/#$]+")
"""The characters that a feature's name may not have."""


class Discovery(NamedTuple):
    """The features that files hold.

    Attributes:
      spec: The features of a record.
      left_out: Name of what is there but not in the spec, to the reason.
    """

    spec: SequenceSpec
    left_out: dict[str, str]


class NotDiscoveredError(ValueError):
    """Files do not say what a record is."""


def discover(files: Sequence[str], read: ReadConfig) -> Discovery:
    """Finds a spec that the first records of some files keep.

    Args:
      files: The files, of a format whose reader can be asked for a sample.
      read: The format and its options.

    Raises:
      NotDiscoveredError: if there is no record, or no sequence in the records.
      ValueError: if the options are not those of the format, or it cannot be looked into.
    """
    if spec := load_reader(read.format).default_spec:
        return Discovery(spec, {})
    records, problem = sample_records(files, read)
    if not records:
        reason = f" ({problem})" if problem else ""
        raise NotDiscoveredError(
            f"no record of the format {read.format!r} can be read from {files[0]!r}{reason}, so its features are not "
            "known; is it of another format? Name the format, or the features"
        )
    values_by_source: dict[str, list[Any]] = {}
    for record in records:
        for source, value in record.items():
            values_by_source.setdefault(source, []).append(value)
    sequences = _find_sequences(records)
    keys = list_columns(read.options.get("group_by", ()))
    features: dict[str, Feature] = {}
    left_out: dict[str, str] = {}
    for source, values in values_by_source.items():
        feature = _describe_values(values, source in sequences, len(records))
        if source in keys:
            feature = _make_key(feature)
        if isinstance(feature, str):
            left_out[source] = feature
            continue
        name = _make_name(source)
        features[name] = feature if name == source else feature.model_copy(update={"source": source})
    if all(feature.context for feature in features.values()):
        reasons = "".join(f"; {source!r} {reason}" for source, reason in left_out.items())
        raise NotDiscoveredError(f"the records of {files[0]!r} hold no sequence{reasons}. Name the features")
    return Discovery(SequenceSpec(features=features), left_out)


def _make_name(source: str) -> str:
    """Returns a name that a feature may have."""
    return f"column{source}" if source.isdigit() else _NOT_IN_NAMES.sub("_", source)


def _find_sequences(records: Sequence[RawRecord]) -> set[str]:
    """Returns the names of the lists with one value a step: the largest set of lists that are equally long.

    ::

        words  2 1 3 steps     as long as tags
        tags   2 1 3           as long as words     ->   words, tags
        box    4 4 4           as long as no other
    """
    lengths: dict[str, dict[int, int]] = {}
    for number, record in enumerate(records):
        for name, value in record.items():
            if isinstance(value, list):
                lengths.setdefault(name, {})[number] = len(value)
    sets = ({other for other in lengths if _are_alike(lengths[name], lengths[other])} for name in lengths)
    return max(sets, key=len, default=set())


def _are_alike(one: Mapping[int, int], other: Mapping[int, int]) -> bool:
    """Returns whether lists are equally long in at least half of the records that have both.

    A bad record or two must not hide that lists belong together. In half of them is enough: lists that have nothing to
    do with each other are seldom equally long.
    """
    common = one.keys() & other.keys()
    equal = sum(one[number] == other[number] for number in common)
    return 2 * equal >= len(common) > 0


def _describe_values(values: list[Any], is_sequence: bool, records: int) -> Feature | str:
    """Returns the feature that has such values, a record each; or why there is none, as the end of a sentence.

    Args:
      values: Those of the records that have it; None for null.
      is_sequence: Whether they are lists of one value a step.
      records: How many records there are.
    """
    present = [value for value in values if value is not None]
    if present and set(map(type, present)) <= _NUMBER_TYPES:
        # Numbers may be missing: null is one more value then, and does not count as lacking.
        present = values
    missing_share = 1 - len(present) / records
    if missing_share > _MAX_MISSING_SHARE:
        return f"is missing from {missing_share:.0%} of the records"
    lists = [isinstance(value, list) for value in present]
    if any(lists) != all(lists):
        return f"is a list in {sum(lists)} of {len(lists)} records and one value in the others"
    if not all(lists):
        return _describe_steps(present, context=True)
    if is_sequence:
        return _describe_steps(list(itertools.chain.from_iterable(present)), context=False)
    widths = {len(value) for value in present}
    if widths == {0}:
        return "holds no value"
    if len(widths) == 1:
        return _describe_steps(present, context=True)
    return "has another number of values than the other lists of its record"


def _describe_steps(steps: list[Any], context: bool) -> Feature | str:
    """Returns the feature whose steps, or context values, are these; or why there is none."""
    present = [step for step in steps if not is_missing(step)]
    has_gaps = len(present) < len(steps)
    types = set(map(type, present))
    if not present:
        return "holds no value"
    if types == {str} and not has_gaps:
        return _describe_strings(steps, context)
    if types == {int} and not has_gaps:
        return Feature(kind="integer", role=_choose_role(steps, context), context=context)
    if types <= _NUMBER_TYPES:
        return Feature(kind="float", context=context, missing=has_gaps)
    if types == {list}:
        return _describe_lists(present, context, has_gaps)
    return _describe_other_types(steps)


def _describe_lists(steps: list[list[Any]], context: bool, has_gaps: bool) -> Feature | str:
    """Returns the feature whose steps are lists; `has_gaps` says whether there are steps beside these that are null."""
    values = list(itertools.chain.from_iterable(steps))
    present = [value for value in values if not is_missing(value)]
    has_gaps = has_gaps or len(present) < len(values)
    types = set(map(type, present))
    widths = {len(step) for step in steps}
    if not present:
        return "holds no value"
    if types == {str} and not context and not has_gaps:
        return Feature(kind="token", nested=True)
    if types <= _NUMBER_TYPES and len(widths) == 1:
        return Feature(kind="vector", width=widths.pop(), context=context, missing=has_gaps)
    return "has several values in a step, and these are no vectors of one width"


def _describe_other_types(steps: list[Any]) -> str:
    """Lists the types, with the number of steps and the first value of each."""
    by_type: dict[str, list[Any]] = {}
    for step in steps:
        by_type.setdefault(type(step).__name__, []).append(step)
    parts = []
    for name, some in sorted(by_type.items(), key=lambda item: (-len(item[1]), item[0])):
        parts.append(f"{_TYPE_NAMES.get(name, name)} ({len(some):,}, such as {abbreviate(some[0])})")
    what = "several types" if len(parts) > 1 else "a type that no feature has"
    return f"holds values of {what}: {', '.join(parts)}"


def _make_key(feature: Feature | str) -> Feature | str:
    if isinstance(feature, str):
        return feature
    if feature.missing:
        return "names the records, but is missing from some"
    return feature.model_copy(update={"role": "key"})


def _describe_strings(steps: list[str], context: bool) -> Feature:
    scheme = None if context else find_scheme(set(steps))
    if scheme is not None:
        return Feature(kind="categorical", role="label", spans=scheme)
    return Feature(kind="token", role=_choose_role(steps, context), context=context)


def _choose_role(values: list[Any], context: bool) -> Role:
    """Returns `carried` for context that is different in each record, from which no model learns; else `input`."""
    is_id = context and len(values) >= _MIN_RECORDS_FOR_IDS and np.unique(values).size == len(values)
    return "carried" if is_id else "input"
