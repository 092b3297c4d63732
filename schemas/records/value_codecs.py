"""Writes the values of a feature as protobuf bytes, after checking them: one codec for each storage type.

A codec turns one value into a `Feature`, and a sequence of values into a `FeatureList`. The value of a nested feature's
step is a list of strings. Each codec takes Python values, lists and NumPy arrays alike. For anything that the feature's
kind does not allow it raises `BadRecordError`, naming the feature and the value. No value is converted that the
conversion could change: no string becomes a number, no bool an integer.
"""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from tfx_sequence.schemas.records import wire
from tfx_sequence.schemas.records.rejects import BadRecordError, Reason, abbreviate, bad_record
from tfx_sequence.schemas.spec import Feature

NotFinite = Literal["reject", "keep"]
"""The treatment of a record with a NaN or infinite float."""

Values: TypeAlias = Sequence[Any] | npt.NDArray[Any]
"""One value a step."""

# Tokens and labels repeat, so their bytes are made once. 2 ** 16 entries of less than 128 bytes, with what Python adds
# to each, keep a codec under about 20 MB, whatever the data.
_CACHE_ENTRIES = 1 << 16
_CACHE_BYTES = 128


class Codec(Protocol):
    """Writes the values of one feature."""

    def feature(self, value: Any) -> bytes:
        """Writes one value as a `Feature`."""

    def steps(self, values: Values) -> bytes:
        """Writes one value a step as a `FeatureList`."""


def make_codec(name: str, feature: Feature, not_finite: NotFinite = "reject") -> Codec:
    """Makes the codec for a feature: of its dtype, and of its width if it is a vector."""
    if feature.nested:
        return _StringLists(name)
    if feature.dtype == "string":
        return _Strings(name)
    if feature.dtype == "int64":
        return _Integers(name)
    return (_Vectors if feature.width else _Floats)(name, feature, not_finite)


def hint_at_missing(feature: Feature) -> str:
    """Says how to allow missing numbers, as the end of a sentence; empty where the feature cannot allow them."""
    return "; if numbers may be missing, set the feature's `missing`" if feature.can_be_missing else ""


class _Cached(dict[Any, bytes], abc.ABC):
    """Maps values to the bytes of their steps, and makes the bytes when a value is first seen."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    @abc.abstractmethod
    def feature(self, value: Any) -> bytes:
        """Writes one value as a `Feature`."""

    def __missing__(self, value: Any) -> bytes:
        step = wire.step(self.feature(value))
        if len(self) < _CACHE_ENTRIES and len(step) < _CACHE_BYTES:
            self[value] = step
        return step


class _Strings(_Cached):
    def feature(self, value: Any) -> bytes:
        return wire.bytes_feature(_encode_text(self._name, value))

    def steps(self, values: Values) -> bytes:
        try:
            return b"".join(map(self.__getitem__, _to_list(values)))
        except TypeError:  # An unhashable value, such as a list within the list.
            return b"".join(map(self.__missing__, values))


class _StringLists(_Cached):
    def feature(self, value: Any) -> bytes:
        return wire.bytes_list_feature([_encode_text(self._name, string) for string in value])

    def steps(self, values: Values) -> bytes:
        steps = [self._hashable_step(value) for value in values]
        try:
            return b"".join(map(self.__getitem__, steps))
        except TypeError:  # An unhashable value, such as a list within the list.
            return b"".join(map(self.__missing__, steps))

    def _hashable_step(self, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise _wrong_type_error(self._name, value, "a list of strings, as the feature is `nested`")
        return tuple(value)


class _Integers(_Cached):
    def feature(self, value: Any) -> bytes:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
            raise _wrong_type_error(self._name, value, "an integer")
        number = int(value)
        if not -(1 << 63) <= number < 1 << 63:
            message = f"`{self._name}` has {abbreviate(number)}, which does not fit a 64-bit integer"
            raise bad_record(Reason.OUT_OF_RANGE, message)
        return wire.int64_feature(number)

    def steps(self, values: Values) -> bytes:
        values = _to_list(values)
        # True and 1.0 equal 1 and would find the bytes of 1, so only plain integers may look for theirs.
        if set(map(type, values)) <= {int}:
            return b"".join(map(self.__getitem__, values))
        return b"".join([wire.step(self.feature(value)) for value in values])


class _Floats:
    def __init__(self, name: str, feature: Feature, not_finite: NotFinite) -> None:
        self._name = name
        self._feature = feature
        self._width = feature.width or 1
        self._not_finite = not_finite

    def feature(self, value: Any) -> bytes:
        return wire.float_feature(self._pack([value]).tobytes())

    def steps(self, values: Values) -> bytes:
        packed = self._pack(values)
        # Every step has the same size, so all are written at once, as an array of bytes `[T, header + size]`::
        #
        #     header  4 bytes of x  4 bytes of y
        #     header  4 bytes of x  4 bytes of y
        #
        # A float32 has 4 bytes. The header holds tags and sizes only, so that of any step will do.
        size = 4 * self._width
        header = wire.step(wire.float_feature(bytes(size)))[:-size]
        out = np.empty((len(packed), len(header) + size), np.uint8)
        out[:, : len(header)] = np.frombuffer(header, np.uint8)
        out[:, len(header) :] = packed.view(np.uint8).reshape(len(packed), size)
        return out.tobytes()

    def _pack(self, values: Values) -> npt.NDArray[np.float32]:
        return self._to_float32(self._to_float64(values)).reshape(-1, 1)

    def _to_float64(self, values: Values) -> npt.NDArray[np.float64]:
        """Returns the numbers as float64 `[n]`, flat whatever they come in."""
        if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "fiu":
            return values.astype(np.float64)
        if self._feature.missing:
            values = [math.nan if value is None else value for value in values]
        if not set(map(type, values)) <= {int, float}:
            for value in values:
                if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
                    raise self._not_a_number_error(value)
        try:
            return np.array(values, np.float64)
        except OverflowError:
            raise bad_record(Reason.NOT_FINITE, f"`{self._name}` has an integer too large for float32") from None

    def _to_float32(self, wide: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        with np.errstate(over="ignore"):  # What overflows becomes infinite, and is judged below.
            narrow = wide.astype("<f4")
        wrong = ~np.isfinite(narrow)
        if self._feature.missing:
            wrong &= ~np.isnan(wide)
        if self._not_finite == "keep":
            wrong &= np.isfinite(wide)
        if wrong.any():
            first = int(wrong.argmax())
            place = f" at step {first // self._width}" if len(wide) > self._width else ""
            message = f"`{self._name}` has {wide[first]}{place}, expected a finite float32"
            if np.isnan(wide[first]):
                message += hint_at_missing(self._feature)
            raise bad_record(Reason.NOT_FINITE, message)
        return narrow

    def _not_a_number_error(self, value: Any) -> BadRecordError:
        hint = hint_at_missing(self._feature) if value is None else ""
        return _wrong_type_error(self._name, value, f"a number{hint}")


class _Vectors(_Floats):
    def _pack(self, values: Values) -> npt.NDArray[np.float32]:
        if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == self._width:
            flat: Any = values.reshape(-1)
        else:
            flat = list(itertools.chain.from_iterable(map(self._check_row, values)))
        return self._to_float32(self._to_float64(flat)).reshape(-1, self._width)

    def _check_row(self, row: Any) -> Sequence[Any]:
        if row is None and self._feature.missing:
            return [None] * self._width
        if not isinstance(row, (list, tuple, np.ndarray)):
            raise _wrong_type_error(self._name, row, f"a list of {self._width} numbers")
        if len(row) != self._width:
            message = f"`{self._name}` has a step of {len(row)} numbers, expected {self._width}, the feature's `width`"
            raise bad_record(Reason.WRONG_TYPE, message)
        return row.tolist() if isinstance(row, np.ndarray) else row


def _encode_text(name: str, value: Any) -> bytes:
    if not isinstance(value, str):
        raise _wrong_type_error(name, value, "a string")
    try:
        return value.encode()
    except UnicodeEncodeError:
        message = f"`{name}` has {value!r}, which holds half a surrogate pair and cannot be written as UTF-8"
        raise bad_record(Reason.UNDECODABLE, message) from None


def _to_list(values: Values) -> Sequence[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _wrong_type_error(name: str, value: Any, expected: str) -> BadRecordError:
    message = f"`{name}` has {abbreviate(value)}, {_with_article(type(value).__name__)}, expected {expected}"
    return bad_record(Reason.WRONG_TYPE, message)


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"
