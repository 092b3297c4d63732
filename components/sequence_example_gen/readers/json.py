"""JSON: an object a record, lists as sequence features, everything else as context; one object a line or one array."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, abbreviate, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


class JsonlReader(Reader):
    """Reads JSON Lines (https://jsonlines.org).

    A feature's `source` is the key in the object. A vector is a list of lists of numbers, a nested feature one of lists
    of strings. Keys that the spec does not name are left alone, and so are empty lines. The reader takes no options.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        """Takes the spec."""
        Frozen.model_validate(dict(options))
        sources = {name: spec.source(name) for name in spec.features}
        self._sources = sources if any(name != source for name, source in sources.items()) else {}

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record a line."""
        for number, line in source.lines():
            if not line or line.isspace():
                continue
            try:
                yield number, self._renamed(parse_json(line, number))
            except BadRecordError as error:
                yield error.reject.at(line=number, excerpt=line)

    def _renamed(self, record: Any) -> dict[str, Any]:
        if not isinstance(record, dict):
            raise bad_record(Reason.MALFORMED, f"there is a JSON {type(record).__name__}, expected an object")
        if self._sources:
            return {name: record[key] for name, key in self._sources.items() if key in record}
        return record


class JsonReader(JsonlReader):
    """Reads a JSON file that is one array of such objects. The file must fit into memory."""

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record an object."""
        text = "\n".join(line for _, line in source.lines())
        if not text or text.isspace():
            return
        try:
            records = parse_json(text, 1)
            if not isinstance(records, list):
                raise bad_record(Reason.MALFORMED, f"the file is a JSON {type(records).__name__}, expected an array")
        except BadRecordError as error:
            yield error.reject.at(excerpt=text)
            return
        for record in records:
            try:
                yield None, self._renamed(record)
            except BadRecordError as error:
                yield error.reject.at(excerpt=abbreviate(record))


def parse_json(text: str, line: int) -> Any:
    """The value of a JSON text that begins at a line.

    Raises:
      BadRecordError: if the text is not JSON, or an object has a key twice.
    """
    try:
        return _DECODER.decode(text)
    except BadRecordError:
        raise
    except json.JSONDecodeError as error:
        message = f"the text is not JSON: {error.msg} at column {error.colno}"
        raise bad_record(Reason.MALFORMED, message, line=line + error.lineno - 1) from None
    except (ValueError, RecursionError) as error:
        raise bad_record(Reason.MALFORMED, f"the text is not JSON that Python reads: {error}", line=line) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise bad_record(Reason.DUPLICATE_KEY, f"the key {twice!r} occurs twice in one object")
    return record


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)
