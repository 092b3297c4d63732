"""Many steps of a FeatureList at once, as bytes, with NumPy: the wire format of `schemas.wire`, without a loop.

A step of one int64 is six bytes of headers and its varint of k bytes, 1 <= k <= 10; all lengths take one byte::

    0a k+4   1a k+2   0a k   v1 .. vk        FeatureList's Feature, its Int64List, the packed values

A step of a fixed number of floats always has the same headers, and 4 bytes for each float.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tfx_sequence.schemas.records import wire

_Integers = np.ndarray[Any, np.dtype[np.int64]]

_HEADER = 6


class Steps(NamedTuple):
    """S steps, serialized.

    Attributes:
      data: Their bytes, end to end.
      ends: Where each begins, and at last where all end: int64 `[S + 1]`.
    """

    data: bytes
    ends: _Integers


def integer_steps(values: _Integers) -> Steps:
    """Steps of one int64 each."""
    rest = values.astype(np.uint64)  # A negative number is written as its two's complement.
    groups = [rest]
    while groups[-1].max(initial=0) > 127:
        groups.append(groups[-1] >> np.uint64(7))
    sizes = 1 + sum(((group > 0).astype(np.uint8) for group in groups[1:]), np.zeros(len(values), np.uint8))
    out = np.empty((len(values), _HEADER + len(groups)), np.uint8)
    out[:, :_HEADER:2] = (0x0A, 0x1A, 0x0A)
    out[:, 1:_HEADER:2] = sizes[:, None] + np.array((4, 2, 0), np.uint8)
    for place, group in enumerate(groups):
        more = np.where(sizes > place + 1, 128, 0)
        out[:, _HEADER + place] = (group & np.uint64(127)).astype(np.uint8) | more.astype(np.uint8)
    used = np.arange(_HEADER + len(groups)) < _HEADER + sizes[:, None]
    return Steps(out[used].tobytes(), _ends(_HEADER + sizes.astype(np.int64)))


def float_steps(values: np.ndarray[Any, np.dtype[np.float32]], width: int) -> Steps:
    """Steps of `width` floats each."""
    size = 4 * width
    header = np.frombuffer(wire.step(wire.float_feature(bytes(size))), np.uint8)[:-size]
    count = len(values) // width
    out = np.empty((count, len(header) + size), np.uint8)
    out[:, : len(header)] = header
    out[:, len(header) :] = values.astype("<f4").view(np.uint8).reshape(count, size)
    return Steps(out.tobytes(), np.arange(count + 1) * out.shape[1])


def joined_steps(features: list[bytes]) -> Steps:
    """Steps of serialized Features."""
    steps = [wire.step(feature) for feature in features]
    return Steps(b"".join(steps), _ends(np.fromiter(map(len, steps), np.int64, len(steps))))


def _ends(sizes: _Integers) -> _Integers:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
