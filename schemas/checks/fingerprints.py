"""Computes fingerprints of records: 64-bit numbers that are equal for records with equal content.

Content is equal if the records have the same features, the same number of steps, and equal values in the same places.
0.0 and -0.0 are equal, and so are all NaNs, which stand for missing numbers.

Each value is hashed together with the name of its feature and its place in the record. The fingerprint of a record is
the sum of these hashes, so that a whole batch can be computed with array operations. Two different records have the
same fingerprint with a probability of about 2 ** -64.

In the shapes below, a batch has N records, with V values of one feature in total.

Source: The bits are mixed by SplitMix64, from Steele, Lea and Flood 2014, "Fast Splittable Pseudorandom Number
Generators", https://doi.org/10.1145/2660193.2660195.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from tfx_sequence.schemas.checks.arrow_columns import ArrowColumn, Ints

Fingerprints = npt.NDArray[np.uint64]


def fingerprint_records(columns: Mapping[str, ArrowColumn]) -> Fingerprints:
    """Computes the fingerprints of the records of a batch.

    Args:
      columns: Feature name to values, for the features that the fingerprints depend on. There must be at least one.

    Returns:
      One fingerprint per record, uint64 `[N]`.

    Raises:
      ValueError: if there is no column, or if the numbers of a column do not have 64 bits.
    """
    if not columns:
        raise ValueError("a fingerprint needs at least one feature, but there is no column")
    num_records = len(next(iter(columns.values())).lengths)
    fingerprints = np.zeros(num_records, np.uint64)
    for name, column in columns.items():
        seed = _hash_bytes(name.encode())
        fingerprints += _hash_lengths(column, seed)
        record_of_value = column.record_of_step[column.step_of_value]
        # `add.at` adds up all values of a record. `fingerprints[record_of_value] += ...` would add only one of them.
        np.add.at(fingerprints, record_of_value, _hash_placed_values(column, record_of_value, seed))
    return fingerprints


def _hash_lengths(column: ArrowColumn, seed: np.uint64) -> Fingerprints:
    """Hashes the length of each record, and whether it has the feature, uint64 `[N]`.

    Without the length, a record with an empty last step would equal the same record without this step.
    """
    lengths = _mix(column.lengths.astype(np.uint64) ^ seed)
    return _mix(lengths + column.present.astype(np.uint64))


def _hash_placed_values(column: ArrowColumn, record_of_value: Ints, seed: np.uint64) -> Fingerprints:
    """Hashes each value together with its feature, which is the seed, and with its place, uint64 `[V]`.

    The place is the number of the step in the record, and the number of the value in the step, packed into 64 bits::

        bits    63 ... 32              31 ... 0
                value in the step      step in the record
    """
    step_of_value = column.step_of_value
    step_in_record = (step_of_value - column.starts[record_of_value]).astype(np.uint64)
    first_value_of_step = np.cumsum(column.counts) - column.counts
    value_in_step = (np.arange(len(step_of_value)) - first_value_of_step[step_of_value]).astype(np.uint64)
    place_hashes = _mix(step_in_record + (value_in_step << np.uint64(32)))
    # Both parts are mixed before they are combined, so that a value and its place cannot cancel each other out. The
    # result is mixed again, so that the sum over a record depends on which value stands in which place.
    value_hashes = _mix(_hash_values(column.values) + seed)
    return _mix(value_hashes ^ place_hashes)


def _hash_values(values: pa.Array) -> Fingerprints:
    """Returns one number per value, uint64 `[V]`: the bits of a number, or a hash of the bytes of a string."""
    if not len(values):
        return np.zeros(0, np.uint64)
    if pa.types.is_large_binary(values.type):
        encoded = values.dictionary_encode()
        hashes = np.array([_hash_bytes(value) for value in encoded.dictionary.to_pylist()], np.uint64)
        return np.asarray(hashes[encoded.indices.to_numpy(zero_copy_only=False)])
    numbers = values.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind == "f":
        # Equal numbers get equal bits: adding 0 turns -0.0 into 0.0, and all NaNs become the same one.
        canonical_numbers = numbers.astype(np.float64) + 0.0
        canonical_numbers[np.isnan(canonical_numbers)] = np.nan
        return canonical_numbers.view(np.uint64)
    if numbers.dtype != np.int64:
        raise ValueError(f"values must be strings, floats or 64-bit integers, but are of the Arrow type {values.type}")
    return numbers.view(np.uint64)


# Values repeat from batch to batch. The cache needs no more than about 10 MB, unless values are very long.
@functools.lru_cache(maxsize=1 << 16)
def _hash_bytes(data: bytes) -> np.uint64:
    """Returns a hash that is the same in every process, unlike the hash of Python."""
    return np.uint64(int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little"))


def _mix(x: Fingerprints) -> Fingerprints:
    """Mixes the bits of numbers with the constants of SplitMix64. Sums and products wrap around at 64 bits."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
