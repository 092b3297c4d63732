"""A number for what a record holds, equal for records that hold the same.

Each value of each step is mixed with its feature and its step, and a record's numbers are added up, so a batch is done
with whole arrays. Two records that differ have one number with a chance of about 2 to the power of -64. The mixing is
SplitMix64 (Steele, Lea and Flood, 2014, https://doi.org/10.1145/2660193.2660195).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfx_sequence.schemas.checks.arrow_columns import Column

Fingerprints = npt.NDArray[np.uint64]


def fingerprints(columns: Mapping[str, Column]) -> Fingerprints:
    """The numbers of a batch's records, by the features `columns`; uint64 `[N]`."""
    records = len(next(iter(columns.values())).lengths)
    total = np.zeros(records, np.uint64)
    for name, column in columns.items():
        seed = _digest(name.encode())
        lengths = _mix(column.lengths.astype(np.uint64) ^ seed) + column.present.astype(np.uint64)
        total += _mix(lengths)
        steps = column.step_of_value
        record_of_value = column.record_of_step[steps]
        place = (steps - column.starts[record_of_value]).astype(np.uint64)
        order = (np.arange(len(steps)) - _first_of_step(column)[steps]).astype(np.uint64)
        values = _mix(_mix(_numbers(column.values) + seed) ^ _mix(place + (order << np.uint64(32))))
        np.add.at(total, record_of_value, values)
    return total


def _first_of_step(column: Column) -> npt.NDArray[np.int64]:
    return np.cumsum(column.counts) - column.counts


def _numbers(values: pa.Array) -> Fingerprints:
    """A number for each value: its bits, or a digest of its bytes."""
    if not len(values):
        return np.zeros(0, np.uint64)
    if pa.types.is_large_binary(values.type):
        encoded = values.dictionary_encode()
        digests = np.array([_digest(value) for value in encoded.dictionary.to_pylist()], np.uint64)
        return np.asarray(digests[encoded.indices.to_numpy(zero_copy_only=False)])
    numbers = values.to_numpy(zero_copy_only=False)
    return numbers.astype(np.float64).view(np.uint64) if numbers.dtype.kind == "f" else numbers.view(np.uint64)


# Values repeat from batch to batch.
@functools.lru_cache(maxsize=1 << 16)
def _digest(data: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little"))


def _mix(x: Fingerprints) -> Fingerprints:
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
