"""Writes the wire format of `tf.train.SequenceExample` directly, without message objects of protobuf.

With protobuf, every step would need a Python object, which is then serialized. This is slow. The format is small and
does not change, so this module writes the bytes itself. All fields are length-delimited. Such a field consists of a tag
byte, the length of the payload as a varint, and the payload (https://protobuf.dev/programming-guides/encoding). The
tags of the fields, in hexadecimal, are::

    SequenceExample  0a Features  12 FeatureLists
    Features, FeatureLists (maps)  0a (0a name  12 value) ...
    FeatureList  0a Feature ...
    Feature  0a BytesList | 12 FloatList | 1a Int64List
    BytesList  0a value ...    FloatList  0a packed fixed32    Int64List  0a packed varint
"""

from __future__ import annotations

from collections.abc import Iterable

# The varints of one byte, at the index of their number. Most lengths are below 128.
_ONE_BYTE_VARINTS = tuple(bytes((n,)) for n in range(128))


def encode_varint(number: int) -> bytes:
    """Returns a number from 0 to 2 ** 64 - 1 as a varint.

    Each byte holds seven bits of the number, and the lowest bits come first. Bit 7 is set if another byte follows.
    """
    if number < 128:
        return _ONE_BYTE_VARINTS[number]
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def encode_field(tag: bytes, payload: bytes) -> bytes:
    """Returns a length-delimited field."""
    return tag + encode_varint(len(payload)) + payload


def encode_bytes_feature(value: bytes) -> bytes:
    """Returns a `Feature` with one bytes value."""
    return encode_field(b"\x0a", encode_field(b"\x0a", value))


def encode_int64_feature(value: int) -> bytes:
    """Returns a `Feature` with one int64 value."""
    # The mask turns a negative number into its two's complement of 64 bits.
    return encode_field(b"\x1a", encode_field(b"\x0a", encode_varint(value & 0xFFFFFFFFFFFFFFFF)))


def encode_int64s_feature(values: Iterable[int]) -> bytes:
    """Returns a `Feature` with any number of int64 values."""
    packed = b"".join([encode_varint(value & 0xFFFFFFFFFFFFFFFF) for value in values])
    return encode_field(b"\x1a", encode_field(b"\x0a", packed) if packed else b"")


def encode_bytes_list_feature(values: Iterable[bytes]) -> bytes:
    """Returns a `Feature` with any number of bytes values."""
    return encode_field(b"\x0a", b"".join([encode_field(b"\x0a", value) for value in values]))


def encode_float_feature(packed: bytes) -> bytes:
    """Returns a `Feature` with float values, which are given as the bytes of little-endian float32 numbers."""
    return encode_field(b"\x12", encode_field(b"\x0a", packed) if packed else b"")


def encode_step(feature: bytes) -> bytes:
    """Returns one step of a `FeatureList`, made from a serialized `Feature`."""
    return encode_field(b"\x0a", feature)


def encode_entry(key: bytes, value: bytes) -> bytes:
    """Returns one entry of a `Features` or `FeatureLists` map.

    Args:
      key: The result of `encode_entry_key`.
      value: A serialized `Feature` or `FeatureList`.
    """
    return encode_field(b"\x0a", key + encode_field(b"\x12", value))


def encode_entry_key(name: str) -> bytes:
    """Returns the key of a map entry. It does not depend on the record, so it can be made once."""
    return encode_field(b"\x0a", name.encode())


def encode_sequence_example(context: bytes, feature_lists: bytes) -> bytes:
    """Returns a `SequenceExample`. An empty map is left out, as in protobuf.

    Args:
      context: The entries of the context map, sorted by key.
      feature_lists: The entries of the feature lists map, sorted by key.
    """
    context_field = encode_field(b"\x0a", context) if context else b""
    feature_lists_field = encode_field(b"\x12", feature_lists) if feature_lists else b""
    return context_field + feature_lists_field
