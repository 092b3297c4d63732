"""Serializes many steps of a FeatureList at once with NumPy, in the wire format of `schemas.records.wire`.

A step of one int64 has six bytes of headers and a varint of k bytes, where 1 <= k <= 10. Each length needs one byte::

    0a k+4   1a k+2   0a k   v1 .. vk        the Feature of the FeatureList, its Int64List, the packed values

The steps are written as the rows of one matrix, whose width is the size of the longest step. Then the bytes that a
shorter step does not use, shown here as a dot, are removed. For the numbers 5 and 300, with the varints `05` and
`ac 02`, the matrix is::

    0a 05 1a 03 0a 01 05  .
    0a 06 1a 04 0a 02 ac 02

All steps with the same number of floats have the same headers. Each float has 4 bytes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.schemas.records import wire

_Integers = np.ndarray[Any, np.dtype[np.int64]]
_Bytes = np.ndarray[Any, np.dtype[np.uint8]]

# Sizes in bytes.
_HEADER_SIZE = 6
_FLOAT_SIZE = 4


class Steps(NamedTuple):
    """The bytes of S serialized steps.

    Attributes:
      data: The bytes of all steps, one after another.
      offsets: The position in `data` of each step, followed by the size of `data`, int64 `[S + 1]`.
    """

    data: bytes
    offsets: _Integers


def pack_integers(values: _Integers) -> Steps:
    """Serializes numbers `[S]` as steps of one int64 each."""
    varints, sizes = _encode_varints(values)
    matrix = np.empty((len(values), _HEADER_SIZE + varints.shape[1]), np.uint8)
    matrix[:, :_HEADER_SIZE:2] = (0x0A, 0x1A, 0x0A)  # The tags of the three fields.
    matrix[:, 1:_HEADER_SIZE:2] = sizes[:, None] + np.array((4, 2, 0), np.uint8)  # The lengths of the three fields.
    matrix[:, _HEADER_SIZE:] = varints
    is_used = np.arange(matrix.shape[1]) < _HEADER_SIZE + sizes[:, None]
    return Steps(matrix[is_used].tobytes(), _make_offsets(_HEADER_SIZE + sizes.astype(np.int64)))


def _encode_varints(values: _Integers) -> tuple[_Bytes, _Bytes]:
    """Returns varints as the rows of a matrix, `[S, K]`, and the number of bytes of each varint, `[S]`."""
    # remainders[n] holds the numbers without their n lowest groups of 7 bits. A negative number is written as its two's
    # complement.
    remainders = [values.astype(np.uint64)]
    while remainders[-1].max(initial=0) > 127:
        remainders.append(remainders[-1] >> np.uint64(7))
    sizes = np.ones(len(values), np.uint8)  # The number 0 also needs one byte.
    for remainder in remainders[1:]:
        sizes[remainder > 0] += 1
    varints = np.empty((len(values), len(remainders)), np.uint8)
    for position, remainder in enumerate(remainders):
        low_bits = (remainder & np.uint64(127)).astype(np.uint8)
        # The highest bit of a byte is set if another byte follows.
        continuation_bit = np.where(sizes > position + 1, 128, 0).astype(np.uint8)
        varints[:, position] = low_bits | continuation_bit
    return varints, sizes


def pack_floats(values: np.ndarray[Any, np.dtype[np.float32]], width: int) -> Steps:
    """Serializes numbers `[S * width]` as steps of `width` floats each."""
    size = _FLOAT_SIZE * width
    # The header is the same for all floats, so it is taken from a step of zeros.
    header = np.frombuffer(wire.encode_step(wire.encode_float_feature(bytes(size))), np.uint8)[:-size]
    num_steps = len(values) // width
    matrix = np.empty((num_steps, len(header) + size), np.uint8)
    matrix[:, : len(header)] = header
    matrix[:, len(header) :] = values.astype("<f4").view(np.uint8).reshape(num_steps, size)
    return Steps(matrix.tobytes(), np.arange(num_steps + 1) * matrix.shape[1])


def join_steps(features: list[bytes]) -> Steps:
    """Makes steps from serialized Features, one by one."""
    steps = [wire.encode_step(feature) for feature in features]
    return Steps(b"".join(steps), _make_offsets(np.fromiter(map(len, steps), np.int64, len(steps))))


def _make_offsets(sizes: _Integers) -> _Integers:
    """Returns the position of each step, from the sizes of the steps, followed by the total size."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
