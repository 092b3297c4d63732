"""Loads an exported model that reads whole records, and asks the model about serialized SequenceExamples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_sequence.pipeline.prediction.saved_model import BATCH_TOKENS, ModelError, find_model, group_by_length
from tfx_sequence.schemas.contract import COUNTS_SUFFIX, LENGTHS, SERVE_SEQUENCES, SERVING_DEFAULT
from tfx_sequence.schemas.spec import Feature, Kind, SequenceSpec

_KINDS: dict[Any, Kind] = {tf.string: "token", tf.int64: "integer", tf.float32: "float"}
"""The dtype of an input tensor to the kind of its feature."""

Answer = dict[str, Any]
"""The model's answer about one record: output name to a list with one value per step, or to one value."""


class RecordModel:
    """An exported model that predicts labels or numbers from whole records.

    Args:
      path: The path of a SavedModel, or of a serving folder, whose newest version is loaded.

    Attributes:
      inputs: The features of a record that the model reads.
      per_step: The names of the outputs that have one value per step.
      per_record: The names of the outputs that have one value per record.

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
                raise ModelError(f"{folder}: the model has no signature {name!r}, only {', '.join(signatures)}")
        self._signature = signatures[SERVING_DEFAULT]
        self._argument = next(iter(self._signature.structured_input_signature[1]))
        self.inputs = _read_inputs(signatures[SERVE_SEQUENCES])
        outputs = {name: spec for name, spec in self._signature.structured_outputs.items() if name != LENGTHS}
        # An output with one value per step has the shape [B, None] or [B, None, width]. An output with one value per
        # record has the shape [B] or [B, width], where the width is known and so is not None.
        self.per_step = [name for name, spec in outputs.items() if len(spec.shape) > 1 and spec.shape[1] is None]
        self.per_record = [name for name in outputs if name not in self.per_step]

    def answer(self, records: Sequence[bytes], lengths: Sequence[int]) -> list[Answer]:
        """Returns the model's answers about records.

        Args:
          records: B serialized SequenceExamples.
          lengths: The number of steps of each record.

        Returns:
          B answers, in the order of the records. The values are strings, numbers and lists of Python.
        """
        answers: list[Answer] = [{}] * len(records)
        for batch in self._group(lengths):
            serialized = tf.constant([records[index] for index in batch])
            outputs = self._signature(**{self._argument: serialized})
            arrays = {name: outputs[name].numpy() for name in (*self.per_step, *self.per_record)}
            for row, index in enumerate(batch):
                answers[index] = self._read_answer(arrays, row, lengths[index])
        return answers

    def _read_answer(self, arrays: Mapping[str, np.ndarray[Any, Any]], row: int, length: int) -> Answer:
        """Returns the answer in one row of a batch, without the values of padded steps."""
        answer: Answer = {name: _to_python(arrays[name][row, :length]) for name in self.per_step}
        answer |= {name: _to_python(arrays[name][row]) for name in self.per_record}
        return answer

    def _group(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Yields the indices of the records of each batch."""
        yield from group_by_length(lengths, BATCH_TOKENS)
        # `group_by_length` leaves out records without steps. They still have answers about the whole record.
        empty = [index for index, length in enumerate(lengths) if not length]
        if empty:
            yield empty


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
    *_, last = spec.shape
    is_vector = len(spec.shape) > 1 and last is not None
    is_context = len(spec.shape) - is_vector == 1
    if is_vector:
        return Feature(kind="vector", width=last, context=is_context)
    return Feature(kind=_KINDS[spec.dtype], context=is_context, nested=len(spec.shape) > 2)


def _to_python(values: Any) -> Any:
    """Converts a value or an array of NumPy to values of Python. Bytes are decoded as UTF-8."""
    if isinstance(values, bytes):
        return values.decode("utf-8", "backslashreplace")
    if isinstance(values, np.ndarray) and values.dtype == object:
        return [_to_python(value) for value in values.tolist()]
    return values.tolist()
