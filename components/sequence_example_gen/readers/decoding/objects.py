"""Finds values within objects, for features whose `source` is a path such as `events.page`.

A list of objects becomes one list per field, all as long as the list of objects::

    {"events": [{"page": "a", "ms": 5}, {"page": "b"}, null]}  ->  events.page  ["a", "b", None]
                                                                   events.ms    [5, None, None]
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, abbreviate, bad_record

_SEPARATOR = "."

_MAX_DEPTH = 20
"""The depth of objects at which discovery stops. A path of more fields is no name that anybody would type."""


def split_source(source: str) -> tuple[str, ...]:
    """Returns the keys of a path, of which there is one if the source is no path."""
    return tuple(source.split(_SEPARATOR))


def find_value(value: Mapping[str, Any], source: str, path: tuple[str, ...]) -> Any:
    """Returns the value of an object at a source.

    Args:
      value: The object.
      source: The name of a key, or a path. A key that has dots itself goes before a path.
      path: The keys of the path.

    Raises:
      KeyError: if the object does not have the first key, or if no element of a list has the others.
      BadRecordError: if a part of the path leads through a value that is neither an object nor a list of objects.
    """
    return value[source] if source in value else _follow_path(value, path)


def list_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a record in which objects and lists of objects are replaced by their fields, named by their paths."""
    fields: dict[str, Any] = {}
    for key, value in record.items():
        # Objects without any field have no paths, and are kept as they are.
        paths = dict.fromkeys(_list_paths(value, 0)) or [()]
        for path in paths:
            # A field that is an object in one element and no object in another one has no values at its path.
            with contextlib.suppress(BadRecordError):
                fields[_SEPARATOR.join((key, *path))] = _follow_path(value, path) if path else value
    return fields


def _follow_path(value: Any, path: tuple[str, ...]) -> Any:
    for index, key in enumerate(path):
        if isinstance(value, list):
            return _follow_in_list(value, path[index:])
        if value is None:
            return None
        if not isinstance(value, Mapping):
            message = f"there is {abbreviate(value)}, expected an object with the key {key!r}"
            raise bad_record(Reason.WRONG_TYPE, message)
        value = value[key]
    return value


def _follow_in_list(elements: list[Any], path: tuple[str, ...]) -> list[Any]:
    """Returns the value of each element at a path; None for an element that is null or lacks the key.

    Raises:
      KeyError: if no element has the path, although there are elements.
    """
    values = []
    is_found = not elements
    for element in elements:
        try:
            values.append(_follow_path(element, path))
            is_found = is_found or element is not None
        except KeyError:
            values.append(None)
    if not is_found:
        raise KeyError(path[0])
    return values


def _list_paths(value: Any, depth: int) -> Iterator[tuple[str, ...]]:
    """Yields the paths of the fields of an object, or of the objects of a list; the empty path for other values."""
    elements = value if isinstance(value, list) else [value]
    objects = [element for element in elements if isinstance(element, dict)]
    is_of_objects = objects and all(element is None or isinstance(element, dict) for element in elements)
    if not is_of_objects or depth == _MAX_DEPTH:
        yield ()
        return
    for element in objects:
        for key, field in element.items():
            for path in _list_paths(field, depth + 1):
                yield (key, *path)
