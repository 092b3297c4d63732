"""Writes the wire format of `tf.train.SequenceExample` directly, without protobuf's objects.

To build the message costs a Python object for every step, and protobuf then serialises them all again. The format is
small and frozen, so this module writes it. A length-delimited field is a tag byte, the length of the payload as a
varint, and the payload (https://protobuf.dev/programming-guides/encoding). With tags in hex::

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
    """Writes a number from 0 to 2 ** 64 - 1: seven bits a byte, the lowest first; bit 7 says that a byte follows."""
    if number < 128:
        return _SHORT[number]
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def delimited(tag: bytes, payload: bytes) -> bytes:
    """Writes a length-delimited field."""
    return tag + varint(len(payload)) + payload


def bytes_feature(value: bytes) -> bytes:
    """Writes a `Feature` with one bytes value."""
    return delimited(b"\x0a", delimited(b"\x0a", value))


def int64_feature(value: int) -> bytes:
    """Writes a `Feature` with one int64 value, a negative one as its two's complement."""
    return delimited(b"\x1a", delimited(b"\x0a", varint(value & 0xFFFFFFFFFFFFFFFF)))


def int64s_feature(values: Iterable[int]) -> bytes:
    """Writes a `Feature` with any number of int64 values."""
    packed = b"".join([varint(value & 0xFFFFFFFFFFFFFFFF) for value in values])
    return delimited(b"\x1a", delimited(b"\x0a", packed) if packed else b"")


def bytes_list_feature(values: Iterable[bytes]) -> bytes:
    """Writes a `Feature` with any number of bytes values."""
    return delimited(b"\x0a", b"".join([delimited(b"\x0a", value) for value in values]))


def float_feature(packed: bytes) -> bytes:
    """Writes a `Feature` with float values that are already little-endian float32."""
    return delimited(b"\x12", delimited(b"\x0a", packed) if packed else b"")


def step(feature: bytes) -> bytes:
    """Writes one step of a `FeatureList`."""
    return delimited(b"\x0a", feature)


def entry(key: bytes, value: bytes) -> bytes:
    """Writes one entry of a `Features` or `FeatureLists` map. `key` is what `entry_key` made of the name."""
    return delimited(b"\x0a", key + delimited(b"\x12", value))


def entry_key(name: str) -> bytes:
    """Writes the key of a map entry, which is the same for every record."""
    return delimited(b"\x0a", name.encode())


def sequence_example(context: bytes, feature_lists: bytes) -> bytes:
    """Writes a `SequenceExample` of map entries, sorted by key; an empty map is left out, as protobuf does."""
    head = delimited(b"\x0a", context) if context else b""
    return head + (delimited(b"\x12", feature_lists) if feature_lists else b"")
