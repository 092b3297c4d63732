"""Joins the pieces of long records again, and formats records with a model's answers for files."""

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


class AnsweredRecord(NamedTuple):
    """A record and a model's answers about it.

    Attributes:
      context: Name to value: of the record, and of the answers that are about it as a whole.
      steps: Name to one value a step.
    """

    context: Mapping[str, Any]
    steps: Mapping[str, Sequence[Any]]


class PieceJoiner:
    """Joins the pieces of a long record, which follow one another, to one record again.

    A piece knows little of what comes before its first steps, and nothing of what comes after its last. So of the steps
    that two pieces share, the first half is taken from the first and the second half from the second::

        first   a b c d          overlap 2: c from the first, d from the second
        second      c d e f
        joined  a b c d e f

    Of answers about a whole record the one of the highest score counts.

    Args:
      spec: The spec of the pieces; if it has no features that mark pieces, every record is whole.
    """

    def __init__(self, spec: SequenceSpec) -> None:
        names_by_source = {spec.source(name): name for name in spec.context}
        self._cuts_records = {PARENT, PIECE, OVERLAP} <= set(names_by_source)
        self._piece_name = names_by_source.get(PIECE, "")
        self._overlap_name = names_by_source.get(OVERLAP, "")

    def join(self, pieces: Iterable[AnsweredRecord]) -> Iterator[AnsweredRecord]:
        """Yields whole records."""
        if not self._cuts_records:
            yield from pieces
            return
        whole: AnsweredRecord | None = None
        for piece in pieces:
            context = dict(piece.context)
            index = context.pop(self._piece_name)
            overlap = context.pop(self._overlap_name)
            piece = AnsweredRecord(context, piece.steps)
            # Piece 0 is the beginning of another record.
            if whole is not None and index:
                whole = _join_pieces(whole, piece, overlap)
                continue
            if whole is not None:
                yield whole
            whole = piece
        if whole is not None:
            yield whole


def _join_pieces(first: AnsweredRecord, second: AnsweredRecord, overlap: int) -> AnsweredRecord:
    from_second = overlap // 2
    from_first = overlap - from_second
    steps = {}
    for name, values in first.steps.items():
        steps[name] = [*values[: len(values) - from_second], *second.steps[name][from_first:]]
    context = dict(first.context)
    for name, score in second.context.items():
        if name.endswith(SCORE_SUFFIX) and score > context[name]:
            label = name.removesuffix(SCORE_SUFFIX)
            for key in (label, f"{label}{ID_SUFFIX}", name):
                if key in context:
                    context[key] = second.context[key]
    return AnsweredRecord(context, steps)


def format_jsonl(record: AnsweredRecord) -> bytes:
    """Returns a JSON object on a line. JSON has no NaN: a missing number is null."""
    fields = {name: _to_json_value(value) for name, value in {**record.context, **record.steps}.items()}
    return (json.dumps(fields, ensure_ascii=False) + "\n").encode()


def format_columns(record: AnsweredRecord) -> bytes:
    """Returns a line a step, with tabs between columns.

    Comments `# name = value` come before, and a blank line after. Ids and scores are left out. White space within a
    value becomes a space, since the format has no way to write it. A missing number is `_`.
    """
    context = {name: value for name, value in record.context.items() if not _is_id_or_score(name, record.context)}
    steps = {name: values for name, values in record.steps.items() if not _is_id_or_score(name, record.steps)}
    lines = [f"# {name} = {_format_cell(value)}" for name, value in context.items()]
    for row in zip(*steps.values(), strict=True):
        lines.append("\t".join(map(_format_cell, row)))
    return "".join(f"{line}\n" for line in [*lines, ""]).encode()


def format_tfrecord(record: AnsweredRecord) -> bytes:
    """Returns a SequenceExample as it stands in a TFRecord file."""
    return frame(make_example(record.steps, record.context).SerializeToString(deterministic=True))


class AnswerFormat(NamedTuple):
    """A format of files with answers.

    Attributes:
      suffix: The end of the names of such files.
      format_record: Formats one record.
    """

    suffix: str
    format_record: Callable[[AnsweredRecord], bytes]


ANSWER_FORMATS = {
    "jsonl": AnswerFormat("jsonl", format_jsonl),
    "columns": AnswerFormat("conll", format_columns),
    "tfrecord": AnswerFormat("tfrecord", format_tfrecord),
}
"""The values of `--to`."""


def _is_id_or_score(name: str, fields: Mapping[str, Any]) -> bool:
    """Returns whether a field is a detail of a label that is there too: `upos_id` beside `upos`."""
    return any(name.endswith(suffix) and name.removesuffix(suffix) in fields for suffix in (ID_SUFFIX, SCORE_SUFFIX))


def _format_cell(value: Any) -> str:
    plain = _to_json_value(value)
    if isinstance(plain, list):
        return ",".join(map(_format_cell, plain))
    return "_" if plain is None else " ".join(str(plain).split())


def _to_json_value(value: Any) -> Any:
    """Returns lists, texts and numbers in place of NumPy's; None in place of NaN."""
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_to_json_value(element) for element in value]
    if not isinstance(value, float):
        return value
    # A model's floats are float32: 0.1 is meant, not 0.10000000149011612.
    return None if math.isnan(value) else float(str(np.float32(value)))
