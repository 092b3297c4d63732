"""Computes the fingerprint of a training, a short name for everything that the training depends on."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import os
from collections.abc import Iterable, Mapping
from typing import Any

import google_crc32c
import numpy as np
import tensorflow as tf

_DISTRIBUTIONS = ("tfx-sequence", "tensorflow", "keras")
_BLOCK_BYTES = 1 << 22  # 4 MiB: large enough for object stores, small in comparison with a batch.


def compute_fingerprint(files: Iterable[str], settings: Iterable[object]) -> str:
    """Computes the fingerprint of a training from its files, its settings, and the versions of the software.

    The versions are those of this package, of TensorFlow and of Keras. Of a file, its base name, its size and the
    CRC-32C of its bytes are used. Its folder is not used, because each run writes its artifacts to new folders.

    Args:
      files: Paths of the files that the training reads, in the order in which they are read.
      settings: Dataclasses, mappings, arrays, and other objects whose `repr` shows their whole value.

    Returns:
      16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for name in _DISTRIBUTIONS:
        digest.update(f"{name} {_look_up_version(name)}\n".encode())
    for path in files:
        size, crc = _read_size_and_crc(path)
        digest.update(f"{os.path.basename(path)} {size} {crc}\n".encode())
    for setting in settings:
        _add_value(digest, setting)
    return digest.hexdigest()[:16]


def _look_up_version(distribution: str) -> str:
    """Returns the installed version of a distribution, or a fixed text if it is not installed."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of a source tree that is not installed"


def _add_value(digest: Any, value: object) -> None:
    """Adds a value to the digest, with all items of mappings and all fields of dataclasses."""
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
    elif isinstance(value, Mapping):
        for key, item in value.items():
            digest.update(f"{key!r}: ".encode())
            _add_value(digest, item)
    elif dataclasses.is_dataclass(value):
        # `dataclasses.asdict` would copy arrays.
        _add_value(digest, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    else:
        digest.update(f"{value!r}\n".encode())


def _read_size_and_crc(path: str) -> tuple[int, int]:
    """Returns the size of a file in bytes, and the CRC-32C of its bytes."""
    size, crc = 0, 0
    with tf.io.gfile.GFile(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            size += len(block)
            crc = google_crc32c.extend(crc, block)
    return size, crc
