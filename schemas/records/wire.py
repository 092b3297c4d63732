"""The wire format of `tf.train.SequenceExample`, written directly.

Building the message step by step costs a Python object for every step and then serialises them all again. The format
itself is small and frozen, so this module writes it: a length-delimited field is a tag byte, a varint length and the
payload (https://protobuf.dev/programming-guides/encoding). With tags in hex::

    SequenceExample  0a Features  12 FeatureLists
    Features, FeatureLists (maps)  0a (0a name  12 value) ...
    FeatureList  0a Feature ...
    Feature  0a BytesList | 12 FloatList | 1a Int64List
    BytesList  0a value ...    FloatList  0a packed fixed32    Int64List  0a packed varint
"""

from __future__ import annotations

from collections.abc import Iterable

_SHORT = tuple(bytes((n,)) for n in range(128))


def varint(number: int) -> bytes:
    """`number`, from 0 to 2**64 - 1, in groups of seven bits, the lowest first."""
    if number < 128:
        return _SHORT[number]
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def delimited(tag: bytes, payload: bytes) -> bytes:
    """A length-delimited field."""
    return tag + varint(len(payload)) + payload


def bytes_feature(value: bytes) -> bytes:
    """A `Feature` with one bytes value."""
    return delimited(b"\x0a", delimited(b"\x0a", value))


def int64_feature(value: int) -> bytes:
    """A `Feature` with one int64 value; a negative one is written as its two's complement."""
    return delimited(b"\x1a", delimited(b"\x0a", varint(value & 0xFFFFFFFFFFFFFFFF)))


def int64s_feature(values: Iterable[int]) -> bytes:
    """A `Feature` with any number of int64 values."""
    packed = b"".join([varint(value & 0xFFFFFFFFFFFFFFFF) for value in values])
    return delimited(b"\x1a", delimited(b"\x0a", packed) if packed else b"")


def bytes_list_feature(values: Iterable[bytes]) -> bytes:
    """A `Feature` with any number of bytes values."""
    return delimited(b"\x0a", b"".join([delimited(b"\x0a", value) for value in values]))


def float_feature(packed: bytes) -> bytes:
    """A `Feature` with float values that are already little-endian float32."""
    return delimited(b"\x12", delimited(b"\x0a", packed) if packed else b"")


def step(feature: bytes) -> bytes:
    """One step of a `FeatureList`."""
    return delimited(b"\x0a", feature)


def entry(key: bytes, value: bytes) -> bytes:
    """One entry of a `Features` or `FeatureLists` map. `key` is what `entry_key` made of the name."""
    return delimited(b"\x0a", key + delimited(b"\x12", value))


def entry_key(name: str) -> bytes:
    """The key part of a map entry, the same for every record."""
    return delimited(b"\x0a", name.encode())


def sequence_example(context: bytes, feature_lists: bytes) -> bytes:
    """A `SequenceExample` of map entries in the order of their keys; a message without entries is left out."""
    head = delimited(b"\x0a", context) if context else b""
    return head + (delimited(b"\x12", feature_lists) if feature_lists else b"")
