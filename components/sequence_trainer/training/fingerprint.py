"""What a training depends on, as one short name."""

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
_BLOCK = 1 << 22


def fingerprint(files: Iterable[str], settings: Iterable[object]) -> str:
    """Names a training by all that decides its course: 16 hexadecimal digits.

    Artifacts get a new folder in each run, so a file counts by its own name, its size and the CRC-32C of its bytes;
    the versions of this package, of TensorFlow and of Keras count too.

    Args:
      files: Paths of the records, in the order that they are read.
      settings: Configs and the task: dataclasses, mappings, arrays, and objects whose `repr` tells all of them.
    """
    digest = hashlib.sha256()
    for name in _DISTRIBUTIONS:
        digest.update(f"{name} {_version(name)}\n".encode())
    for path in files:
        size, crc = _content(path)
        digest.update(f"{os.path.basename(path)} {size} {crc}\n".encode())
    for setting in settings:
        _add(digest, setting)
    return digest.hexdigest()[:16]


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of a source tree that is not installed"


def _add(digest: Any, value: object) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype} {value.shape}".encode() + value.tobytes())
    elif isinstance(value, Mapping):
        for key, each in value.items():
            digest.update(f"{key!r}: ".encode())
            _add(digest, each)
    elif dataclasses.is_dataclass(value):
        _add(digest, {field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    else:
        digest.update(f"{value!r}\n".encode())


def _content(path: str) -> tuple[int, int]:
    """The size of a file and its CRC-32C."""
    size, crc = 0, 0
    with tf.io.gfile.GFile(path, "rb") as file:
        while block := file.read(_BLOCK):
            size += len(block)
            crc = google_crc32c.extend(crc, block)
    return size, crc
