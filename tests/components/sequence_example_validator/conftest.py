from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from support.raw_records import compute_statistics, serialize_example
from tensorflow_metadata.proto.v0 import statistics_pb2


@pytest.fixture(scope="session")
def make_example() -> Callable[..., bytes]:
    return serialize_example


@pytest.fixture(scope="session")
def statistics() -> Callable[..., statistics_pb2.DatasetFeatureStatisticsList]:
    return compute_statistics


@pytest.fixture
def write(tmp_path: Path, make_example: Callable[..., bytes]) -> Callable[..., str]:
    """Returns a function that writes a file of records, given by their key and length."""

    def write_file(name: str, *records: tuple[str, int], compression: str = "GZIP") -> str:
        path = str(tmp_path / name)
        with tf.io.TFRecordWriter(path, compression) as writer:
            for key, length in records:
                writer.write(make_example({"id": key}, {"tokens": ["a"] * length}))
        return path

    return write_file
