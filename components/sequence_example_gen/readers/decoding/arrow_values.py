"""Converts Arrow arrays to Python values, so that a value that Python cannot represent is a fault of one record.

=================  ============================================================================
Arrow              Python
=================  ============================================================================
date, time         str in ISO 8601
timestamp          str in ISO 8601. If the time zone is unknown, it is in UTC.
duration           int, in the unit of the column
decimal            int if the type has no digits after the point, or else float
string, binary     str. A byte that is not UTF-8 is a character from U+DC80 to U+DCFF.
list of any kind   list
struct             dict
all others         UnreadableValue, because no feature has such values
=================  ============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


class UnreadableValue:
    """Stands for a value that Python cannot represent, such as a time in the year 20000.

    Args:
      problem: What is wrong with the value.
    """

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def __repr__(self) -> str:
        """Returns the problem, for messages."""
        return f"<{self._problem}>"


def to_python(array: pa.Array, path: Sequence[str] = ()) -> list[Any]:
    """Returns the values of an array, as the module shows. A null is None.

    Args:
      array: The array.
      path: The names of nested fields, if only the values of one field of structs are needed, at any depth of lists.

    Raises:
      KeyError: if the structs do not have the field, or if there are no structs.
    """
    dtype = array.type
    if isinstance(array, pa.ExtensionArray):
        return to_python(array.storage, path)
    if pa.types.is_dictionary(dtype):
        return to_python(array.dictionary_decode(), path)
    if _is_list(dtype):
        return _convert_lists(array, path)
    if path:
        index = dtype.get_field_index(path[0]) if pa.types.is_struct(dtype) else -1
        if index < 0:
            raise KeyError(path[0])
        # Unlike `field`, `flatten` gives nulls for the fields of a struct that is null.
        return to_python(array.flatten()[index], path[1:])
    if pa.types.is_string(dtype) or pa.types.is_large_string(dtype):
        return _convert_strings(array)
    if pa.types.is_binary(dtype) or pa.types.is_large_binary(dtype) or pa.types.is_fixed_size_binary(dtype):
        return [None if value is None else value.decode("utf-8", "surrogateescape") for value in array.to_pylist()]
    if pa.types.is_decimal(dtype):
        convert = int if dtype.scale <= 0 else float
        return [None if value is None else convert(value) for value in array.to_pylist()]
    if pa.types.is_duration(dtype):
        return list(array.cast(pa.int64()).to_pylist())
    if pa.types.is_temporal(dtype):
        return _convert_times(array)
    if pa.types.is_struct(dtype):
        return _convert_structs(array)
    values: list[Any] = array.to_pylist()
    if is_always_readable(dtype):
        return values
    return [None if value is None else UnreadableValue(f"a value of type {dtype}") for value in values]


def is_always_readable(dtype: pa.DataType) -> bool:
    """Returns whether Python can represent every value of a type, or of the lists of this type."""
    while _is_list(dtype):
        dtype = dtype.value_type
    is_text = pa.types.is_string(dtype) or pa.types.is_large_string(dtype)
    is_number = pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_boolean(dtype)
    return is_text or is_number or pa.types.is_null(dtype)


def find_unreadable(value: Any) -> UnreadableValue | None:
    """Returns the first `UnreadableValue` that a value is or contains, or None if there is none."""
    if isinstance(value, UnreadableValue):
        return value
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next(filter(None, map(find_unreadable, parts)), None)


def _is_list(dtype: pa.DataType) -> bool:
    return pa.types.is_list(dtype) or pa.types.is_large_list(dtype) or pa.types.is_fixed_size_list(dtype)


def _convert_lists(array: pa.Array, path: Sequence[str]) -> list[Any]:
    """Returns an array of lists as Python lists. The values of all lists are converted together."""
    values = to_python(array.flatten(), path)
    lists: list[Any] = []
    start = 0
    # An array of fixed-size lists also holds values for a null, which `flatten` leaves out.
    for length in pc.list_value_length(array).to_pylist():
        if length is None:
            lists.append(None)
            continue
        lists.append(values[start : start + length])
        start += length
    return lists


def _convert_structs(array: pa.StructArray) -> list[Any]:
    """Returns an array of structs as dicts. The values of each field are converted together."""
    names = [array.type[index].name for index in range(array.type.num_fields)]
    columns = [to_python(field) for field in array.flatten()]
    rows = zip(*columns, strict=True) if columns else [()] * len(array)
    are_valid = array.is_valid().to_pylist()
    return [dict(zip(names, row, strict=True)) if ok else None for row, ok in zip(rows, are_valid, strict=True)]


def _convert_strings(array: pa.Array) -> list[Any]:
    try:
        return list(array.to_pylist())
    except UnicodeDecodeError:
        is_large = pa.types.is_large_string(array.type)
        return to_python(array.cast(pa.large_binary() if is_large else pa.binary()))


def _convert_times(array: pa.Array) -> list[Any]:
    """Returns dates or times as text in ISO 8601."""
    if pa.types.is_timestamp(array.type) and array.type.tz is not None and not _is_known_zone(array.type):
        array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    try:
        return [None if value is None else value.isoformat() for value in array.to_pylist()]
    # The error for a value that Python cannot represent depends on its type and on the versions of Arrow and pandas.
    except Exception:
        return [_convert_value(scalar, lambda value: value.isoformat()) for scalar in array]


def _is_known_zone(dtype: pa.TimestampType) -> bool:
    try:
        pa.scalar(0, dtype).as_py()
    except Exception:
        return False
    return True


def _convert_value(scalar: pa.Scalar, convert: Callable[[Any], Any]) -> Any:
    """Returns one value, or an `UnreadableValue` if Python cannot represent it."""
    try:
        value = scalar.as_py()
        return None if value is None else convert(value)
    except Exception as error:
        return UnreadableValue(f"{scalar.type}: {error}")
