"""Writes many steps of a FeatureList at once, with NumPy: the wire format of `schemas.records.wire` without a loop.

A step of one int64 is six bytes of headers and its varint of k bytes, 1 <= k <= 10. All lengths take one byte::

    0a k+4   1a k+2   0a k   v1 .. vk        FeatureList's Feature, its Int64List, the packed values

All steps are written into one matrix, a row each, as long as the longest; the bytes that a step does not use are then
left out. For the numbers 5 and 300, whose varints are `05` and `ac 02`::

    0a 05 1a 03 0a 01 05  .
    0a 06 1a 04 0a 02 ac 02

A step of a fixed number of floats always has the same headers, and 4 bytes for each float.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.schemas.records import wire

_Integers = np.ndarray[Any, np.dtype[np.int64]]

_HEADER_SIZE = 6
_FLOAT_SIZE = 4


class Steps(NamedTuple):
    """S serialized steps.

    Attributes:
      data: Their bytes, end to end.
      offsets: The position of each in `data`, and at last the size of `data`: int64 `[S + 1]`.
    """

    data: bytes
    offsets: _Integers


def pack_integers(values: _Integers) -> Steps:
    """Writes steps of one int64 each."""
    rest = values.astype(np.uint64)  # A negative number is written as its two's complement.
    # groups[n] holds what is left of each number after n groups of 7 bits.
    groups = [rest]
    while groups[-1].max(initial=0) > 127:
        groups.append(groups[-1] >> np.uint64(7))
    sizes = np.ones(len(values), np.uint8)  # Of the varints: 0 takes one byte, too.
    for group in groups[1:]:
        sizes += group > 0
    out = np.empty((len(values), _HEADER_SIZE + len(groups)), np.uint8)
    out[:, :_HEADER_SIZE:2] = (0x0A, 0x1A, 0x0A)
    out[:, 1:_HEADER_SIZE:2] = sizes[:, None] + np.array((4, 2, 0), np.uint8)
    for position, group in enumerate(groups):
        low_bits = (group & np.uint64(127)).astype(np.uint8)
        continuation_bit = np.where(sizes > position + 1, 128, 0).astype(np.uint8)
        out[:, _HEADER_SIZE + position] = low_bits | continuation_bit
    is_used = np.arange(_HEADER_SIZE + len(groups)) < _HEADER_SIZE + sizes[:, None]
    return Steps(out[is_used].tobytes(), _add_up(_HEADER_SIZE + sizes.astype(np.int64)))


def pack_floats(values: np.ndarray[Any, np.dtype[np.float32]], width: int) -> Steps:
    """Writes steps of `width` floats each."""
    size = _FLOAT_SIZE * width
    header = np.frombuffer(wire.step(wire.float_feature(bytes(size))), np.uint8)[:-size]
    count = len(values) // width
    out = np.empty((count, len(header) + size), np.uint8)
    out[:, : len(header)] = header
    out[:, len(header) :] = values.astype("<f4").view(np.uint8).reshape(count, size)
    return Steps(out.tobytes(), np.arange(count + 1) * out.shape[1])


def join_steps(features: list[bytes]) -> Steps:
    """Writes steps of serialized Features."""
    steps = [wire.step(feature) for feature in features]
    return Steps(b"".join(steps), _add_up(np.fromiter(map(len, steps), np.int64, len(steps))))


def _add_up(sizes: _Integers) -> _Integers:
    """Returns the offsets of things of these sizes, and at last the size of all."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
