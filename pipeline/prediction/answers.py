"""A record with what the model says of it: pieces joined again, and written in one of several forms."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.schemas.contract import ID_SUFFIX, OVERLAP, PARENT, PIECE, SCORE_SUFFIX
from tfx_sequence.schemas.records.examples import make_example
from tfx_sequence.schemas.records.tfrecords import frame
from tfx_sequence.schemas.spec import SequenceSpec


class Answered(NamedTuple):
    """A record and its answers.

    Attributes:
      context: Name to value: of the record, and of the answers that are about it as a whole.
      steps: Name to one value a step.
    """

    context: Mapping[str, Any]
    steps: Mapping[str, Sequence[Any]]


class Joiner:
    """Makes one record again of the pieces of a long one, which follow one another.

    Of the steps that two pieces share, the first half is taken from the first and the second half from the second: near
    its end a piece does not know what comes. Of answers about a whole record the one of the highest score counts.
    """

    def __init__(self, spec: SequenceSpec) -> None:
        """Takes the spec of the pieces; if it marks none, every record is whole."""
        marks = {spec.source(name): name for name in spec.context}
        self._names = (marks[PIECE], marks[OVERLAP]) if {PARENT, PIECE, OVERLAP} <= set(marks) else None

    def join(self, pieces: Iterable[Answered]) -> Iterator[Answered]:
        """Yields whole records."""
        if self._names is None:
            yield from pieces
            return
        number, overlap = self._names
        whole: Answered | None = None
        for piece in pieces:
            marks = {name: piece.context[name] for name in (number, overlap)}
            bare = piece._replace(context={name: v for name, v in piece.context.items() if name not in marks})
            if whole is not None and marks[number]:
                whole = _joined(whole, bare, marks[overlap])
                continue
            if whole is not None:
                yield whole
            whole = bare
        if whole is not None:
            yield whole


def _joined(first: Answered, second: Answered, overlap: int) -> Answered:
    drop = overlap // 2
    keep = overlap - drop
    steps = {name: [*values[: len(values) - drop], *second.steps[name][keep:]] for name, values in first.steps.items()}
    context = dict(first.context)
    for name, score in second.context.items():
        if name.endswith(SCORE_SUFFIX) and score > context[name]:
            label = name.removesuffix(SCORE_SUFFIX)
            context |= {key: second.context[key] for key in (label, f"{label}{ID_SUFFIX}", name) if key in context}
    return Answered(context, steps)


def to_jsonl(answered: Answered) -> bytes:
    """A JSON object on a line. JSON has no NaN: what is missing is null."""
    fields = {**answered.context, **answered.steps}
    return (json.dumps({name: _plain(value) for name, value in fields.items()}, ensure_ascii=False) + "\n").encode()


def to_columns(answered: Answered) -> bytes:
    """A line a step with tabs between columns, comments `# name = value` before it, and a blank line after.

    Ids and scores are left out. White space within a value becomes a space, since the form has no way to write it. A
    number that is missing is `_`.
    """
    context = {name: value for name, value in answered.context.items() if not _is_detail(name, answered.context)}
    steps = {name: values for name, values in answered.steps.items() if not _is_detail(name, answered.steps)}
    lines = [f"# {name} = {_cell(value)}" for name, value in context.items()]
    lines += ["\t".join(map(_cell, row)) for row in zip(*steps.values(), strict=True)]
    return "".join(f"{line}\n" for line in [*lines, ""]).encode()


def to_tfrecord(answered: Answered) -> bytes:
    """A SequenceExample as it stands in a TFRecord file."""
    return frame(make_example(answered.steps, answered.context).SerializeToString(deterministic=True))


class Form(NamedTuple):
    """A form of files.

    Attributes:
      ending: What the names of such files end in.
      write: What writes a record.
    """

    ending: str
    write: Callable[[Answered], bytes]


FORMS = {
    "jsonl": Form("jsonl", to_jsonl),
    "columns": Form("conll", to_columns),
    "tfrecord": Form("tfrecord", to_tfrecord),
}
"""Name to form."""


def _is_detail(name: str, fields: Mapping[str, Any]) -> bool:
    label, underscore, detail = name.rpartition("_")
    return bool(underscore) and detail in ("id", "score") and label in fields


def _cell(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, list):
        return ",".join(map(_cell, plain))
    return "_" if plain is None else " ".join(str(plain).split())


def _plain(value: Any) -> Any:
    """Lists, texts and numbers; of the floats that are equal as float32 the shortest, and None for NaN."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if not isinstance(value, float):
        return value
    return None if math.isnan(value) else float(str(np.float32(value)))
