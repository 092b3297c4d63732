"""Discovers the spec of files from their first records.

For example, these records of a JSON Lines file result in three features::

    {"id": "r1", "words": ["to", "be"], "tags": ["O", "B-X"]}        id     token, role carried, context
    {"id": "r2", "words": ["or"],       "tags": ["O"]}          ->   words  token, role input
    ...                                                              tags   categorical, role label, spans BIO

Discovery determines the name and kind of each feature, whether it is a context feature, and whether numbers are missing
in it. A file does not say what a feature is used for, so the role of a feature is `input`, with three exceptions:

- Tags that mark spans have the role `label`.
- Columns by which rows are grouped have the role `key`.
- Context features that are different in each record have the role `carried`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pydantic

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.discovery.sample import RawRecord, sample_records
from tfx_sequence.components.sequence_example_gen.readers.cell_values import is_missing
from tfx_sequence.components.sequence_example_gen.readers.long_form import parse_column_names
from tfx_sequence.components.sequence_example_gen.readers.reader import load_reader
from tfx_sequence.components.sequence_example_gen.readers.table import SEQUENCE_EXAMPLE
from tfx_sequence.schemas.records.rejects import abbreviate, make_writable
from tfx_sequence.schemas.spec import Feature, FeatureName, Role, SequenceSpec
from tfx_sequence.schemas.tags import find_scheme

_MAX_MISSING_SHARE = 0.1
"""Features missing from more than this share of the records are left out. With the feature in the spec, every record
without it would be rejected. A share of up to a tenth may be the bad records of data that is otherwise good."""

_MIN_RECORDS_FOR_IDS = 20
"""The minimum number of records for context values that are all different to be considered ids, with the role
`carried`. In fewer records, ordinary values such as ages are often different by chance."""

_NUMBER_TYPES = {int, float}

_TYPE_NAMES = {
    "NoneType": "null",
    "bool": "true or false",
    "dict": "object",
    "float": "number",
    "int": "integer",
    "str": "text",
}
"""The names of Python types in messages."""

_NOT_IN_NAMES = re.compile(r"[\s/#$]+")
"""The characters that are not allowed in the name of a feature."""


class Discovery(NamedTuple):
    """The features of files.

    Attributes:
      spec: The features of a record.
      left_out: The reason why a value of the records is not in the spec, by the name of the value.
    """

    spec: SequenceSpec
    left_out: dict[str, str]


class NotDiscoveredError(ValueError):
    """The features of files cannot be discovered."""


class _LeftOutError(Exception):
    """No feature fits the values under some name.

    The message is the reason and completes a sentence that begins with the name, such as "holds no value".
    """


def discover(files: Sequence[str], read: ReadConfig) -> Discovery:
    """Discovers a spec that fits the first records of files.

    Args:
      files: The paths of the files. The reader of their format must be able to return a sample.
      read: The format and its options.

    Raises:
      NotDiscoveredError: if there is no record, or if the records have no sequence.
      ValueError: if the options do not fit the format, or if its features cannot be discovered.
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
    features, left_out = _discover_features(records, keys=parse_column_names(read.options.get("group_by", ())))
    if read.format == SEQUENCE_EXAMPLE:
        features, left_out = _keep_own_names(features, left_out)
    if all(feature.context for feature in features.values()):
        reasons = "".join(f"; {source!r} {reason}" for source, reason in left_out.items())
        raise NotDiscoveredError(f"the records of {files[0]!r} hold no sequence{reasons}. Name the features")
    return Discovery(SequenceSpec(features=features), left_out)


def _discover_features(
    records: Sequence[RawRecord], keys: Collection[str]
) -> tuple[dict[str, Feature], dict[str, str]]:
    """Discovers the features of records.

    Args:
      records: The records of the sample.
      keys: The sources whose features have the role `key`.

    Returns:
      The features by name, and the reasons why values are left out, by source.
    """
    values_by_source: dict[str, list[Any]] = {}
    for record in records:
        for source, value in record.items():
            values_by_source.setdefault(source, []).append(value)
    sequence_sources = _find_sequence_sources(records)
    features: dict[str, Feature] = {}
    left_out: dict[str, str] = {}
    for source, values in values_by_source.items():
        if make_writable(source) != source:
            left_out[make_writable(source)] = "has a name that is not UTF-8"
            continue
        try:
            feature = _infer_feature(values, source in sequence_sources, len(records))
            if source in keys:
                feature = _change_to_key(feature)
        except _LeftOutError as error:
            left_out[source] = str(error)
            continue
        name = _make_name(source)
        if name in features:
            left_out[source] = f"would be called {name!r}, as another feature is"
            continue
        if not _is_name(name):
            left_out[source] = "has a name that is too long for a feature"
            continue
        if name != source:
            feature = feature.model_copy(update={"source": source})
        features[name] = feature
    return features, left_out


def _keep_own_names(
    features: Mapping[str, Feature], left_out: Mapping[str, str]
) -> tuple[dict[str, Feature], dict[str, str]]:
    """Calls each feature like its source, for records that are kept as they are. Leaves out those that cannot be."""
    kept: dict[str, Feature] = {}
    reasons = dict(left_out)
    for name, feature in features.items():
        source = feature.source or name
        if _is_name(source):
            kept[source] = feature.model_copy(update={"source": None})
        else:
            reasons[source] = "has a name with a space, or one of / # $"
    return kept, reasons


def _is_name(name: str) -> bool:
    """Returns whether a feature can have a name."""
    try:
        pydantic.TypeAdapter(FeatureName).validate_python(name)
    except pydantic.ValidationError:
        return False
    return True


def _make_name(source: str) -> str:
    """Makes an allowed feature name from the name of a source."""
    return f"column{source}" if source.isdigit() else _NOT_IN_NAMES.sub("_", source)


def _find_sequence_sources(records: Sequence[RawRecord]) -> set[str]:
    """Returns the sources of the sequence features.

    All sequence features of a record have the same length. So the sequence features are the largest set of lists that
    have equal lengths in most records. In this example, each list has one length per record::

        words  2 1 3    as long as tags
        tags   2 1 3    as long as words         ->   words, tags
        box    4 4 4    as long as no other list
    """
    # The length of each list by the position of its record.
    lengths_by_source: dict[str, dict[int, int]] = {}
    for position, record in enumerate(records):
        for source, value in record.items():
            if isinstance(value, list):
                lengths_by_source.setdefault(source, {})[position] = len(value)
    largest_set: set[str] = set()
    for lengths in lengths_by_source.values():
        sources = {
            source for source, other_lengths in lengths_by_source.items() if _have_equal_lengths(lengths, other_lengths)
        }
        # Of sets with equal size, the first one is kept.
        if len(sources) > len(largest_set):
            largest_set = sources
    return largest_set


def _have_equal_lengths(lengths: Mapping[int, int], other_lengths: Mapping[int, int]) -> bool:
    """Returns whether two lists have equal lengths in at least half of the records that contain both.

    Not all records are required, because a few bad records must not hide that two lists belong together. Half of the
    records are enough, because lists that do not belong together rarely have equal lengths.
    """
    common_positions = lengths.keys() & other_lengths.keys()
    equal_positions = [position for position in common_positions if lengths[position] == other_lengths[position]]
    return bool(common_positions) and 2 * len(equal_positions) >= len(common_positions)


def _infer_feature(values: list[Any], is_sequence: bool, num_records: int) -> Feature:
    """Infers a feature from its values in the records.

    Args:
      values: The value of each record that contains the feature; None for null.
      is_sequence: Whether the values are lists with one value per step.
      num_records: The number of all records, with or without the feature.

    Raises:
      _LeftOutError: if no feature fits the values.
    """
    present = _drop_nulls(values)
    missing_share = 1 - len(present) / num_records
    if missing_share > _MAX_MISSING_SHARE:
        raise _LeftOutError(f"is missing from {missing_share:.0%} of the records")
    num_lists = len([value for value in present if isinstance(value, list)])
    if 0 < num_lists < len(present):
        raise _LeftOutError(f"is a list in {num_lists} of {len(present)} records and one value in the others")
    if num_lists == 0:
        return _infer_from_steps(present, is_context=True)
    if is_sequence:
        return _infer_from_steps(list(itertools.chain.from_iterable(present)), is_context=False)
    widths = {len(value) for value in present}
    if widths == {0}:
        raise _LeftOutError("holds no value")
    if len(widths) == 1:
        return _infer_from_steps(present, is_context=True)
    raise _LeftOutError("does not have the same number of values as the other lists of its record")


def _drop_nulls(values: list[Any]) -> list[Any]:
    """Returns the values that are not None, or all values if the others are numbers.

    Numbers may be missing. A null is then a missing number, and the record counts as one with the feature.
    """
    present = [value for value in values if value is not None]
    is_number_feature = bool(present) and set(map(type, present)) <= _NUMBER_TYPES
    return values if is_number_feature else present


def _infer_from_steps(steps: list[Any], is_context: bool) -> Feature:
    """Infers a feature from its steps in all records, or from its context values if `is_context` is true.

    Raises:
      _LeftOutError: if no feature fits.
    """
    present = [step for step in steps if not is_missing(step)]
    is_incomplete = len(present) < len(steps)
    types = set(map(type, present))
    if not present:
        raise _LeftOutError("holds no value")
    if types == {str} and not is_incomplete:
        return _infer_from_strings(steps, is_context)
    if types == {bool} and not is_incomplete:
        return Feature(kind="categorical", context=is_context)
    if types == {int} and not is_incomplete:
        return Feature(kind="integer", role=_choose_role(steps, is_context), context=is_context)
    if types <= _NUMBER_TYPES:
        return Feature(kind="float", context=is_context, missing=is_incomplete)
    if types == {list}:
        return _infer_from_lists(present, is_context, is_incomplete)
    raise _LeftOutError(_describe_types(steps))


def _infer_from_lists(steps: list[list[Any]], is_context: bool, is_incomplete: bool) -> Feature:
    """Infers a feature whose steps are lists.

    Args:
      steps: The steps that are not null.
      is_context: Whether the steps are context values.
      is_incomplete: Whether there are also steps that are null.

    Raises:
      _LeftOutError: if no feature fits.
    """
    values = list(itertools.chain.from_iterable(steps))
    present = [value for value in values if not is_missing(value)]
    is_incomplete = is_incomplete or len(present) < len(values)
    types = set(map(type, present))
    widths = {len(step) for step in steps}
    if not present:
        raise _LeftOutError("holds no value")
    if types == {str} and not is_context and not is_incomplete:
        return Feature(kind="token", nested=True)
    if types <= _NUMBER_TYPES and len(widths) == 1:
        return Feature(kind="vector", width=widths.pop(), context=is_context, missing=is_incomplete)
    raise _LeftOutError("has several values in a step, but the steps are not vectors of one width")


def _infer_from_strings(steps: list[str], is_context: bool) -> Feature:
    scheme = None if is_context else find_scheme(set(steps))
    if scheme is not None:
        return Feature(kind="categorical", role="label", spans=scheme)
    return Feature(kind="token", role=_choose_role(steps, is_context), context=is_context)


def _choose_role(values: list[Any], is_context: bool) -> Role:
    """Returns `carried` for context values that are all different, because no model learns from them, or `input`."""
    is_id = is_context and len(values) >= _MIN_RECORDS_FOR_IDS and np.unique(values).size == len(values)
    return "carried" if is_id else "input"


def _change_to_key(feature: Feature) -> Feature:
    """Returns the feature with the role `key`.

    Raises:
      _LeftOutError: if the key is missing from a record.
    """
    if feature.missing:
        raise _LeftOutError("is the key of the records, but is missing from some records")
    return feature.model_copy(update={"role": "key"})


def _describe_types(steps: list[Any]) -> str:
    """Returns a reason with the number of steps and the first value of each type. The most frequent type is first."""
    steps_by_type: dict[str, list[Any]] = {}
    for step in steps:
        steps_by_type.setdefault(type(step).__name__, []).append(step)
    types_by_frequency = sorted(steps_by_type, key=lambda type_name: (-len(steps_by_type[type_name]), type_name))
    descriptions = []
    for type_name in types_by_frequency:
        steps_of_type = steps_by_type[type_name]
        shown_name = _TYPE_NAMES.get(type_name, type_name)
        descriptions.append(f"{shown_name} ({len(steps_of_type):,}, such as {abbreviate(steps_of_type[0])})")
    problem = "several types" if len(descriptions) > 1 else "a type that no feature has"
    return f"holds values of {problem}: {', '.join(descriptions)}"
