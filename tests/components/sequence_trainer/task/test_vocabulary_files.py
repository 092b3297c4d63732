"""Vocabulary files that are not those that a transform graph was written with, by what its schema says of them."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.task.vocabulary_files import count_lines
from tfx_sequence.schemas.tfmd.feature import FileSize, note_vocabulary_size


def _count(path: Path, domain: tuple[int, int], starts_at_one: bool, noted: FileSize | None = None) -> int | None:
    proto = schema_pb2.Feature(name="x", type=schema_pb2.INT)
    proto.int_domain.min, proto.int_domain.max = domain
    if noted is not None:
        note_vocabulary_size(proto, noted)
    graph = SimpleNamespace(
        vocabulary_file_by_name=lambda name: str(path) if path.exists() else None,
        vocabulary_by_name=lambda name: path.read_bytes().splitlines(),
    )
    return count_lines(graph, "x", proto, starts_at_one)


@pytest.mark.parametrize(
    ("domain", "starts_at_one", "lines", "expected"),
    [
        ((0, 5), True, {4, 5}, "4 to 5"),  # Open or closed: the domain does not tell.
        ((-1, 4), False, {5}, "5"),
        ((0, 4), False, {1, 2, 3, 4, 5}, "1 to 5"),  # Any number of buckets of unseen values.
    ],
)
def test_domain_bounds_the_number_of_lines(
    tmp_path: Path, domain: tuple[int, int], starts_at_one: bool, lines: set[int], expected: str
) -> None:
    path = tmp_path / "x"
    for number in range(7):
        path.write_text("".join(f"value {index}\n" for index in range(number)))
        if number in lines:
            assert _count(path, domain, starts_at_one) == number
            continue
        message = f"the vocabulary file {path} of the feature 'x' has {number} lines; the transform graph expects"
        with pytest.raises(TaskError, match=re.escape(f"{message} {expected}: the file was cut or changed")):
            _count(path, domain, starts_at_one)


def test_noted_size_is_exact(tmp_path: Path) -> None:
    path, noted = tmp_path / "x", FileSize(lines=3, num_bytes=10)
    path.write_text("aa\nbb\nccc\n")
    assert _count(path, (0, 4), True, noted) == 3
    for content, found in {
        "aa\nbb\n": "has 2 lines; the transform graph expects 3:",
        "aa\nbb\nc": "has 3 lines as expected, but 7 bytes; the transform graph expects 10:",
        "aa\nbb\nccc\nd\n": "has 4 lines; the transform graph expects 3:",
        "": "has 0 lines; the transform graph expects 3:",
    }.items():
        path.write_text(content)
        with pytest.raises(TaskError, match=re.escape(f"the vocabulary file {path} of the feature 'x' {found}")):
            _count(path, (0, 4), True, noted)
    path.unlink()
    with pytest.raises(TaskError, match=r"of the feature 'x' is missing; .* expects a file with 3 lines"):
        _count(path, (0, 4), True, noted)
    assert _count(path, (0, 4), True) is None


def test_compressed_file_that_was_cut_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.tfrecord.gz"
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for number in range(1000):
            writer.write(b"%d" % number)
    path.write_bytes(path.read_bytes()[:-100])
    graph = SimpleNamespace(
        vocabulary_file_by_name=lambda name: str(path),
        vocabulary_by_name=lambda name: list(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator()),
    )
    proto = schema_pb2.Feature(name="x", type=schema_pb2.INT, int_domain=schema_pb2.IntDomain(min=-1, max=999))
    with pytest.raises(TaskError, match=r"^the vocabulary file .*x.tfrecord.gz of the feature 'x' cannot be read"):
        count_lines(graph, "x", proto, starts_at_one=False)
