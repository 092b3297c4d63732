"""Saves pretrained vectors in a transform graph, and loads them. There is one vector for each id of a vocabulary.

    <transform_graph>/embeddings/<vocabulary>.npy    float32 [num_ids, D]
    <transform_graph>/embeddings/coverage.json       feature name to `Coverage`

Row 0 is the vector of padding, which is zero. A value without a pretrained vector has the mean of the vectors that were
found, and so has the row of unseen values. With zeros, these values would look like padding at the start of training.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pydantic

from tfx_sequence.schemas.spec import Frozen

_FOLDER = "embeddings"
_COVERAGE_FILE = "coverage.json"

Matrix = np.ndarray[Any, np.dtype[np.float32]]


class Coverage(Frozen):
    """The share of a vocabulary that has vectors.

    Attributes:
      vocabulary: The name of the feature whose vocabulary determines the order of the rows.
      file: The path of the file with the pretrained vectors.
      entries: The number of values in the vocabulary.
      found: The number of values in the vocabulary that have a pretrained vector.
      tokens: How often all values together occur in the analysed splits, or None if frequencies were not requested.
      tokens_found: How often the values that have a pretrained vector occur there, or None.
    """

    vocabulary: str
    file: str
    entries: int
    found: int
    tokens: int | None = None
    tokens_found: int | None = None


_Coverages = pydantic.TypeAdapter(dict[str, Coverage])


def load_embeddings(transform_output_dir: str, feature: str) -> Matrix | None:
    """Loads the pretrained vectors for the ids of a feature.

    Args:
      transform_output_dir: The folder of a `TransformGraph` artifact.
      feature: The name of a transformed feature. Features that share a vocabulary also share its vectors.

    Returns:
      One row per id, float32 `[num_ids, D]`, with zeros in row 0. None if the feature has no pretrained vectors.
    """
    import tensorflow as tf

    coverage = load_coverage(transform_output_dir).get(feature)
    if coverage is None:
        return None
    with tf.io.gfile.GFile(_make_matrix_path(transform_output_dir, coverage.vocabulary), "rb") as file:
        matrix: Matrix = np.load(file, allow_pickle=False)
    return matrix


def find_own_vectors(matrix: Matrix) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Returns which ids of an open vocabulary have a vector of their own, bool `[num_ids]`.

    Args:
      matrix: The vectors as `load_embeddings` returns them. The last row, of unseen values, is the mean of the vectors
        that were found, and so is the row of a value without a vector.
    """
    return np.any(matrix != matrix[-1], axis=1)


def load_coverage(transform_output_dir: str) -> dict[str, Coverage]:
    """Loads the coverage of each feature that has pretrained vectors.

    Returns:
      Feature name to coverage. The mapping is empty if the transform graph has no pretrained vectors.
    """
    import tensorflow as tf

    path = _make_coverage_path(transform_output_dir)
    if not tf.io.gfile.exists(path):
        return {}
    with tf.io.gfile.GFile(path, "rb") as file:
        return _Coverages.validate_json(file.read())


def save_embeddings(transform_output_dir: str, vocabulary: str, matrix: Matrix) -> None:
    """Saves the vectors for the ids of a vocabulary.

    Args:
      transform_output_dir: The folder of a `TransformGraph` artifact.
      vocabulary: The name of the feature whose vocabulary determines the order of the rows.
      matrix: One row per id, float32 `[num_ids, D]`.
    """
    import tensorflow as tf

    tf.io.gfile.makedirs(os.path.join(transform_output_dir, _FOLDER))
    with tf.io.gfile.GFile(_make_matrix_path(transform_output_dir, vocabulary), "wb") as file:
        np.save(file, matrix, allow_pickle=False)


def save_coverage(transform_output_dir: str, coverages: Mapping[str, Coverage]) -> None:
    """Saves the coverage of features, for `load_coverage`. Call `save_embeddings` first, which makes the folder."""
    import tensorflow as tf

    with tf.io.gfile.GFile(_make_coverage_path(transform_output_dir), "wb") as file:
        file.write(_Coverages.dump_json(dict(coverages), indent=2))


def _make_coverage_path(transform_output_dir: str) -> str:
    return os.path.join(transform_output_dir, _FOLDER, _COVERAGE_FILE)


def _make_matrix_path(transform_output_dir: str, vocabulary: str) -> str:
    return os.path.join(transform_output_dir, _FOLDER, f"{vocabulary}.npy")
