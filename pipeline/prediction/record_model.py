"""Loads an exported model that reads whole records, and asks the model about serialized SequenceExamples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfx_sequence.pipeline.prediction.answer_reader import AnswerReader
from tfx_sequence.pipeline.prediction.answers import Answer
from tfx_sequence.pipeline.prediction.saved_model import BATCH_TOKENS, ModelError, find_model, group_by_length
from tfx_sequence.schemas.contract import COUNTS_SUFFIX, LENGTHS, SERVE_SEQUENCES, SERVING_DEFAULT
from tfx_sequence.schemas.spec import Feature, Kind, SequenceSpec

_KINDS: dict[Any, Kind] = {tf.string: "token", tf.int64: "integer", tf.float32: "float"}
"""The dtype of an input tensor to the kind of its feature."""


class RecordModel:
    """An exported model that predicts labels or numbers from whole records.

    Args:
      path: The path of a SavedModel, or of a serving folder, whose newest version is loaded.

    Attributes:
      inputs: The features of a record that the model reads.
      answer_names: The names of the model's answers about a record.

    Raises:
      ModelError: if there is no model at the path, or if the model lacks a signature that this package exports.
    """

    def __init__(self, path: str) -> None:
        folder = find_model(path)
        # A signature can be called only as long as its model exists, so the model is kept.
        self._model = tf.saved_model.load(folder)
        signatures = self._model.signatures
        for name in (SERVE_SEQUENCES, SERVING_DEFAULT):
            if name not in signatures:
                names = ", ".join(signatures) or "none"
                raise ModelError(
                    f"{folder}: the model has no signature {name!r}, only {names}; export it with SequenceTrainer"
                )
        self._signature = signatures[SERVING_DEFAULT]
        self._argument = next(iter(self._signature.structured_input_signature[1]))
        self.inputs = _read_inputs(signatures[SERVE_SEQUENCES])
        self._reader = AnswerReader(self._model, self._signature)
        self.answer_names = self._reader.names

    def answer(self, records: Sequence[bytes], lengths: Sequence[int]) -> list[Answer]:
        """Returns the model's answers about records.

        Args:
          records: B serialized SequenceExamples.
          lengths: The number of steps of each record.

        Returns:
          B answers, in the order of the records.
        """
        answers: dict[int, Answer] = {}
        for batch in group_by_length(lengths, BATCH_TOKENS):
            serialized = tf.constant([records[index] for index in batch])
            tensors = self._signature(**{self._argument: serialized})
            outputs = {name: value.numpy() for name, value in tensors.items()}
            for row, index in enumerate(batch):
                answers[index] = self._reader.read(outputs, row, lengths[index])
        return [answers[index] for index in range(len(records))]


def _read_inputs(signature: Any) -> SequenceSpec:
    """Derives the features that a model reads from its signature for padded sequences."""
    # The names of the tensors are the names of the features. The keys are not: TensorFlow changes a key that cannot be
    # the name of an argument in Python.
    specs = {spec.name: spec for spec in signature.structured_input_signature[1].values()}
    features = {name: _derive_feature(spec) for name, spec in sorted(specs.items()) if not _holds_lengths(name)}
    return SequenceSpec(features=features, min_length=0)


def _holds_lengths(name: str) -> bool:
    """Returns whether a tensor has the lengths of records, or the number of values per step of a nested feature."""
    return name == LENGTHS or name.endswith(COUNTS_SUFFIX)


def _derive_feature(spec: tf.TensorSpec) -> Feature:
    """Derives a feature from its padded tensor.

    A sequence feature has the shape `[B, T]`, or `[B, T, width]` if it is a vector, or `[B, T, V]` if it is nested. A
    context feature has the shape `[B]`, or `[B, width]` if it is a vector. Only a width is known. B, T and V are None.
    """
    rank = len(spec.shape)
    last_size = spec.shape[-1]
    is_vector = rank > 1 and last_size is not None
    if is_vector:
        return Feature(kind="vector", width=last_size, context=rank == 2)
    return Feature(kind=_KINDS[spec.dtype], context=rank == 1, nested=rank > 2)
