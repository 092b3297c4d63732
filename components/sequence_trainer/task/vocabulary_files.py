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
    noted_size = find_vocabulary_size(proto)
    path = transform_output.vocabulary_file_by_name(name)
    if path is None:
        if noted_size is not None:
            raise _make_file_error(name, "", "is missing", f"a file with {noted_size.lines:,} lines")
        return None
    try:
        num_lines = len(transform_output.vocabulary_by_name(name))
    except tf.errors.OpError as error:
        raise _make_file_error(name, path, f"cannot be read ({error})", "all of its lines") from error
    if noted_size is None:
        fewest, most = _compute_line_limits(proto.int_domain, starts_at_one)
    else:
        fewest = most = noted_size.lines
    if not fewest <= num_lines <= most:
        expected_lines = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        raise _make_file_error(name, path, f"has {num_lines:,} lines", expected_lines)
    if noted_size is not None:
        num_bytes = tf.io.gfile.stat(path).length
        if num_bytes != noted_size.num_bytes:
            fault = f"has {num_lines:,} lines as expected, but {num_bytes:,} bytes"
            raise _make_file_error(name, path, fault, f"{noted_size.num_bytes:,}")
    return num_lines


def _compute_line_limits(domain: schema_pb2.IntDomain, starts_at_one: bool) -> tuple[int, int]:
    """Computes the lowest and the highest number of lines that a vocabulary with this domain can have."""
    if starts_at_one and domain.min >= 0:
        highest_id = domain.max
        return highest_id - FIRST_ID, highest_id
    num_ids = domain.max + 1
    # With buckets of unseen values, the vocabulary has fewer lines than there are ids.
    return (num_ids, num_ids) if domain.min < 0 else (1, num_ids)


def _make_file_error(name: str, path: str, fault: str, expected: str) -> TaskError:
    """Makes the error about a vocabulary file that is not the one that the transform wrote.

    Args:
      name: The name of the feature.
      path: The path of the file; empty if there is none.
      fault: What is wrong with the file.
      expected: What the transform graph expects instead.
    """
    file = f"file {path}" if path else "file"
    return TaskError(
        f"the vocabulary {file} of the feature {name!r} {fault}; the transform graph expects {expected}: the file was "
        "cut or changed after the transform wrote it. Copy the graph again, or run the transform again"
    )
