"""The model as it is served: raw sequences in, label strings out, with the transform graph inside.

Signatures:

- `serving_default`: `examples`, serialized SequenceExamples, string `[B]`.
- `serve_sequences`: one tensor for each input feature, `[B, T]` (`[B, T, width]`, and `[B]` for context) as they were
  before the transform, and `lengths`, int64 `[B]`.
- `transformed_labels`: `examples`, string `[B]`, to the labels' ids, for evaluation.
- `transform_features`: `examples`, string `[B]`, to everything that training read, padded.

The first two answer, for a label L: `L` strings, `L_id` int64 ids from 1, `L_score` float32, the probability of the
answer; each `[B, T]`, or `[B]` for one label a record; and `lengths` int64 `[B]`. Padded steps answer "", 0 and 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.model import SequenceModel
from tfx_sequence.components.sequence_trainer.parsing import LENGTHS
from tfx_sequence.components.sequence_trainer.task import SequenceTask
from tfx_sequence.schemas.spec import Feature

_EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


class ServingModel(tf.Module):
    """A trained model and its transform graph, as functions of raw data."""

    def __init__(self, model: SequenceModel, task: SequenceTask, transform_output: tft.TFTransformOutput) -> None:
        """Keeps what the exported functions need."""
        super().__init__()
        # A Keras model as an attribute would add a signature of its own, for float inputs: only its weights are kept.
        self._weights = [variable.value for variable in model.variables]
        self._run: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] = partial(model, training=False)
        self._answer = {name: head.predict for name, head in model.heads.items()}
        self._task = task
        self._transform = transform_output.transform_features_layer()
        self._raw_inputs = task.raw.with_role("input")
        self._raw_labels = task.raw.with_role("label")

    def save(self, directory: str) -> None:
        """Writes the SavedModel."""
        tf.saved_model.save(
            self,
            directory,
            signatures={
                "serving_default": tf.function(self.serve_examples).get_concrete_function(_EXAMPLES),
                "serve_sequences": tf.function(self.serve_sequences).get_concrete_function(**self._sequence_specs()),
                "transformed_labels": tf.function(self.transformed_labels).get_concrete_function(_EXAMPLES),
                "transform_features": tf.function(self.transform_features).get_concrete_function(_EXAMPLES),
            },
        )

    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for serialized SequenceExamples `[B]`; they need not have labels."""
        return self._predict(_parse(examples, self._raw_inputs))

    def serve_sequences(self, **features: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for padded raw features and their `lengths`."""
        lengths = features[LENGTHS]
        raw = {
            name: features[name] if feature.context else _to_steps(features[name], lengths)
            for name, feature in self._raw_inputs.items()
        }
        return self._predict(raw)

    def transformed_labels(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """The labels' ids, padded, of serialized SequenceExamples `[B]`.

        Raises:
          tf.errors.InvalidArgumentError: when run on a label that the train split does not have.
        """
        transformed = self._transform(_parse(examples, self._raw_labels))
        return {name: _pad(transformed[name]) for name in self._raw_labels}

    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """All transformed features that training reads, padded, and `lengths`."""
        transformed = self._transform(_parse(examples, {**self._raw_inputs, **self._raw_labels}))
        lengths = self._lengths(transformed)
        return {name: _pad(transformed[name]) for name in self._task.columns} | {LENGTHS: lengths}

    def _predict(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        transformed = self._transform(dict(raw))
        lengths = self._lengths(transformed)
        batch = {item.name: _pad(transformed[item.name]) for item in self._task.inputs}
        outputs = self._run(batch | {LENGTHS: lengths})
        answers = {LENGTHS: lengths}
        for name, answer in self._answer.items():
            answers |= answer(outputs[name], lengths)
        return answers

    def _lengths(self, transformed: Mapping[str, Any]) -> tf.Tensor:
        return next(value.row_lengths() for value in transformed.values() if isinstance(value, tf.RaggedTensor))

    def _sequence_specs(self) -> dict[str, tf.TensorSpec]:
        specs = {}
        for name, feature in self._raw_inputs.items():
            shape: list[int | None] = [None] if feature.context else [None, None]
            shape += [] if feature.width is None else [feature.width]
            specs[name] = tf.TensorSpec(shape, tf.as_dtype(feature.dtype), name=name)
        return specs | {LENGTHS: tf.TensorSpec([None], tf.int64, name=LENGTHS)}


def _parse(examples: tf.Tensor, features: Mapping[str, Feature]) -> dict[str, Any]:
    """Raw features as Transform reads them: sequences `[B, (T), (V)]`, context `[B]` or `[B, width]`."""
    context, sequences, _ = tf.io.parse_sequence_example(
        examples,
        context_features={
            name: tf.io.FixedLenFeature([] if feature.width is None else [feature.width], tf.as_dtype(feature.dtype))
            for name, feature in features.items()
            if feature.context
        },
        sequence_features={
            name: tf.io.RaggedFeature(tf.as_dtype(feature.dtype), row_splits_dtype=tf.int64)
            for name, feature in features.items()
            if not feature.context
        },
    )
    return {**context, **sequences}


def _to_steps(padded: tf.Tensor, lengths: tf.Tensor) -> tf.RaggedTensor:
    """`[B, T]` or `[B, T, width]` to `[B, (T), (V)]`, without the padding."""
    ragged = tf.RaggedTensor.from_tensor(padded, lengths=lengths, row_splits_dtype=tf.int64)
    values = ragged.values
    width = 1 if values.shape.rank == 1 else values.shape[1]
    count = tf.shape(values, out_type=tf.int64)[0]
    steps = tf.RaggedTensor.from_row_splits(tf.reshape(values, [-1]), tf.range(count + 1) * width, validate=False)
    return ragged.with_values(steps)


def _pad(value: Any) -> tf.Tensor:
    """A ragged `[B, (T)]` to `[B, T]` with at least one step; a dense tensor as it is."""
    if not isinstance(value, tf.RaggedTensor):
        return value
    padded = value.to_tensor()
    missing = tf.maximum(1 - tf.shape(padded)[1], 0)
    return tf.pad(padded, [[0, 0], [0, missing], *[[0, 0]] * (padded.shape.rank - 2)])
