"""Saves and loads pretrained vectors in a transform graph, one row for each id of the vocabulary.

    <transform_graph>/embeddings/<vocabulary>.npy    float32 [num_ids, D]
    <transform_graph>/embeddings/coverage.json       feature to `Coverage`

Row 0, of padding, is zero. An entry without a vector, and the row of unseen values, get the mean of the vectors that
were found: they then start where values are on average, and not where padding is, as they would with zeros.
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
      vocabulary: The feature whose vocabulary the rows follow.
      file: The file of the vectors.
      entries: The number of values in the vocabulary.
      found: The number of those that have a vector.
      tokens: How often the entries occur in the analysed splits; None if frequencies were not asked for.
      tokens_found: How often the entries that have a vector occur there.
    """

    vocabulary: str
    file: str
    entries: int
    found: int
    tokens: int | None = None
    tokens_found: int | None = None


_Coverages = pydantic.TypeAdapter(dict[str, Coverage])


def load_embeddings(transform_output_dir: str, feature: str) -> Matrix | None:
    """Loads the pretrained vectors of a feature's ids.

    Args:
      transform_output_dir: The folder of a `TransformGraph` artifact.
      feature: A transformed feature; one that shares a vocabulary shares its vectors.

    Returns:
      float32 `[num_ids, D]`, row 0 zero, or None if the feature has no pretrained vectors.
    """
    import tensorflow as tf

    coverage = load_coverage(transform_output_dir).get(feature)
    if coverage is None:
        return None
    with tf.io.gfile.GFile(_matrix_path(transform_output_dir, coverage.vocabulary), "rb") as file:
        matrix: Matrix = np.load(file, allow_pickle=False)
    return matrix


def load_coverage(transform_output_dir: str) -> dict[str, Coverage]:
    """Loads the coverage of each feature that has pretrained vectors."""
    import tensorflow as tf

    path = os.path.join(transform_output_dir, _FOLDER, _COVERAGE_FILE)
    if not tf.io.gfile.exists(path):
        return {}
    with tf.io.gfile.GFile(path, "rb") as file:
        return _Coverages.validate_json(file.read())


def save_embeddings(transform_output_dir: str, vocabulary: str, matrix: Matrix) -> None:
    """Saves the vectors of a vocabulary's ids, float32 `[num_ids, D]`."""
    import tensorflow as tf

    tf.io.gfile.makedirs(os.path.join(transform_output_dir, _FOLDER))
    with tf.io.gfile.GFile(_matrix_path(transform_output_dir, vocabulary), "wb") as file:
        np.save(file, matrix, allow_pickle=False)


def save_coverage(transform_output_dir: str, coverages: Mapping[str, Coverage]) -> None:
    """Saves what `load_coverage` reads. `save_embeddings` has made the folder."""
    import tensorflow as tf

    with tf.io.gfile.GFile(os.path.join(transform_output_dir, _FOLDER, _COVERAGE_FILE), "wb") as file:
        file.write(_Coverages.dump_json(dict(coverages), indent=2))


def _matrix_path(transform_output_dir: str, vocabulary: str) -> str:
    return os.path.join(transform_output_dir, _FOLDER, f"{vocabulary}.npy")
