"""Long records: cut off, cut into pieces, or refused.

With `max_length = 4` and `overlap = 1`, a record of nine steps becomes::

    a b c d e f g h i
    a b c d                 @piece 0    @overlap 0
          d e f g           @piece 1    @overlap 1
                g h i       @piece 2    @overlap 1
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.schemas.contract import OVERLAP, PARENT, PIECE, SOURCE_SIGN
from tfx_sequence.schemas.records.examples import Record
from tfx_sequence.schemas.records.rejects import Reason, bad_record
from tfx_sequence.schemas.spec import Kind, SequenceSpec

_MARK_KINDS: dict[str, Kind] = {PARENT: "token", PIECE: "integer", OVERLAP: "integer"}
"""The sources of the features that mark pieces, to the kind that each must have."""


class RecordCutter:
    """A cutter of long records, which also fills the features that mark pieces.

    Args:
      spec: The features of what is written.
      config: How long records are treated.

    Raises:
      ValueError: if the spec's features that mark pieces are not what they must be.

    Attributes:
      input_spec: The spec of what is read: without the features that mark pieces, and of any length if long records are
        cut.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        self._config = config
        self._marks = {name: spec.source(name) for name in spec.features if spec.source(name).startswith(SOURCE_SIGN)}
        self._check_marks(spec)
        if self._may_cut and spec.max_length is not None and spec.max_length < (config.max_length or 0):
            raise ValueError(
                f"`max_length` is {config.max_length}, so pieces are longer than the spec's own `max_length`, which is "
                f"{spec.max_length}"
            )
        features = {name: feature for name, feature in spec.features.items() if name not in self._marks}
        max_length = None if self._may_cut else spec.max_length
        self.input_spec = spec.model_copy(update={"features": features, "max_length": max_length})
        self._sequence = tuple(spec.sequence)

    @property
    def _may_cut(self) -> bool:
        return self._config.on_long in ("truncate", "split")

    def is_whole(self, record: Record) -> bool:
        """Returns whether a record of equal lengths is written as it was read."""
        return not self._marks and not self.is_long(record)

    def is_long(self, record: Record) -> bool:
        """Returns whether a record of equal lengths is longer than it may be."""
        limit = self._config.max_length
        return limit is not None and self._config.on_long != "keep" and len(record[self._sequence[0]]) > limit

    def cut(self, record: Record, parent: str) -> Iterator[dict[str, Any]]:
        """Yields the pieces to write of a record of equal lengths; the record itself, with its marks, if it is not cut.

        Raises:
          BadRecordError: if it is long and must not be.
        """
        length = len(record[self._sequence[0]])
        limit = self._config.max_length
        size = min(length, limit) if limit is not None and self._config.on_long != "keep" else length
        if size < length and not self._may_cut:
            raise bad_record(Reason.TOO_LONG, f"the sequence has {length} steps, expected at most {size}, `max_length`")
        overlap = self._config.overlap
        # A record that is no longer than the overlap, an empty one too, is one piece; and a stride is at least a step.
        starts = range(0, max(length - overlap, 1), max(size - overlap, 1))
        for piece, start in enumerate(starts):
            values = {PARENT: parent, PIECE: piece, OVERLAP: overlap if piece else 0}
            marks = {name: values[source] for name, source in self._marks.items()}
            steps = {name: record[name][start : start + size] for name in self._sequence}
            yield {**record, **steps, **marks}
            if self._config.on_long == "truncate":
                return

    def _check_marks(self, spec: SequenceSpec) -> None:
        for name, source in self._marks.items():
            feature = spec.features[name]
            if not feature.context or _MARK_KINDS.get(source) != feature.kind:
                raise ValueError(
                    f"`{name}` is from {source!r}, which must be one of {_describe_marks()}, in the context"
                )
        missing = set(_MARK_KINDS) - set(self._marks.values())
        if missing and self._config.on_long == "split":
            raise ValueError(
                f"on_long = 'split' needs context features from {_describe_marks()}; {min(missing)!r} is missing"
            )


def _describe_marks() -> str:
    return ", ".join(f"{source!r} ({kind})" for source, kind in _MARK_KINDS.items())
