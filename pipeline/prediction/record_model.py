"""Loads an exported model that reads whole records, and gives its answers for serialized SequenceExamples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_sequence.pipeline.prediction.saved_model import BATCH_TOKENS, ModelError, find_model, group_by_length
from tfx_sequence.schemas.contract import COUNTS_SUFFIX, LENGTHS, SERVE_SEQUENCES, SERVING_DEFAULT
from tfx_sequence.schemas.spec import Feature, Kind, SequenceSpec

_KINDS: dict[Any, Kind] = {tf.string: "token", tf.int64: "integer", tf.float32: "float"}

Answer = dict[str, Any]
"""Output name to the model's answer about one record: a list with one value a step, or one value."""


class RecordModel:
    """An exported model that answers about records.

    Args:
      path: A SavedModel, or a serving folder, of which the newest version is loaded.

    Attributes:
      inputs: The features of a record that the model reads.
      per_step: The names of the answers that have one value a step.
      per_record: The names of those that have one value.

    Raises:
      ModelError: if there is no model, or it is not one that answers about records.
    """

    def __init__(self, path: str) -> None:
        folder = find_model(path)
        # The signature lives only as long as the model does.
        self._model = tf.saved_model.load(folder)
        signatures = self._model.signatures
        for name in (SERVE_SEQUENCES, SERVING_DEFAULT):
            if name not in signatures:
                raise ModelError(f"{folder}: the model has no signature {name!r}, only {', '.join(signatures)}")
        self._signature = signatures[SERVING_DEFAULT]
        self._argument = next(iter(self._signature.structured_input_signature[1]))
        self.inputs = _read_inputs(signatures[SERVE_SEQUENCES])
        outputs = {name: spec for name, spec in self._signature.structured_outputs.items() if name != LENGTHS}
        # [B, T] or [B, T, width] for steps, [B] for records. A vector of a record has a known width, not None.
        self.per_step = [name for name, spec in outputs.items() if len(spec.shape) > 1 and spec.shape[1] is None]
        self.per_record = [name for name in outputs if name not in self.per_step]

    def answer(self, records: Sequence[bytes], lengths: Sequence[int]) -> list[Answer]:
        """Returns the model's answer about each record.

        Args:
          records: B serialized SequenceExamples.
          lengths: The number of steps of each.

        Returns:
          B answers, in the order of the records. Strings are text, numbers are Python's, and vectors lists.
        """
        answers: list[Answer] = [{}] * len(records)
        for batch in self._group(lengths):
            outputs = self._signature(**{self._argument: tf.constant([records[index] for index in batch])})
            arrays = {name: outputs[name].numpy() for name in (*self.per_step, *self.per_record)}
            for row, index in enumerate(batch):
                steps = {name: _to_python(arrays[name][row, : lengths[index]]) for name in self.per_step}
                whole = {name: _to_python(arrays[name][row]) for name in self.per_record}
                answers[index] = steps | whole
        return answers

    def _group(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        yield from group_by_length(lengths, BATCH_TOKENS)
        # Records without steps have answers too, about the record as a whole.
        empty = [index for index, length in enumerate(lengths) if not length]
        if empty:
            yield empty


def _read_inputs(signature: Any) -> SequenceSpec:
    """Derives the features that a model reads from its signature for padded sequences."""
    # By the names of the tensors: the keys are changed to fit as arguments of Python.
    specs = {spec.name: spec for spec in signature.structured_input_signature[1].values()}
    features = {name: _derive_feature(spec) for name, spec in sorted(specs.items()) if not _holds_lengths(name)}
    return SequenceSpec(features=features, min_length=0)


def _holds_lengths(name: str) -> bool:
    """Returns whether a tensor holds the lengths of records, or how many values each step of a nested feature has."""
    return name == LENGTHS or name.endswith(COUNTS_SUFFIX)


def _derive_feature(spec: tf.TensorSpec) -> Feature:
    """Derives a feature from its padded tensor.

    A sequence feature is `[B, T]`, a vector `[B, T, width]`, a nested one `[B, T, V]`; a context feature `[B]`, a
    vector `[B, width]`. Only widths are known, B, T and V are None.
    """
    *_, last = spec.shape
    is_vector = len(spec.shape) > 1 and last is not None
    is_context = len(spec.shape) - is_vector == 1
    if is_vector:
        return Feature(kind="vector", width=last, context=is_context)
    return Feature(kind=_KINDS[spec.dtype], context=is_context, nested=len(spec.shape) > 2)


def _to_python(values: Any) -> Any:
    if isinstance(values, bytes):
        return values.decode("utf-8", "backslashreplace")
    if isinstance(values, np.ndarray) and values.dtype == object:
        return [_to_python(value) for value in values.tolist()]
    return values.tolist()
