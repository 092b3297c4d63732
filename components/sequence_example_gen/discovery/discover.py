"""A spec for files that nobody has described: what the first records hold.

Found are names, kinds, what is context, and where numbers are missing. What a feature is for (label, weight) no file
says: all are inputs, but for tags that mark spans, which are labels, columns that rows are grouped by, which are keys,
and what is different in each record, which is carried along.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.discovery.sample import Record, sample
from tfx_sequence.components.sequence_example_gen.readers.cell_values import is_missing
from tfx_sequence.components.sequence_example_gen.readers.long_form import columns_of
from tfx_sequence.schemas.records.rejects import abbreviate
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tags import find_scheme

_MOST_MISSING = 0.1
_NUMBERS = {int, float}
_ENOUGH = 20
_TYPES = {
    "NoneType": "null",
    "bool": "true or false",
    "dict": "object",
    "float": "number",
    "int": "integer",
    "str": "text",
}
_NOT_IN_NAMES = re.compile(r"[\s/#$]+")

_KNOWN: dict[str, SequenceSpec] = {
    "conllu": SequenceSpec(
        features={
            "form": Feature(kind="token", source="FORM"),
            "lemma": Feature(kind="token", role="carried", source="LEMMA"),
            "upos": Feature(kind="categorical", role="label", source="UPOS"),
        }
    ),
    "text": SequenceSpec(features={"tokens": Feature(kind="token", source="step")}),
}
"""Formats whose records always hold the same."""


class Discovery(NamedTuple):
    """What files hold.

    Attributes:
      spec: What a record is.
      left_out: Name of what is there but not in the spec, to the reason.
    """

    spec: SequenceSpec
    left_out: dict[str, str]


class NotDiscoveredError(ValueError):
    """Files do not say what a record is."""


def discover(files: Sequence[str], read: ReadConfig) -> Discovery:
    """A spec that the first records of some files keep.

    Args:
      files: The files, of any format of this package.
      read: The format and its options.

    Raises:
      NotDiscoveredError: if there is no record, or no sequence in the records, or the format cannot be looked into.
      ValueError: if the options are not those of the format.
    """
    if read.format in _KNOWN:
        return Discovery(_KNOWN[read.format], {})
    records, problem = sample(files, read)
    if not records:
        why = f" ({problem})" if problem else ""
        raise NotDiscoveredError(
            f"no record of the format {read.format!r} can be read from {files[0]!r}{why}, so its features are not "
            "known; is it of another format? Name the format, or the features"
        )
    columns: dict[str, list[Any]] = {}
    for record in records:
        for name, value in record.items():
            columns.setdefault(name, []).append(value)
    features: dict[str, Feature] = {}
    left_out = {}
    aligned = _aligned(records)
    keys = columns_of(read.options.get("group_by", ()))
    for source, values in columns.items():
        found = _describe(values, source in aligned, len(records))
        if source in keys:
            found = _as_key(found)
        if isinstance(found, str):
            left_out[source] = found
            continue
        name = _name(source)
        features[name] = found if name == source else found.model_copy(update={"source": source})
    if all(feature.context for feature in features.values()):
        reasons = "".join(f"; {name!r} {reason}" for name, reason in left_out.items())
        raise NotDiscoveredError(f"the records of {files[0]!r} hold no sequence{reasons}. Name the features")
    return Discovery(SequenceSpec(features=features), left_out)


def _name(source: str) -> str:
    """A name that a feature may have."""
    return f"column{source}" if source.isdigit() else _NOT_IN_NAMES.sub("_", source)


def _aligned(records: Sequence[Record]) -> set[str]:
    """The lists that have one length, at least in most records; the largest set of such lists, if there are several."""
    lengths: dict[str, dict[int, int]] = {}
    for number, record in enumerate(records):
        for name, value in record.items():
            if isinstance(value, list):
                lengths.setdefault(name, {})[number] = len(value)
    sets = ({other for other in lengths if _alike(lengths[name], lengths[other])} for name in lengths)
    return max(sets, key=len, default=set())


def _alike(one: Mapping[int, int], other: Mapping[int, int]) -> bool:
    both = one.keys() & other.keys()
    return 2 * sum(one[number] == other[number] for number in both) >= len(both) > 0


def _describe(values: list[Any], aligned: bool, records: int) -> Feature | str:
    """The feature that has such values, a record each; or why there is none, as the end of a sentence.

    Args:
      values: Those of the records that have it; None for null.
      aligned: Whether they are lists of one value a step.
      records: How many records there are.
    """
    present = [value for value in values if value is not None]
    if present and set(map(type, present)) <= _NUMBERS:
        present = values
    missing = 1 - len(present) / records
    if missing > _MOST_MISSING:
        return f"is missing from {missing:.0%} of the records"
    lists = [isinstance(value, list) for value in present]
    if any(lists) != all(lists):
        return f"is a list in {sum(lists)} of {len(lists)} records and one value in the others"
    if not all(lists):
        return _of_steps(present, context=True)
    if aligned:
        return _of_steps(list(itertools.chain.from_iterable(present)), context=False)
    widths = {len(value) for value in present}
    if widths == {0}:
        return "holds no value"
    if len(widths) == 1:
        return _of_steps(present, context=True)
    return "has another number of values than the other lists of its record"


def _of_steps(steps: list[Any], context: bool) -> Feature | str:
    present = [step for step in steps if not is_missing(step)]
    gaps = len(present) < len(steps)
    types = set(map(type, present))
    if not present:
        return "holds no value"
    if types == {str} and not gaps:
        return _of_strings(steps, context)
    if types == {int} and not gaps:
        return Feature(kind="integer", role=_role(steps, context), context=context)
    if types <= _NUMBERS:
        return Feature(kind="float", context=context, missing=gaps)
    if types == {list}:
        return _of_lists(present, context, gaps)
    return _of_other_types(steps)


def _of_lists(steps: list[list[Any]], context: bool, gaps: bool) -> Feature | str:
    """`gaps` says whether there are steps beside these that are null."""
    values = list(itertools.chain.from_iterable(steps))
    present = [value for value in values if not is_missing(value)]
    gaps = gaps or len(present) < len(values)
    types = set(map(type, present))
    widths = {len(step) for step in steps}
    if not present:
        return "holds no value"
    if types == {str} and not context and not gaps:
        return Feature(kind="token", nested=True)
    if types <= _NUMBERS and len(widths) == 1:
        return Feature(kind="vector", width=widths.pop(), context=context, missing=gaps)
    return "has several values in a step, and these are no vectors of one width"


def _of_other_types(steps: list[Any]) -> str:
    """Which types there are, with the number of steps and the first value of each."""
    by_type: dict[str, list[Any]] = {}
    for step in steps:
        by_type.setdefault(type(step).__name__, []).append(step)
    found = sorted(by_type.items(), key=lambda item: (-len(item[1]), item[0]))
    shown = (f"{_TYPES.get(name, name)} ({len(some):,}, such as {abbreviate(some[0])})" for name, some in found)
    return f"holds values of {'several types' if len(found) > 1 else 'a type that no feature has'}: {', '.join(shown)}"


def _as_key(found: Feature | str) -> Feature | str:
    if isinstance(found, str):
        return found
    if found.missing:
        return "names the records, but is missing from some"
    return found.model_copy(update={"role": "key"})


def _of_strings(steps: list[str], context: bool) -> Feature:
    scheme = None if context else find_scheme(set(steps))
    if scheme is not None:
        return Feature(kind="categorical", role="label", spans=scheme)
    return Feature(kind="token", role=_role(steps, context), context=context)


def _role(values: list[Any], context: bool) -> Any:
    different = context and len(values) >= _ENOUGH and np.unique(values).size == len(values)
    return "carried" if different else "input"
