"""Pretrained vectors for the vocabularies of a transform graph; how they are kept stands in `schemas.embeddings`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow_transform as tft
from absl import logging

from tfx_sequence.components.sequence_transform.config import VocabularyConfig
from tfx_sequence.components.sequence_transform.graph.vocabulary import frequencies_name
from tfx_sequence.components.sequence_transform.vector_files import VectorsError, read_vectors
from tfx_sequence.schemas.embeddings import Coverage, Matrix, save_coverage, save_embeddings
from tfx_sequence.schemas.spec import FIRST_ID, PAD_ID
from tfx_sequence.schemas.vocabulary import Vocabulary, unescape, vocabulary_of


def write_embeddings(transform_output_dir: str, vocabularies: Mapping[str, VocabularyConfig]) -> dict[str, Coverage]:
    """Writes the vectors of every vocabulary that asks for some, and how much of each they cover.

    Args:
      transform_output_dir: A finished transform graph, with vocabularies made by `make_vocabulary`, or given.
      vocabularies: Their settings, by their names.

    Returns:
      Feature to coverage, for all features that have vectors.

    Raises:
      VectorsError: if a file does not hold vectors, or none for any value of the vocabulary.
      ValueError: if the graph has no vocabulary of a name.
    """
    graph = tft.TFTransformOutput(transform_output_dir)
    coverages: dict[str, Coverage] = {}
    for name, settings in vocabularies.items():
        if settings.embeddings is not None:
            coverage = _write(graph, transform_output_dir, name, settings.embeddings)
            coverages |= dict.fromkeys(_sharing(name, vocabularies), coverage)
    if coverages:
        save_coverage(transform_output_dir, coverages)
    return coverages


def align(vocabulary: Vocabulary, path: str) -> tuple[Matrix, frozenset[bytes]]:
    """The vectors of a vocabulary's ids, from a file.

    Returns:
      float32 `[num_ids, D]`, and the entries that the file has. Of a word that stands there twice the first counts.

    Raises:
      VectorsError: if it has none of them.
    """
    known = {entry: number for number, entry in enumerate(vocabulary.entries, FIRST_ID + len(vocabulary.symbols))}
    matrix: Matrix = np.zeros((0, 0), np.float32)
    found: set[bytes] = set()
    for word, vector in read_vectors(path, known):
        if not found:
            matrix = np.zeros((vocabulary.num_ids, len(vector)), np.float32)
        if word not in found:
            matrix[known[word]] = vector
            found.add(word)
    if not found:
        raise VectorsError(
            f"{path} has a vector for none of the {len(known):,} entries of the vocabulary, such as "
            f"{', '.join(repr(entry.decode(errors='replace')) for entry in vocabulary.entries[:3])}; is it for another "
            "language, or for lower case (set `lowercase`)?"
        )
    rows = np.array(sorted(known[word] for word in found))
    missing = np.ones(len(matrix), bool)
    missing[rows] = missing[PAD_ID] = False
    matrix[missing] = matrix[rows].mean(axis=0, dtype=np.float64)
    return matrix, frozenset(found)


def _write(graph: tft.TFTransformOutput, transform_output_dir: str, name: str, path: str) -> Coverage:
    vocabulary = vocabulary_of(graph, name)
    if vocabulary is None:
        raise ValueError(f"there are `embeddings` for {name!r}, but the transform graph has no vocabulary of that name")
    matrix, found = align(vocabulary, path)
    save_embeddings(transform_output_dir, name, matrix)
    counts = _counts(graph, name)
    coverage = Coverage(
        vocabulary=name,
        file=path,
        entries=len(vocabulary.entries),
        found=len(found),
        tokens=None if counts is None else sum(counts.values()),
        tokens_found=None if counts is None else sum(counts[entry] for entry in found),
    )
    logging.info("pretrained vectors of %s: %s", name, coverage)
    return coverage


def _counts(graph: tft.TFTransformOutput, name: str) -> dict[bytes, int] | None:
    """Entry to how often it occurs, if frequencies were asked for."""
    if graph.vocabulary_file_by_name(frequencies_name(name)) is None:
        return None
    lines: Sequence[bytes] = graph.vocabulary_by_name(frequencies_name(name))
    return {unescape(entry): int(count) for count, entry in (line.split(b" ", 1) for line in lines)}


def _sharing(name: str, vocabularies: Mapping[str, VocabularyConfig]) -> list[str]:
    """The features whose ids are of the vocabulary `name`."""
    sharing = [other for other, settings in vocabularies.items() if settings.share == name]
    made = [made for made in (vocabularies[name].next, vocabularies[name].previous) if made is not None]
    return [name, *sharing, *made]
