"""An exported model that answers for records: serialized SequenceExamples in, answers out, by length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_sequence.pipeline.prediction.text_model import (
    BATCH_TOKENS,
    ModelError,
    batches,
    find_model,
)
from tfx_sequence.schemas.contract import COUNTS_SUFFIX, LENGTHS, SERVE_SEQUENCES, SERVING_DEFAULT
from tfx_sequence.schemas.spec import Feature, Kind, SequenceSpec

_KINDS: dict[Any, Kind] = {tf.string: "token", tf.int64: "integer", tf.float32: "float"}

Answers = dict[str, Any]
"""Output name to what the model says: one value a step, or one for the record."""


class FileModel:
    """A model, loaded.

    Attributes:
      inputs: What the model reads of a record.
      per_step: The names of the answers that have one value a step.
      per_record: The names of those that have one value.
    """

    def __init__(self, path: str) -> None:
        """Loads a SavedModel, or the newest of a serving folder.

        Raises:
          ModelError: if there is none, or it is not one that answers for records.
        """
        folder = find_model(path)
        # The signature lives only as long as the model does.
        self._model = tf.saved_model.load(folder)
        signatures = self._model.signatures
        for name in (SERVE_SEQUENCES, SERVING_DEFAULT):
            if name not in signatures:
                raise ModelError(f"{folder}: the model has no signature {name!r}, only {', '.join(signatures)}")
        self._answer = signatures[SERVING_DEFAULT]
        self._argument = next(iter(self._answer.structured_input_signature[1]))
        # Their keys are made fit for arguments of Python.
        features = {spec.name: spec for spec in signatures[SERVE_SEQUENCES].structured_input_signature[1].values()}
        self.inputs = SequenceSpec(
            features={name: _feature(spec) for name, spec in sorted(features.items()) if not _is_of_lengths(name)},
            min_length=0,
        )
        outputs = {name: spec for name, spec in self._answer.structured_outputs.items() if name != LENGTHS}
        # [B, T] or [B, T, width] for steps, [B] for records; a record's vector has a width that is known.
        self.per_step = [name for name, spec in outputs.items() if len(spec.shape) > 1 and spec.shape[1] is None]
        self.per_record = [name for name in outputs if name not in self.per_step]

    def answer(self, records: Sequence[bytes], lengths: Sequence[int]) -> list[Answers]:
        """What the model says of each record.

        Args:
          records: B serialized SequenceExamples.
          lengths: The number of steps of each.

        Returns:
          B answers, in the order of the records. Strings are text, numbers are Python's, and vectors lists.
        """
        results: list[Answers] = [{}] * len(records)
        empty = [index for index, length in enumerate(lengths) if not length]
        for batch in [*batches(lengths, BATCH_TOKENS), *([empty] if empty else [])]:
            outputs = self._answer(**{self._argument: tf.constant([records[index] for index in batch])})
            arrays = {name: outputs[name].numpy() for name in (*self.per_step, *self.per_record)}
            for row, index in enumerate(batch):
                steps = {name: _plain(arrays[name][row, : lengths[index]]) for name in self.per_step}
                results[index] = steps | {name: _plain(arrays[name][row]) for name in self.per_record}
        return results


def _is_of_lengths(name: str) -> bool:
    """Whether a tensor is the lengths of records, or those of steps of a nested feature."""
    return name == LENGTHS or name.endswith(COUNTS_SUFFIX)


def _feature(spec: tf.TensorSpec) -> Feature:
    """A feature from its padded tensor: `[B, T]`, `[B, T, width]`, nested `[B, T, V]`; context `[B]`, `[B, width]`."""
    *_, last = spec.shape
    vector = len(spec.shape) > 1 and last is not None
    context = len(spec.shape) - vector == 1
    if vector:
        return Feature(kind="vector", width=last, context=context)
    return Feature(kind=_KINDS[spec.dtype], context=context, nested=len(spec.shape) > 2)


def _plain(values: Any) -> Any:
    if isinstance(values, bytes):
        return values.decode("utf-8", "backslashreplace")
    if isinstance(values, np.ndarray) and values.dtype == object:
        return [_plain(value) for value in values.tolist()]
    return values.tolist()
