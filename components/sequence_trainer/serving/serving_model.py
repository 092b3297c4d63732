"""The model as it is served: raw sequences in, label strings out, with the transform graph inside.

Signatures:

- `serving_default`: `examples`, serialized records as they were before the transform, string `[B]`: SequenceExamples,
  or tf.Examples if the transform read those.
- `serve_sequences`: one tensor for each input feature, `[B, T]` (`[B, T, width]`, and `[B]` for context) as they were
  before the transform, and `lengths`, int64 `[B]`. A nested feature is `[B, T, V]`, and `<name>/lengths`, int64
  `[B, T]`, says how many values its steps have. There is no such signature if the inputs are made of something else,
  such as a text that the transform splits.
- `bulk_inference`: as `serving_default`, but the string of one label a record is `[B, 1]`: stock BulkInferrer fails
  on `[B]`.
- `transform_features`: `examples`, string `[B]`, to everything that training read, padded.
- `transformed_labels`: `examples`, string `[B]`, to the labels' ids; stock TFMA metrics look for it.
- `evaluation`: `examples`, string `[B]`, to what `serving_default` answers, and for a label L to the labels themselves,
  `L_label`, as `L`, and `L_cross_entropy`, `[B]`, in nats, of all of a record's labels together.
- `slices`: `examples`, string `[B]`, to what TFMA may slice by: `length_bucket`, string `[B]`, `0`, `1`, `2`, `3-4`,
  `5-8`, `9-16`, ... steps.

The first two answer, for a label L: `L` strings, `L_id` int64 ids from 1, `L_score` float32, the probability of the
answer; each `[B, T]`, or `[B]` for one label a record; and `lengths` int64 `[B]`. Padded steps answer "", 0 and 0. For
a label that is a number, `L` is float32, and there is no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import nested_batch
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.serving.example_requests import RawExamples
from tfx_sequence.components.sequence_trainer.serving.graph_outputs import to_columns
from tfx_sequence.components.sequence_trainer.serving.sequence_requests import RawSequences
from tfx_sequence.components.sequence_trainer.serving.warmup import write_warmup
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.contract import LENGTHS

_EXAMPLES = tf.TensorSpec([None], tf.string, name="examples")


class ServingModel(tf.Module):
    """A trained model and its transform graph, as functions of raw data."""

    def __init__(self, model: SequenceModel, task: SequenceTask, transform_output: tft.TFTransformOutput) -> None:
        """Keeps what the exported functions need."""
        super().__init__()
        # A Keras model as an attribute would add a signature of its own, for float inputs: only its weights are kept.
        self._weights = [variable.value for variable in model.variables]
        self._run: Callable[[dict[str, tf.Tensor]], dict[str, tf.Tensor]] = lambda batch: model(batch, training=False)
        self._answer = {name: head.predict for name, head in model.heads.items()}
        self._cross_entropy = {name: head.cross_entropy for name, head in model.heads.items()}
        self._task = task
        self._graph = transform_output.transform_features_layer()
        self._raw: RawSequences | RawExamples
        if task.raw_examples:
            inputs = [item.name for item in task.inputs]
            self._raw = RawExamples(task.raw_examples, self._graph, inputs, task.columns)
        else:
            self._raw = RawSequences(task.raw, self._answer, self._graph, task.columns)

    def save(self, directory: str) -> None:
        """Writes the SavedModel, and the requests that TensorFlow Serving warms it up with."""
        # One function, which two signatures call: its graph is written once.
        answer = tf.function(self.serve_examples, input_signature=[_EXAMPLES])
        of_examples = {
            contract.SERVING_DEFAULT: answer,
            contract.BULK_INFERENCE: lambda examples: _rows(answer(examples)),
            contract.TRANSFORM_FEATURES: self.transform_features,
            contract.TRANSFORMED_LABELS: self.transformed_labels,
            contract.EVALUATION: self.evaluation,
            contract.SLICES: self.slices,
        }
        signatures = {
            name: tf.function(function).get_concrete_function(_EXAMPLES) for name, function in of_examples.items()
        }
        if specs := self._raw.padded_specs():
            signatures[contract.SERVE_SEQUENCES] = tf.function(self.serve_sequences).get_concrete_function(specs)
        tf.saved_model.save(self, directory, signatures=signatures)
        write_warmup(directory, self._raw.example)

    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for serialized records `[B]`; they need not have labels."""
        return self._predict(self._raw.inputs(examples))

    def serve_sequences(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers for padded raw features and their `lengths`."""
        return self._predict(self._raw.from_padded(features))

    def transformed_labels(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """The labels' ids, padded, of serialized records `[B]`.

        Raises:
          tf.errors.InvalidArgumentError: when run on a label that the train split does not have.
        """
        transformed = self._transform(self._raw.labels(examples))
        return {name: _pad(transformed[name]) for name in self._answer}

    def evaluation(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers for serialized records `[B]`, the labels, and how unlikely they are.

        Raises:
          tf.errors.InvalidArgumentError: when run on a label that the train split does not have.
        """
        batch = self.transform_features(examples)
        outputs = self._run(batch)
        answers = self._answers(outputs, batch[LENGTHS])
        for label in self._task.labels:
            truth = batch[label.name]
            answers[f"{label.name}_label"] = tf.gather([b"", *label.classes], truth) if label.classes else truth
            nats = self._cross_entropy[label.name](outputs[label.name], batch)
            if nats is not None:
                answers[f"{label.name}_cross_entropy"] = nats
        # TFMA takes sequences of unequal length only if they are flat: the numbers of one step follow on each other.
        return {name: _flat(value) for name, value in answers.items()}

    def slices(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """What serialized records `[B]` may be sliced by."""
        lengths = _lengths(self._transform(self._raw.inputs(examples)))
        return {"length_bucket": _length_bucket(lengths)}

    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """All transformed features that training reads, padded, and `lengths`."""
        transformed = self._transform(self._raw.all(examples))
        lengths = _lengths(transformed)
        return self._batch(transformed, self._task.columns) | {LENGTHS: lengths}

    def _predict(self, raw: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        transformed = self._transform(raw)
        lengths = _lengths(transformed)
        batch = self._batch(transformed, [item.name for item in self._task.inputs])
        return self._answers(self._run(batch | {LENGTHS: lengths}), lengths)

    def _answers(self, outputs: Mapping[str, tf.Tensor], lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = {LENGTHS: lengths}
        for name, answer in self._answer.items():
            answers |= answer(outputs[name], lengths)
        return answers

    def _batch(self, transformed: Mapping[str, Any], names: Iterable[str]) -> dict[str, tf.Tensor]:
        """These columns as training batches have them."""
        batch: dict[str, tf.Tensor] = {}
        for name in names:
            value = transformed[name]
            batch |= nested_batch(name, value) if self._task.columns[name].nested else {name: _pad(value)}
        return batch

    def _transform(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """What is made of raw features, as far as training reads it."""
        return to_columns(self._graph(dict(raw)), self._task.columns)


def _lengths(transformed: Mapping[str, Any]) -> tf.Tensor:
    return next(value.row_lengths() for value in transformed.values() if isinstance(value, tf.RaggedTensor))


def _pad(value: Any) -> tf.Tensor:
    """A ragged `[B, (T)]` to `[B, T]` with at least one step; a dense tensor as it is."""
    if not isinstance(value, tf.RaggedTensor):
        return value
    padded = value.to_tensor()
    missing = tf.maximum(1 - tf.shape(padded)[1], 0)
    return tf.pad(padded, [[0, 0], [0, missing], *[[0, 0]] * (padded.shape.rank - 2)])


def _rows(answers: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The answers, strings `[B]` among them as `[B, 1]`."""
    return {
        name: value[:, None] if value.dtype == tf.string and value.shape.rank == 1 else value
        for name, value in answers.items()
    }


def _flat(value: tf.Tensor) -> tf.Tensor:
    """`[B, T, W]` to `[B, T * W]`; any other tensor as it is."""
    shape = tf.shape(value)
    return tf.reshape(value, [shape[0], shape[1] * shape[2]]) if value.shape.rank == 3 else value


def _length_bucket(lengths: tf.Tensor) -> tf.Tensor:
    """Numbers of steps, integers `[B]`, to `0`, `1`, `2`, `3-4`, `5-8`, ...: from past a power of two to the next."""
    powers = tf.constant([2**power for power in range(31)], lengths.dtype)
    last = tf.gather(powers, tf.searchsorted(powers, lengths))
    one, several = tf.strings.as_string(lengths), tf.strings.as_string(last // 2 + 1)
    return tf.where(lengths <= 2, one, tf.strings.join([several, tf.strings.as_string(last)], "-"))
