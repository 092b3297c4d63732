"""Reads the lines of a vocabulary file, and checks that they are those that the transform wrote.

A file can be cut when it is copied. The values that it lost would be unseen values, in training and in the exported
model, and a class of a label would get the name of unseen values.
"""

from __future__ import annotations

import tensorflow as tf
import tensorflow_transform as tft
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.schemas.spec import FIRST_ID
from tfx_sequence.schemas.tfmd.feature import find_vocabulary_size


def count_lines(
    transform_output: tft.TFTransformOutput, name: str, proto: schema_pb2.Feature, starts_at_one: bool
) -> int | None:
    """Returns the number of lines of a feature's vocabulary; None if the feature has no vocabulary.

    SequenceTransform notes the size of the file in the schema. For other graphs, only the domain of the ids is known::

        ids from 1, an open vocabulary      domain 0 .. lines + 1
        ids from 1, a closed vocabulary     domain 0 .. lines
        stock, unseen values are -1         domain -1 .. lines - 1
        stock, k buckets of unseen values   domain 0 .. lines + k - 1       k is not known

    Args:
      transform_output: The transform graph.
      name: The name of the feature, which is also the name of its vocabulary.
      proto: The schema of the feature, which consists of ids.
      starts_at_one: Whether the ids start at 1.

    Raises:
      TaskError: if the file is missing or cannot be read, or does not have the size that the transform graph expects.
    """
    noted = find_vocabulary_size(proto)
    path = transform_output.vocabulary_file_by_name(name)
    if path is None:
        if noted is not None:
            raise TaskError(_describe(name, "is missing", f"a file with {noted.lines:,} lines"))
        return None
    try:
        lines = len(transform_output.vocabulary_by_name(name))
    except tf.errors.OpError as error:
        raise TaskError(_describe(name, f"cannot be read ({error})", "all of its lines", path)) from error
    if noted is None:
        low, high = _expect_lines(proto.int_domain, starts_at_one)
        if not low <= lines <= high:
            expected = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            raise TaskError(_describe(name, f"has {lines:,} lines", expected, path))
    elif lines != noted.lines:
        raise TaskError(_describe(name, f"has {lines:,} lines", f"{noted.lines:,}", path))
    elif (num_bytes := tf.io.gfile.stat(path).length) != noted.num_bytes:
        found = f"has {lines:,} lines as expected, but {num_bytes:,} bytes"
        raise TaskError(_describe(name, found, f"{noted.num_bytes:,}", path))
    return lines


def _expect_lines(domain: schema_pb2.IntDomain, starts_at_one: bool) -> tuple[int, int]:
    """Returns the lowest and the highest number of lines that a vocabulary with this domain can have."""
    if starts_at_one and domain.min >= 0:
        highest_id = domain.max
        return highest_id - FIRST_ID, highest_id
    values = domain.max + 1
    # With buckets of unseen values, the vocabulary has fewer lines than there are ids.
    return (values, values) if domain.min < 0 else (1, values)


def _describe(name: str, found: str, expected: str, path: str | None = None) -> str:
    """Returns the message about a vocabulary file that is not the one that the transform wrote."""
    file = "" if path is None else f" {path}"
    return (
        f"the vocabulary file{file} of the feature {name!r} {found}; the transform graph expects {expected}: the file "
        "was cut or changed after the transform wrote it. Copy the graph again, or run the transform again"
    )
