"""Adds pretrained vectors to a finished transform graph, with one row per id of a vocabulary.

The module `schemas.embeddings` describes the files that are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow_transform as tft
from absl import logging

from tfx_sequence.components.sequence_transform.config import VocabularyConfig
from tfx_sequence.components.sequence_transform.graph.vocabulary import make_frequencies_name
from tfx_sequence.components.sequence_transform.vector_files import VectorsError, read_vectors
from tfx_sequence.schemas.embeddings import Coverage, Matrix, save_coverage, save_embeddings
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID
from tfx_sequence.schemas.vocabulary import Vocabulary, read_vocabulary, unescape


def write_embeddings(transform_output_dir: str, vocabularies: Mapping[str, VocabularyConfig]) -> dict[str, Coverage]:
    """Writes the vectors of every vocabulary that sets `embeddings`, and how many of its entries have a vector.

    Args:
      transform_output_dir: The folder of a finished transform graph. `make_vocabulary` or `add_vocabulary_file` must
        have added its vocabularies.
      vocabularies: Name of a vocabulary to its settings.

    Returns:
      Name of a feature to the coverage of its vocabulary, for all features that have vectors.

    Raises:
      VectorsError: if a file does not hold vectors, or has no vector for any value of the vocabulary.
      ValueError: if the graph does not have a vocabulary that sets `embeddings`.
    """
    graph = tft.TFTransformOutput(transform_output_dir)
    coverages: dict[str, Coverage] = {}
    for name, settings in vocabularies.items():
        if settings.embeddings is not None:
            coverage = _write_vectors(graph, transform_output_dir, name, settings.embeddings)
            coverages |= dict.fromkeys(_list_features_of_vocabulary(name, vocabularies), coverage)
    if coverages:
        save_coverage(transform_output_dir, coverages)
    return coverages


def align_vectors(vocabulary: Vocabulary, path: str) -> tuple[Matrix, frozenset[bytes]]:
    """Reads the vectors of a file into a matrix whose rows are the ids of a vocabulary.

        ids        0 padding   1 "the"   2 "cat"   3 unseen values
        matrix     0           vector    mean      mean              if the file has "the" and no "cat"

    A value without a vector gets the mean of the vectors that were found. Zeros would make the value equal to padding.
    If the file has several vectors for a word, the first vector is used.

    Args:
      vocabulary: The vocabulary.
      path: The path of a file that `read_vectors` can read.

    Returns:
      The matrix, float32 `[num_ids, D]`, and the entries of the vocabulary for which the file has a vector.

    Raises:
      VectorsError: if the file has no vector for any entry.
    """
    first_id = FIRST_ID + len(vocabulary.symbols)
    id_by_entry = {entry: id_ for id_, entry in enumerate(vocabulary.entries, first_id)}
    matrix: Matrix = np.zeros((0, 0), np.float32)
    entries_with_vector: set[bytes] = set()
    for word, vector in read_vectors(path, id_by_entry):
        if not entries_with_vector:  # The width is not known before the first vector.
            matrix = np.zeros((vocabulary.num_ids, len(vector)), np.float32)
        if word not in entries_with_vector:
            matrix[id_by_entry[word]] = vector
            entries_with_vector.add(word)
    if not entries_with_vector:
        examples = ", ".join(repr(entry.decode(errors="replace")) for entry in vocabulary.entries[:3])
        raise VectorsError(
            f"{path} has a vector for none of the {len(id_by_entry):,} entries of the vocabulary, such as {examples}; "
            "is it for another language, or for lower case (set `lowercase`)?"
        )
    ids_with_vector = np.array(sorted(id_by_entry[entry] for entry in entries_with_vector))
    is_missing = np.ones(len(matrix), bool)
    is_missing[ids_with_vector] = False
    is_missing[PAD_ID] = False
    # The mean is computed in float64, because float32 would lose precision over many vectors.
    matrix[is_missing] = matrix[ids_with_vector].mean(axis=0, dtype=np.float64)
    return matrix, frozenset(entries_with_vector)


def _write_vectors(graph: tft.TFTransformOutput, transform_output_dir: str, name: str, path: str) -> Coverage:
    vocabulary = read_vocabulary(graph, name)
    if vocabulary is None:
        raise ValueError(f"there are `embeddings` for {name!r}, but the transform graph has no vocabulary of that name")
    matrix, entries_with_vector = align_vectors(vocabulary, path)
    save_embeddings(transform_output_dir, name, matrix)
    counts = _read_counts(graph, name)
    coverage = Coverage(
        vocabulary=name,
        file=path,
        entries=len(vocabulary.entries),
        found=len(entries_with_vector),
        tokens=None if counts is None else sum(counts.values()),
        tokens_found=None if counts is None else sum(counts[entry] for entry in entries_with_vector),
    )
    logging.info("pretrained vectors of %s: %s", name, coverage)
    return coverage


def _read_counts(graph: tft.TFTransformOutput, name: str) -> dict[bytes, int] | None:
    """Reads the number of times that each entry occurs; None if `frequencies` is not set."""
    if graph.vocabulary_file_by_name(make_frequencies_name(name)) is None:
        return None
    lines: Sequence[bytes] = graph.vocabulary_by_name(make_frequencies_name(name))
    counts = {}
    for line in lines:  # Each line is a count, a space and the escaped entry.
        count, entry = line.split(b" ", 1)
        counts[unescape(entry)] = int(count)
    return counts


def _list_features_of_vocabulary(name: str, vocabularies: Mapping[str, VocabularyConfig]) -> list[str]:
    """Returns the names of the features whose ids come from the vocabulary `name`."""
    sharing_features = [other for other, settings in vocabularies.items() if settings.share == name]
    targets = [target for target in (vocabularies[name].next, vocabularies[name].previous) if target is not None]
    return [name, *sharing_features, *targets]
