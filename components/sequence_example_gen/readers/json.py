"""Reads JSON files, where each object is a record. A file has one object per line, or one array of all objects.

The lists of an object are sequence features, and the other values are context features.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_sequence.components.sequence_example_gen.files.source import Source
from tfx_sequence.components.sequence_example_gen.readers.decoding.json_arrays import decode_elements
from tfx_sequence.components.sequence_example_gen.readers.decoding.objects import find_value, list_fields, split_source
from tfx_sequence.components.sequence_example_gen.readers.reader import Item, Reader, keep_records, make_text_spec
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, bad_record
from tfx_sequence.schemas.spec import Frozen, SequenceSpec


class JsonlReader(Reader):
    """Reader of JSON Lines files (https://jsonlines.org). It has no options.

    The `source` of a feature is a key of the object, or a path such as `events.page`: the values of `page` in a list of
    objects `events`. A value that is missing in an object of the list is null. A vector feature is a list of lists of
    numbers, and a nested feature is a list of lists of strings. Keys that are not in the spec are ignored, and so are
    blank lines.
    """

    def __init__(self, spec: SequenceSpec, options: Mapping[str, Any]) -> None:
        Frozen.model_validate(dict(options))
        self._keys = {name: spec.source(name) for name in spec.features}
        self._paths = {name: split_source(key) for name, key in self._keys.items()}
        has_renamed_features = any(name != key for name, key in self._keys.items())
        has_paths = any(len(path) > 1 for path in self._paths.values())
        # If the keys are the names of the features, an object is a record already.
        self._are_objects_records = not has_renamed_features and not has_paths

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per line."""
        for number, line in source.lines():
            if not line or line.isspace():
                continue
            try:
                yield number, self._make_record(parse_json(line, number))
            except BadRecordError as error:
                yield error.reject.at(line=number, excerpt=line)

    @classmethod
    def sample(cls, source: Source, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields the objects with all their keys. The fields of lists of objects have paths as keys."""
        # No feature of this spec sets a `source`, so no key is renamed or left out.
        return map(list_fields, keep_records(cls(make_text_spec([]), options).read(source)))

    def _make_record(self, value: Any) -> dict[str, Any]:
        """Makes a record, whose keys are feature names, from a JSON value.

        Raises:
          BadRecordError: if the value is not an object, or if a path leads through a value that is no object.
        """
        if not isinstance(value, dict):
            raise bad_record(Reason.MALFORMED, f"there is a JSON {type(value).__name__}, expected an object")
        if self._are_objects_records:
            return value
        record = {}
        for name, key in self._keys.items():
            # A key that is missing is reported when the record is encoded.
            with contextlib.suppress(KeyError):
                record[name] = find_value(value, key, self._paths[name])
        return record


class JsonReader(JsonlReader):
    """Reader of JSON files that are one array of objects. It has no options. One object at a time is in memory."""

    def read(self, source: Source) -> Iterator[Item]:
        """Yields one record per object, with the line where the object begins."""
        for line, value, fault, excerpt in decode_elements(source.texts(), _DECODER, source.max_line_bytes):
            if fault is not None:
                yield fault.reject.at(line=line, excerpt=excerpt)
                continue
            try:
                yield line, self._make_record(value)
            except BadRecordError as error:
                yield error.reject.at(line=line, excerpt=excerpt)


def parse_json(text: str, line: int) -> Any:
    """Parses JSON text.

    Args:
      text: The text.
      line: The line of the file where the text begins, for error messages.

    Raises:
      BadRecordError: if the text is not JSON, or if a key occurs twice in an object.
    """
    try:
        return _DECODER.decode(text)
    except BadRecordError:
        # It is a ValueError, but `_make_object` has already said what is wrong.
        raise
    except json.JSONDecodeError as error:
        message = f"the text is not JSON: {error.msg} at column {error.colno}"
        raise bad_record(Reason.MALFORMED, message, line=line + error.lineno - 1) from None
    except (ValueError, RecursionError) as error:
        raise bad_record(Reason.MALFORMED, f"the text is not JSON that Python reads: {error}", line=line) from None


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Makes a dict from the keys and values of an object.

    Raises:
      BadRecordError: if a key occurs twice. Python would keep the last value.
    """
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise bad_record(Reason.DUPLICATE_KEY, f"the key {key!r} occurs twice in one object")
        seen.add(key)
    return members


_DECODER = json.JSONDecoder(object_pairs_hook=_make_object)
