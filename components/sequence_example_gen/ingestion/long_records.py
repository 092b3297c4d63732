"""Long records: cut off, cut into pieces, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.schemas.contract import OVERLAP, PARENT, PIECE, SOURCE_SIGN
from tfx_sequence.schemas.records.examples import Record
from tfx_sequence.schemas.records.rejects import Reason, bad_record
from tfx_sequence.schemas.spec import Kind, SequenceSpec

_KINDS: dict[str, Kind] = {PARENT: "token", PIECE: "integer", OVERLAP: "integer"}


class Cutter:
    """Cuts long records.

    Attributes:
      content: The spec of what is read: without the features that describe pieces, and of any length if long records
        are cut.
    """

    def __init__(self, spec: SequenceSpec, config: ReadConfig) -> None:
        """Takes the spec and what is to become of long records.

        Raises:
          ValueError: if the spec's features of pieces are not what they must be.
        """
        self._config = config
        self._marks = {name: spec.source(name) for name in spec.features if spec.source(name).startswith(SOURCE_SIGN)}
        for name, source in self._marks.items():
            feature = spec.features[name]
            if not feature.context or _KINDS.get(source) != feature.kind:
                raise ValueError(f"`{name}` is from {source!r}, which must be one of {_described()}, in the context")
        if config.on_long == "split" and (missing := set(_KINDS) - set(self._marks.values())):
            raise ValueError(
                f"on_long = 'split' needs context features from {_described()}; {min(missing)!r} is missing"
            )
        if self._cuts and spec.max_length is not None and spec.max_length < (config.max_length or 0):
            raise ValueError(
                f"`max_length` is {config.max_length}, so pieces are longer than the spec's own `max_length`, which is "
                f"{spec.max_length}"
            )
        content = {name: feature for name, feature in spec.features.items() if name not in self._marks}
        self.content = spec.model_copy(
            update={"features": content, "max_length": None if self._cuts else spec.max_length}
        )
        self._sequence = tuple(spec.sequence)

    @property
    def _cuts(self) -> bool:
        return self._config.on_long in ("truncate", "split")

    def is_whole(self, record: Record) -> bool:
        """Whether a record of equal lengths is written as it was read."""
        return not self._marks and not self.is_long(record)

    def is_long(self, record: Record) -> bool:
        """Whether a record of equal lengths is longer than it may be."""
        bound = self._config.max_length
        return bound is not None and self._config.on_long != "keep" and len(record[self._sequence[0]]) > bound

    def cut(self, record: Record, parent: str) -> Iterator[dict[str, Any]]:
        """What is to be written of a record of equal lengths.

        Raises:
          BadRecordError: if it is long and must not be.
        """
        length = len(record[self._sequence[0]])
        size = self._config.max_length if self.is_long(record) and self._config.max_length else length
        if size < length and not self._cuts:
            raise bad_record(Reason.TOO_LONG, f"the sequence has {length} steps, expected at most {size}, `max_length`")
        overlap = self._config.overlap
        for piece, start in enumerate(range(0, max(length - overlap, 1), max(size - overlap, 1))):
            values = {PARENT: parent, PIECE: piece, OVERLAP: overlap if piece else 0}
            marks = {name: values[source] for name, source in self._marks.items()}
            yield {**record, **{name: record[name][start : start + size] for name in self._sequence}, **marks}
            if self._config.on_long == "truncate":
                return


def _described() -> str:
    return ", ".join(f"{source!r} ({kind})" for source, kind in _KINDS.items())
