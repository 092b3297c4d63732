"""Joins the answers about the pieces of a long record.

A config with `on_long = "split"` cuts a record with too many steps into pieces that overlap. The model answers about
each piece, and the person who asked wants one answer about the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tfx_sequence.pipeline.prediction.answers import AnsweredRecord, NoValue
from tfx_sequence.schemas.contract import ID_SUFFIX, OVERLAP, PARENT, PIECE, SCORE_SUFFIX
from tfx_sequence.schemas.spec import SequenceSpec


class _Piece(NamedTuple):
    """A piece of a long record.

    Attributes:
      record: The steps of the piece, and the answers about it.
      position: The position of the piece in its record, from 0.
      overlap: The number of first steps that are also the last steps of the piece before.
    """

    record: AnsweredRecord
    position: int
    overlap: int


class PieceJoiner:
    """Joins the pieces of each long record to one record.

    The model knows little about what comes before the first steps of a piece, and nothing about what comes after its
    last steps. Two neighbouring pieces share some steps. The first half of these steps is taken from the first piece,
    and the second half from the second piece::

        first   a b c d          overlap 2: c from the first, d from the second
        second      c d e f
        joined  a b c d e f

    If the model did not read the last steps of the first piece, the answers of the second piece are taken for them.

    For a label of the whole record, the answer with the highest score wins.

    Args:
      spec: The spec of the pieces. If it has no features with the sources `@parent`, `@piece` and `@overlap`, no record
        is cut, and all records stay as they are.
    """

    def __init__(self, spec: SequenceSpec) -> None:
        names_by_source = {spec.source(name): name for name in spec.context}
        self._has_pieces = {PARENT, PIECE, OVERLAP} <= set(names_by_source)
        self._piece_name = names_by_source.get(PIECE, "")
        self._overlap_name = names_by_source.get(OVERLAP, "")

    def join(self, pieces: Iterable[AnsweredRecord]) -> Iterator[AnsweredRecord]:
        """Yields whole records, without the features that number the pieces.

        Args:
          pieces: The pieces of all records. The pieces of a record follow one another, in order.
        """
        if not self._has_pieces:
            yield from pieces
            return
        joined: AnsweredRecord | None = None
        for piece in map(self._read_piece, pieces):
            if joined is None:
                joined = piece.record
            elif piece.position > 0:
                joined = _join_pieces(joined, piece.record, piece.overlap)
            else:
                # Piece 0 is the first piece of the next record, so the record before it is complete.
                yield joined
                joined = piece.record
        if joined is not None:
            yield joined

    def _read_piece(self, record: AnsweredRecord) -> _Piece:
        """Moves the features that number a piece out of its context."""
        context = dict(record.context)
        position = context.pop(self._piece_name)
        overlap = context.pop(self._overlap_name)
        return _Piece(record._replace(context=context), position, overlap)


def _join_pieces(first: AnsweredRecord, second: AnsweredRecord, overlap: int) -> AnsweredRecord:
    """Joins two neighbouring pieces, whose last and first `overlap` steps are the same."""
    num_from_second = overlap // 2
    num_from_first = overlap - num_from_second
    steps = {}
    for name, values in first.steps.items():
        num_before = len(values) - overlap
        shared = zip(values[num_before:], second.steps[name][:num_from_first], strict=False)
        from_first = [other if isinstance(value, NoValue) else value for value, other in shared]
        steps[name] = [*values[:num_before], *from_first, *second.steps[name][num_from_first:]]
    # The steps that the transform adds around each piece are only at the ends of the record.
    return AnsweredRecord(_choose_answers(first.context, second.context), steps, first.before, second.after)


def _choose_answers(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the context values of the first piece, with each answer of the second piece that has a higher score.

    An answer about the label `intent` consists of the values `intent`, `intent_id` and `intent_score`.
    """
    context = dict(first)
    for name, score in second.items():
        if not name.endswith(SCORE_SUFFIX) or score <= first[name]:
            continue
        label = name.removesuffix(SCORE_SUFFIX)
        for key in (label, f"{label}{ID_SUFFIX}", name):
            if key in context:
                context[key] = second[key]
    return context
