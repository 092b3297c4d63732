"""Formats records and a model's answers about them as lines of JSON, as columns, or as SequenceExamples."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.components.sequence_example_gen.readers.columns import DOCSTART
from tfx_sequence.schemas.contract import ID_SUFFIX, SCORE_SUFFIX, TRUE_SUFFIX
from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.records.tfrecords import frame
from tfx_sequence.schemas.spec import Feature, SequenceSpec

COMMENT = "# "
"""The beginning of a line about the whole record."""

_NO_STEPS = (COMMENT, DOCSTART, "\ufeff")
"""The beginnings of lines that are no steps for a reader: a comment, a document, and the byte order mark of a file."""


@dataclass(frozen=True)
class NoValue:
    """Stands where a step has no value: an answer about a step that was not read, or a feature at an added step.

    Attributes:
      stand_in: A value of the type of the other steps, for formats that need one: "", 0, NaN, or a list.
    """

    stand_in: Any


class Answer(NamedTuple):
    """A model's answer about one record of T steps. The values are strings, numbers and lists of Python.

    Attributes:
      context: Output name to value, for the answers about the whole record.
      steps: Output name to T values, for the answers about steps. A step that the model did not read has `NoValue`.
      before: Output name to the values at the steps that the transform adds in front, such as the begin of a language
        model.
      after: Output name to the values at the steps that the transform adds behind.
    """

    context: Mapping[str, Any]
    steps: Mapping[str, Sequence[Any]]
    before: Mapping[str, Sequence[Any]]
    after: Mapping[str, Sequence[Any]]


class AnsweredRecord(NamedTuple):
    """A record of T steps and a model's answers about it.

    Attributes:
      context: Name to value, for the context features of the record and for the answers about the whole record.
      steps: Name to T values, for the sequence features and for the answers about steps.
      before: The same names to the values at the steps that the transform adds in front. Features have `NoValue`.
      after: The same names to the values at the steps that the transform adds behind.
    """

    context: Mapping[str, Any]
    steps: Mapping[str, Sequence[Any]]
    before: Mapping[str, Sequence[Any]]
    after: Mapping[str, Sequence[Any]]

    def list_all_steps(self) -> dict[str, Sequence[Any]]:
        """Returns name to values, for the steps of the record and the steps that the transform adds around them.

        ::

            tokens    NoValue  a  b      An answer stands at the step after which the model gave it: this language
            target    a        b  END    model was told nothing, then a, then b.
        """
        if not any(self.before.values()) and not any(self.after.values()):
            return dict(self.steps)
        return {name: [*self.before[name], *values, *self.after[name]] for name, values in self.steps.items()}


def merge_answer(spec: SequenceSpec, values: Mapping[str, Any], answer: Answer) -> AnsweredRecord:
    """Puts the features of a record and the answers about it together.

    The order of the fields is the same for all records: features of the context, answers about the record, sequence
    features, answers about steps. The features are in the order of the spec.

    Args:
      spec: The features of the record. `name_fields` says what they are called beside the answers.
      values: Feature name to value, or to one value per step.
      answer: The answers about the record.
    """
    names = name_fields(spec, (*answer.context, *answer.steps))
    context = {names[name]: values[name] for name in spec.context}
    steps = {names[name]: values[name] for name in spec.sequence}
    sequence = {names[name]: feature for name, feature in spec.sequence.items()}
    return AnsweredRecord(
        {**context, **answer.context},
        {**steps, **answer.steps},
        _add_features(sequence, answer.before),
        _add_features(sequence, answer.after),
    )


def name_fields(spec: SequenceSpec, answer_names: Collection[str]) -> dict[str, str]:
    """Returns what each feature is called beside the answers.

    A label is called `<label>_true`, because the answer about it is called like the label. So is any other feature with
    the name of an answer.
    """
    names = {}
    for name, feature in spec.features.items():
        is_beside_answer = feature.role == "label" or name in answer_names
        names[name] = f"{name}{TRUE_SUFFIX}" if is_beside_answer else name
    return names


def _add_features(sequence: Mapping[str, Feature], answers: Mapping[str, Sequence[Any]]) -> dict[str, Sequence[Any]]:
    """Returns the answers at added steps, and `NoValue` at these steps for the sequence features."""
    num_added = max(map(len, answers.values()), default=0)
    features = {name: [NoValue(_make_stand_in(feature))] * num_added for name, feature in sequence.items()}
    return {**features, **answers}


def _make_stand_in(feature: Feature) -> Any:
    """Makes a value of the type of a feature that stands for no value."""
    if feature.nested:
        return []
    value = {"string": "", "int64": 0, "float32": math.nan}[feature.dtype]
    return [value] * feature.width if feature.width else value


def format_jsonl(record: AnsweredRecord) -> bytes:
    """Returns one line with a JSON object. A step without a value is null, and so is NaN, because JSON has no NaN."""
    fields = {name: _to_json_value(value) for name, value in {**record.context, **record.list_all_steps()}.items()}
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode()


def format_columns(record: AnsweredRecord) -> bytes:
    """Returns one line per step, with tabs between columns, for the format `columns` with the options of `COLUMNS`.

    Each value of the context is written before the steps as a comment `# name = value`. A blank line ends the record.
    Ids and scores of labels are left out. White space within a value is written as one space, because tabs and line
    breaks separate columns and steps. An empty value, a missing number, and a step without a value, is written as `_`.
    """
    context = _drop_ids_and_scores(record.context)
    steps = _drop_ids_and_scores(record.list_all_steps())
    lines = [f"{COMMENT}{name} = {_format_cell(value)}" for name, value in context.items()]
    for row in zip(*steps.values(), strict=True):
        line = "\t".join(map(_format_cell, row))
        # A no-break space in front keeps a reader from taking a step for a comment, or for the beginning of a document.
        lines.append(f"\u00a0{line}" if line.startswith(_NO_STEPS) else line)
    return "".join(f"{line}\n" for line in [*lines, ""]).encode()


def format_tfrecord(record: AnsweredRecord) -> bytes:
    """Returns the record as a serialized SequenceExample, with the length and checksums that a TFRecord file has.

    A step without a value is "", 0 or NaN.
    """
    steps = {name: _replace_no_values(values) for name, values in record.list_all_steps().items()}
    # NaN is also the score of an answer about NaN, and a missing number.
    example = make_example(steps, record.context, not_finite="keep")
    return frame(example.SerializeToString(deterministic=True))


class AnswerFormat(NamedTuple):
    """A file format for answers.

    Attributes:
      suffix: The file name extension, without a dot.
      format_record: A function that formats one record.
    """

    suffix: str
    format_record: Callable[[AnsweredRecord], bytes]


ANSWER_FORMATS = {
    "jsonl": AnswerFormat("jsonl", format_jsonl),
    "columns": AnswerFormat("conll", format_columns),
    "tfrecord": AnswerFormat("tfrecord", format_tfrecord),
}
"""The name of each format to the format. The argument `--to` of the command `predict` accepts these names."""


COLUMNS = {"separator": "\t", "comment": COMMENT}
"""The options with which the format `columns` reads what `format_columns` writes."""


def drop_ids(record: AnsweredRecord) -> AnsweredRecord:
    """Returns the record without the ids of labels. The field `upos_id` is one if there is a field `upos`."""
    return AnsweredRecord(*(_drop_endings(fields, (ID_SUFFIX,)) for fields in record))


def _drop_ids_and_scores(fields: Mapping[str, Any]) -> dict[str, Any]:
    return _drop_endings(fields, (ID_SUFFIX, SCORE_SUFFIX))


def _drop_endings(fields: Mapping[str, Any], suffixes: Sequence[str]) -> dict[str, Any]:
    """Returns the fields without those whose name is the name of another field and one of the suffixes."""
    dropped = {f"{name}{suffix}" for name in fields for suffix in suffixes}
    return {name: value for name, value in fields.items() if name not in dropped}


def _replace_no_values(values: Sequence[Any]) -> Sequence[Any]:
    if isinstance(values, np.ndarray):  # An array has a value in each step.
        return values
    return [value.stand_in if isinstance(value, NoValue) else value for value in values]


def _format_cell(value: Any) -> str:
    """Formats a value for a column. The elements of a list are separated by commas."""
    plain = _to_json_value(value)
    if isinstance(plain, list):
        return ",".join(map(_format_cell, plain))
    return "_" if plain is None else " ".join(str(plain).split()) or "_"


def _to_json_value(value: Any) -> Any:
    """Converts a value of NumPy to lists, strings and numbers of Python. NaN and NoValue become None."""
    if isinstance(value, NoValue):
        return None
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_to_json_value(element) for element in value]
    if not isinstance(value, float):
        return value
    if math.isnan(value):
        return None
    # Models and records hold float32. As a float64, the float32 0.1 would be printed as 0.10000000149011612, so the
    # shortest decimal that means the same float32 is used.
    return float(str(np.float32(value)))
