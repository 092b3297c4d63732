"""JSON Lines: one object a line, lists as sequence features, everything else as context."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_sequence.components.sequence_example_gen.readers import Item, Reader
from tfx_sequence.components.sequence_example_gen.sources import Source
from tfx_sequence.schemas.records import BadRecordError, Reason, bad_record, clip
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


class JsonlReader(Reader):
    """Reads JSON Lines (https://jsonlines.org).

    A feature's `source` is the key in the object. A vector is a list of lists of numbers. Keys that the spec does not
    name are left alone, and so are empty lines. The reader takes no options.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec."""
        Frozen.model_validate(dict(options))
        self._renamed = {name: spec.source(name) for name in spec.features if spec.source(name) != name}
        self._names = {name: spec.source(name) for name in spec.features}

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a line."""
        for number, line in source.lines():
            if not line or line.isspace():
                continue
            try:
                yield number, self._record(line)
            except BadRecordError as error:
                yield error.reject.at(line=number, excerpt=clip(line))

    def _record(self, line: str) -> dict[str, Any]:
        try:
            record = _DECODER.decode(line)
        except BadRecordError:
            raise
        except (ValueError, RecursionError) as error:
            raise bad_record(Reason.MALFORMED, f"the line is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise bad_record(Reason.MALFORMED, f"the line is a JSON {type(record).__name__}, expected an object")
        if self._renamed:
            return {name: record[key] for name, key in self._names.items() if key in record}
        return record


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise bad_record(Reason.DUPLICATE_KEY, f"the key {twice!r} occurs twice in one object")
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
