"""Checks the values of a feature and writes them as protobuf bytes. There is one codec for each type of storage.

A codec writes one value as a `Feature`, and a sequence of values as a `FeatureList`. In a nested feature, each of these
values is a list of strings. A codec accepts Python values, lists and NumPy arrays. If a value is not allowed for the
kind of the feature, the codec raises a `BadRecordError`, which names the feature and the value. Values are not
converted if this could change them: a string does not become a number, and a bool does not become an integer. A
categorical feature is text, whose integers and bools are written as the text that JSON has for them, or as the names of
their classes.
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
"""What happens to a record with a NaN or infinite float: it is rejected, or the float is written unchanged."""

Values: TypeAlias = Sequence[Any] | npt.NDArray[Any]
"""The values of a sequence feature, one value per step."""

# Tokens and labels repeat, so their bytes are cached. With 2 ** 16 entries of less than 128 bytes, and the overhead of
# Python for each entry, a codec needs no more than about 20 MB.
_MAX_CACHE_ENTRIES = 1 << 16
_MAX_CACHED_BYTES = 128


class Codec(Protocol):
    """Writes the values of one feature."""

    def encode_feature(self, value: Any) -> bytes:
        """Returns one value as a `Feature`."""

    def encode_steps(self, values: Values) -> bytes:
        """Returns a sequence of values, one per step, as a `FeatureList`."""


def make_codec(name: str, feature: Feature, not_finite: NotFinite = "reject") -> Codec:
    """Makes the codec of a feature.

    Args:
      name: The name of the feature, for messages.
      feature: The feature, whose dtype and shape determine the codec.
      not_finite: What happens to records with a NaN or infinite float.
    """
    if feature.nested:
        return _StringListCodec(name)
    if feature.kind == "categorical":
        return _CategoryCodec(name, feature)
    if feature.dtype == "string":
        return _StringCodec(name)
    if feature.dtype == "int64":
        return _IntegerCodec(name)
    if feature.width:
        return _VectorCodec(name, feature, not_finite)
    return _FloatCodec(name, feature, not_finite)


def hint_at_missing(feature: Feature) -> str:
    """Returns a hint, as the end of a message, that the feature can allow missing numbers. It is empty if it cannot."""
    return "; if numbers may be missing, set the feature's `missing`" if feature.can_be_missing else ""


class _CachingCodec(dict[Any, bytes], abc.ABC):
    """A codec that is also a dict from values to the bytes of their steps.

    The bytes of a value are made when the value is looked up for the first time.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    @abc.abstractmethod
    def encode_feature(self, value: Any) -> bytes:
        """Returns one value as a `Feature`."""

    def __missing__(self, value: Any) -> bytes:
        """Makes the bytes of a step, and adds them to the dict if they are short and the dict is not full."""
        step = wire.encode_step(self.encode_feature(value))
        if len(self) < _MAX_CACHE_ENTRIES and len(step) < _MAX_CACHED_BYTES:
            self[value] = step
        return step


class _StringCodec(_CachingCodec):
    """Writes one string per step."""

    def encode_feature(self, value: Any) -> bytes:
        return wire.encode_bytes_feature(_encode_text(self._name, value))

    def encode_steps(self, values: Values) -> bytes:
        try:
            return b"".join(map(self.__getitem__, _to_list(values)))
        except TypeError:  # A value is not hashable, such as a list in the list. `__missing__` raises a clear error.
            return b"".join(map(self.__missing__, values))


class _CategoryCodec(_StringCodec):
    """Writes the text of one class per step. An integer or a bool is written as text, or as the name of its class."""

    def __init__(self, name: str, feature: Feature) -> None:
        super().__init__(name)
        self._class_names = feature.names

    def __missing__(self, value: Any) -> bytes:
        """Makes the bytes of a step. Only those of a string are cached, because 1, True and 1.0 are equal as keys."""
        if isinstance(value, str):
            return super().__missing__(value)
        return wire.encode_step(self.encode_feature(value))

    def encode_feature(self, value: Any) -> bytes:
        text = self._format_class(value)
        if self._class_names and text not in self._class_names:
            text = self._find_class_name(text)
        return wire.encode_bytes_feature(_encode_text(self._name, text))

    def _format_class(self, value: Any) -> str:
        """Returns a value as the text that JSON has for it.

        Raises:
          BadRecordError: if it is neither a string, nor a bool, nor an integer of 64 bits.
        """
        if isinstance(value, str):
            return value
        if isinstance(value, (bool, np.bool_)):
            return "true" if value else "false"
        if not isinstance(value, (int, np.integer)):
            raise _make_wrong_type_error(self._name, value, "a string, an integer or a boolean")
        return str(_check_int64(self._name, int(value)))

    def _find_class_name(self, text: str) -> str:
        """Returns the name of the class whose number, or whose boolean, is written as `text`.

        Raises:
          BadRecordError: if there is no such class.
        """
        number_text = {"false": "0", "true": "1"}.get(text.lower(), text)
        # No number of a class has more digits, and Python refuses to parse integers of thousands of digits.
        if number_text.isascii() and number_text.isdigit() and len(number_text) <= len(str(len(self._class_names))):
            number = int(number_text)
            if number < len(self._class_names):
                return self._class_names[number]
        last = len(self._class_names) - 1
        message = f"`{self._name}` has {abbreviate(text)}, expected one of its `names` or an integer from 0 to {last}"
        raise bad_record(Reason.OUTSIDE_DOMAIN, message)


class _StringListCodec(_CachingCodec):
    """Writes a list of strings per step, for nested features."""

    def encode_feature(self, value: Any) -> bytes:
        return wire.encode_bytes_list_feature([_encode_text(self._name, string) for string in value])

    def encode_steps(self, values: Values) -> bytes:
        steps = [self._check_list(value) for value in values]
        try:
            return b"".join(map(self.__getitem__, steps))
        except TypeError:  # A value is not hashable, such as a list in the list. `__missing__` raises a clear error.
            return b"".join(map(self.__missing__, steps))

    def _check_list(self, value: Any) -> tuple[Any, ...]:
        """Returns the list of one step as a tuple, which is hashable, after checking that it is a list."""
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise _make_wrong_type_error(self._name, value, "a list of strings, as the feature is `nested`")
        return tuple(value)


class _IntegerCodec(_CachingCodec):
    """Writes one integer per step."""

    def encode_feature(self, value: Any) -> bytes:
        if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
            raise _make_wrong_type_error(self._name, value, "an integer")
        return wire.encode_int64_feature(_check_int64(self._name, int(value)))

    def encode_steps(self, values: Values) -> bytes:
        values = _to_list(values)
        # True and 1.0 are equal to 1, so a lookup would return the bytes of 1. Only lists of integers are looked up.
        if set(map(type, values)) <= {int}:
            return b"".join(map(self.__getitem__, values))
        return b"".join([wire.encode_step(self.encode_feature(value)) for value in values])


class _FloatCodec:
    """Writes one float per step."""

    def __init__(self, name: str, feature: Feature, not_finite: NotFinite) -> None:
        self._name = name
        self._feature = feature
        self._width = feature.width or 1
        self._not_finite = not_finite

    def encode_feature(self, value: Any) -> bytes:
        return wire.encode_float_feature(self._pack([value]).tobytes())

    def encode_steps(self, values: Values) -> bytes:
        packed = self._pack(values)
        # All steps have the same size, so they are written together, as an array of bytes `[T, header + size]`. The
        # array of a vector with the numbers x and y is::
        #
        #     header  4 bytes of x  4 bytes of y      (step 0)
        #     header  4 bytes of x  4 bytes of y      (step 1)
        #
        # The header holds only tags and sizes, so it is the same for all steps. Here it is made from a step of zeros.
        size = 4 * self._width  # A float32 has 4 bytes.
        header = wire.encode_step(wire.encode_float_feature(bytes(size)))[:-size]
        matrix = np.empty((len(packed), len(header) + size), np.uint8)
        matrix[:, : len(header)] = np.frombuffer(header, np.uint8)
        matrix[:, len(header) :] = packed.view(np.uint8).reshape(len(packed), size)
        return matrix.tobytes()

    def _pack(self, values: Values) -> npt.NDArray[np.float32]:
        """Returns the values of T steps as float32 `[T, width]`."""
        return self._to_float32(self._to_float64(values)).reshape(-1, 1)

    def _to_float64(self, values: Values) -> npt.NDArray[np.float64]:
        """Returns a flat list or array of n numbers as float64 `[n]`.

        Raises:
          BadRecordError: if a value is not a number, or too large for float64.
        """
        if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "fiu":
            return values.astype(np.float64)
        if self._feature.missing:
            values = [math.nan if value is None else value for value in values]
        # The types of a long list are compared as a set, which is fast. Other lists are checked value by value.
        if not set(map(type, values)) <= {int, float}:
            for value in values:
                if not _is_number(value):
                    raise self._make_not_a_number_error(value)
        try:
            return np.array(values, np.float64)
        except OverflowError:
            raise bad_record(Reason.NOT_FINITE, f"`{self._name}` has an integer too large for float32") from None

    def _to_float32(self, wide: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Returns float64 numbers `[n]` as little-endian float32 `[n]`.

        Raises:
          BadRecordError: if a number is NaN or infinite and not allowed, or too large for float32.
        """
        with np.errstate(over="ignore"):  # A number that is too large becomes infinite, which is checked next.
            narrow = wide.astype("<f4")
        is_wrong = ~np.isfinite(narrow)
        if self._feature.missing:
            is_wrong &= ~np.isnan(wide)
        if self._not_finite == "keep":
            # Only numbers that are too large for float32 are still wrong, because the conversion would change them.
            is_wrong &= np.isfinite(wide)
        if is_wrong.any():
            raise self._make_not_finite_error(wide, int(is_wrong.argmax()))
        return narrow

    def _make_not_finite_error(self, numbers: npt.NDArray[np.float64], index: int) -> BadRecordError:
        """Makes the error that the number at `index` is not finite."""
        number = numbers[index]
        has_several_steps = len(numbers) > self._width
        place = f" at step {index // self._width}" if has_several_steps else ""
        hint = hint_at_missing(self._feature) if np.isnan(number) else ""
        return bad_record(Reason.NOT_FINITE, f"`{self._name}` has {number}{place}, expected a finite float32{hint}")

    def _make_not_a_number_error(self, value: Any) -> BadRecordError:
        hint = hint_at_missing(self._feature) if value is None else ""
        return _make_wrong_type_error(self._name, value, f"a number{hint}")


class _VectorCodec(_FloatCodec):
    """Writes one vector of floats per step."""

    def _pack(self, values: Values) -> npt.NDArray[np.float32]:
        if isinstance(values, np.ndarray) and values.ndim == 2 and values.shape[1] == self._width:
            flat: Any = values.reshape(-1)
        else:
            flat = list(itertools.chain.from_iterable(map(self._check_row, values)))
        return self._to_float32(self._to_float64(flat)).reshape(-1, self._width)

    def _check_row(self, row: Any) -> Sequence[Any]:
        """Returns the numbers of one vector, after checking how many they are. A missing vector is all None."""
        if row is None and self._feature.missing:
            return [None] * self._width
        if not isinstance(row, (list, tuple, np.ndarray)):
            raise _make_wrong_type_error(self._name, row, f"a list of {self._width} numbers")
        if len(row) != self._width:
            message = f"`{self._name}` has a step of {len(row)} numbers, expected {self._width}, the feature's `width`"
            raise bad_record(Reason.WRONG_TYPE, message)
        return row.tolist() if isinstance(row, np.ndarray) else row


def _check_int64(name: str, number: int) -> int:
    """Returns an integer unchanged. Raises a BadRecordError if it does not fit 64 bits."""
    if not -(1 << 63) <= number < 1 << 63:
        raise bad_record(Reason.OUT_OF_RANGE, f"`{name}` has {abbreviate(number)}, which does not fit a 64-bit integer")
    return number


def _is_number(value: Any) -> bool:
    """Returns whether a value is an integer or a float. A bool does not count as a number."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _encode_text(name: str, value: Any) -> bytes:
    """Returns a string as UTF-8."""
    if not isinstance(value, str):
        raise _make_wrong_type_error(name, value, "a string")
    try:
        return value.encode()
    except UnicodeEncodeError as error:
        code = ord(value[error.start])
        # Readers of text replace a byte that is not UTF-8 with one of these characters.
        is_byte = 0xDC80 <= code <= 0xDCFF
        problem = f"the byte 0x{code - 0xDC00:02x}, which is" if is_byte else "half a surrogate pair, which is"
        # In text of another encoding, all bytes that are not defined are replaced with 0xff, see files/encodings.py.
        place = " UTF-8, or is undefined in the encoding of the file" if code == 0xDCFF else " UTF-8"
        message = f"`{name}` has {abbreviate(value)} with {problem} not{place}"
        raise bad_record(Reason.UNDECODABLE, message) from None


def _to_list(values: Values) -> Sequence[Any]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _make_wrong_type_error(name: str, value: Any, expected: str) -> BadRecordError:
    """Makes the error that a value of the feature `name` has the wrong type."""
    type_name = _add_article(type(value).__name__)
    message = f"`{name}` has {abbreviate(value)}, {type_name}, expected {expected}"
    return bad_record(Reason.WRONG_TYPE, message)


def _add_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeio' else 'a'} {noun}"
