"""Makes a number of what a record holds, equal for records that hold the same.

Each value of each step is mixed with its feature and its place, and the numbers of a record are added up, so that a
batch is done with whole arrays. Records that differ have the same number with a chance of about 2 ** -64.

Source: Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number Generators" (SplitMix64, which mixes the bits),
https://doi.org/10.1145/2660193.2660195.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn

Fingerprints = npt.NDArray[np.uint64]


def fingerprint_records(columns: Mapping[str, ArrowColumn]) -> Fingerprints:
    """Returns the fingerprints of a batch's records by some of their features, uint64 `[N]`."""
    records = len(next(iter(columns.values())).lengths)
    total = np.zeros(records, np.uint64)
    for name, column in columns.items():
        seed = _hash_bytes(name.encode())
        # Without the length, a record with an empty last step would equal one without that step.
        lengths = _mix(column.lengths.astype(np.uint64) ^ seed) + column.present.astype(np.uint64)
        total += _mix(lengths)
        steps = column.step_of_value
        record_of_value = column.record_of_step[steps]
        step_in_record = (steps - column.starts[record_of_value]).astype(np.uint64)
        value_in_step = (np.arange(len(steps)) - _first_value_of_steps(column)[steps]).astype(np.uint64)
        places = _mix(step_in_record + (value_in_step << np.uint64(32)))
        values = _mix(_mix(_hash_values(column.values) + seed) ^ places)
        np.add.at(total, record_of_value, values)
    return total


def _first_value_of_steps(column: ArrowColumn) -> npt.NDArray[np.int64]:
    return np.cumsum(column.counts) - column.counts


def _hash_values(values: pa.Array) -> Fingerprints:
    """Returns a number for each value: its bits, or a hash of its bytes."""
    if not len(values):
        return np.zeros(0, np.uint64)
    if pa.types.is_large_binary(values.type):
        encoded = values.dictionary_encode()
        hashes = np.array([_hash_bytes(value) for value in encoded.dictionary.to_pylist()], np.uint64)
        return np.asarray(hashes[encoded.indices.to_numpy(zero_copy_only=False)])
    numbers = values.to_numpy(zero_copy_only=False)
    return numbers.astype(np.float64).view(np.uint64) if numbers.dtype.kind == "f" else numbers.view(np.uint64)


# Values repeat from batch to batch. The cache takes about 10 MB at most, but for long values.
@functools.lru_cache(maxsize=1 << 16)
def _hash_bytes(data: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little"))


def _mix(x: Fingerprints) -> Fingerprints:
    """Mixes the bits of numbers with the constants of SplitMix64; sums wrap around, as they do there."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
