"""Truncates long records, cuts them into pieces, or rejects them.

With `max_length = 4` and `overlap = 1`, a record of nine steps becomes::

    a b c d e f g h i
    a b c d                 @piece 0    @overlap 0
          d e f g           @piece 1    @overlap 1
                g h i       @piece 2    @overlap 1
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.schemas.contract import OVERLAP, PARENT, PIECE, SOURCE_SIGN
from tfx_sequence.schemas.records.examples import Record
from tfx_sequence.schemas.records.rejects import Reason, bad_record
from tfx_sequence.schemas.spec import Kind, SequenceSpec

_MARK_KINDS: dict[str, Kind] = {PARENT: "token", PIECE: "integer", OVERLAP: "integer"}
"""The required kind of each feature that marks pieces, by the source of the feature."""


class RecordCutter:
    """Cuts long records and adds the features that mark pieces: `@parent`, `@piece` and `@overlap`.

    Args:
      spec: The features of the records that are written.
      config: The settings that determine how long records are treated.

    Raises:
      ValueError: if a feature that marks pieces is missing or has the wrong kind, or if pieces would be too long for
        the spec.

    Attributes:
      input_spec: The spec of the records that are read. It does not have the features that mark pieces. If long records
        are cut, it does not limit the length.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        self._config = config
        # The maximum number of steps of a record that is not long, or None if no record is treated as long.
        self._limit = None if config.on_long == "keep" else config.max_length
        self._mark_sources = {
            name: spec.source(name) for name in spec.features if spec.source(name).startswith(SOURCE_SIGN)
        }
        self._check_marks(spec)
        if self._may_cut and spec.max_length is not None and spec.max_length < (config.max_length or 0):
            raise ValueError(
                f"`max_length` is {config.max_length}, so pieces are longer than the spec's own `max_length`, which is "
                f"{spec.max_length}"
            )
        features = {name: feature for name, feature in spec.features.items() if name not in self._mark_sources}
        max_length = None if self._may_cut else spec.max_length
        self.input_spec = spec.model_copy(update={"features": features, "max_length": max_length})
        self._sequence = tuple(spec.sequence)

    @property
    def _may_cut(self) -> bool:
        return self._config.on_long in ("truncate", "split")

    def is_whole(self, record: Record) -> bool:
        """Returns whether a record is written unchanged. Its sequence features must have equal lengths."""
        return not self._mark_sources and not self.is_long(record)

    def is_long(self, record: Record) -> bool:
        """Returns whether a record is too long. Its sequence features must have equal lengths."""
        return self._limit is not None and self._count_steps(record) > self._limit

    def cut(self, record: Record, parent: str) -> Iterator[dict[str, Any]]:
        """Yields the pieces of a record with the features that mark them. A record that is not long is one piece.

        Args:
          record: The record. Its sequence features must have equal lengths.
          parent: The value of the feature with the source `@parent`.

        Raises:
          BadRecordError: if the record is too long and long records are rejected.
        """
        length = self._count_steps(record)
        piece_length = length if self._limit is None else min(length, self._limit)
        if piece_length < length and not self._may_cut:
            message = f"the sequence has {length} steps, expected at most {piece_length}, `max_length`"
            raise bad_record(Reason.TOO_LONG, message)
        for piece, start in enumerate(self._list_starts(length, piece_length)):
            marks = self._make_marks(parent, piece)
            steps = {name: record[name][start : start + piece_length] for name in self._sequence}
            yield {**record, **steps, **marks}

    def _count_steps(self, record: Record) -> int:
        return len(record[self._sequence[0]])

    def _list_starts(self, length: int, piece_length: int) -> Iterable[int]:
        """Lists the steps at which the pieces of a record begin.

        Args:
          length: The number of steps of the record.
          piece_length: The maximum number of steps of a piece.
        """
        if self._config.on_long == "truncate":
            return [0]
        overlap = self._config.overlap
        # A new piece begins only where there are steps after the overlap. Both minimums of 1 are for short records,
        # where the overlap may be as long as the record: such a record, or an empty one, is one piece.
        return range(0, max(length - overlap, 1), max(piece_length - overlap, 1))

    def _make_marks(self, parent: str, piece: int) -> dict[str, Any]:
        """Returns the values of the features that mark a piece."""
        # The first piece shares no step with a piece before it.
        overlap = self._config.overlap if piece else 0
        values_by_source = {PARENT: parent, PIECE: piece, OVERLAP: overlap}
        return {name: values_by_source[source] for name, source in self._mark_sources.items()}

    def _check_marks(self, spec: SequenceSpec) -> None:
        """Checks the features that mark pieces.

        Raises:
          ValueError: if one of them is not a context feature of the right kind, or if one is needed and missing.
        """
        for name, source in self._mark_sources.items():
            feature = spec.features[name]
            if not feature.context or _MARK_KINDS.get(source) != feature.kind:
                raise ValueError(
                    f"`{name}` is from {source!r}, which must be one of {_describe_marks()}, in the context"
                )
        missing = set(_MARK_KINDS) - set(self._mark_sources.values())
        if missing and self._config.on_long == "split":
            raise ValueError(
                f"on_long = 'split' needs context features from {_describe_marks()}; {min(missing)!r} is missing"
            )


def _describe_marks() -> str:
    return ", ".join(f"{source!r} ({kind})" for source, kind in _MARK_KINDS.items())
