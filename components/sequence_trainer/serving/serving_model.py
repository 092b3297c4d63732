"""Exports a trained model as it is served: raw records in, label strings out, with the transform graph inside.

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

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import nested_batch
from tfx_sequence.components.sequence_trainer.model.model import LabelModel
from tfx_sequence.components.sequence_trainer.serving.example_requests import ExampleRequests
from tfx_sequence.components.sequence_trainer.serving.graph_outputs import convert_to_columns
from tfx_sequence.components.sequence_trainer.serving.needed_features import RawFeatures, TransformGraph
from tfx_sequence.components.sequence_trainer.serving.request_decoder import RequestDecoder
from tfx_sequence.components.sequence_trainer.serving.sequence_requests import SequenceRequests
from tfx_sequence.components.sequence_trainer.serving.signatures import RequestKind, trace_signatures
from tfx_sequence.components.sequence_trainer.serving.warmup import write_warmup
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.schemas.contract import (
    CROSS_ENTROPY_SUFFIX,
    EXAMPLES_INPUT,
    LABEL_SUFFIX,
    LENGTH_BUCKET,
    LENGTHS,
)


class ServingModel(tf.Module):
    """A trained model and its transform graph, as functions of raw data.

    The table `signatures.SIGNATURES` says which method a signature runs.

    Args:
      model: The trained model, built.
      task: What it reads and predicts.
      transform_output: The transform graph.
    """

    def __init__(self, model: LabelModel, task: SequenceTask, transform_output: tft.TFTransformOutput) -> None:
        super().__init__()
        # TensorFlow exports every layer that is an attribute, and a Keras model would add a signature of its own, for
        # float inputs. So the model is kept in a closure, and beside it the weights, which must be attributes to be
        # saved. `weight_index` finds them in the checkpoint as `_weights/<index in model.variables>`.
        self._weights = [variable.value for variable in model.variables]
        self._run_model: Callable[[Batch], dict[str, tf.Tensor]] = lambda batch: model(batch, training=False)
        self._predict = {name: head.predict for name, head in model.heads.items()}
        self._cross_entropy = {name: head.cross_entropy for name, head in model.heads.items()}
        self._task = task
        # This one is an attribute on purpose: it holds the vocabularies' tables, and their files become assets.
        self._graph: TransformGraph = transform_output.transform_features_layer()
        self._requests = _make_decoder(task, self._graph)

    def save(self, directory: str) -> None:
        """Writes the SavedModel, and the requests that TensorFlow Serving warms it up with."""
        specs: dict[RequestKind, Any] = {"examples": tf.TensorSpec([None], tf.string, name=EXAMPLES_INPUT)}
        if padded := self._requests.padded_specs():
            specs["sequences"] = padded
        tf.saved_model.save(self, directory, signatures=trace_signatures(self, specs))
        write_warmup(directory, self._requests.make_example)

    def answer_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers serialized records `[B]`, which need not have labels."""
        return self._answer_raw(self._requests.decode_inputs(examples))

    def answer_sequences(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers padded raw features and their `lengths`."""
        return self._answer_raw(self._requests.decode_padded(features))

    def answer_evaluation(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers serialized records `[B]`, and adds their labels and how unlikely these are.

        Raises:
          tf.errors.InvalidArgumentError: when run on a label that the train split does not have.
        """
        batch = self.transform_features(examples)
        outputs = self._run_model(batch)
        answers = self._answer_outputs(outputs, batch[LENGTHS])
        for label in self._task.labels:
            truth = batch[label.name]
            # Id 0 is padding, whose string is empty.
            answers[label.name + LABEL_SUFFIX] = tf.gather([b"", *label.classes], truth) if label.classes else truth
            nats = self._cross_entropy[label.name](outputs[label.name], batch)
            if nats is not None:
                answers[label.name + CROSS_ENTROPY_SUFFIX] = nats
        # TFMA takes sequences of unequal length only if they are flat: the numbers of one step follow on each other.
        return {name: _flatten_steps(value) for name, value in answers.items()}

    def compute_slices(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes what serialized records `[B]` may be sliced by."""
        lengths = _find_lengths(self._transform(self._requests.decode_inputs(examples)))
        return {LENGTH_BUCKET: _name_length_buckets(lengths)}

    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Transforms serialized records `[B]` to a batch of all that training reads."""
        transformed = self._transform(self._requests.decode_all(examples))
        return self._make_batch(transformed, self._task.columns)

    def transform_labels(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Transforms serialized records `[B]` to the padded ids, or numbers, of their labels.

        Raises:
          tf.errors.InvalidArgumentError: when run on a label that the train split does not have.
        """
        transformed = self._transform(self._requests.decode_labels(examples))
        return {name: _pad(transformed[name]) for name in self._predict}

    def _answer_raw(self, raw: RawFeatures) -> dict[str, tf.Tensor]:
        batch = self._make_batch(self._transform(raw), [item.name for item in self._task.inputs])
        return self._answer_outputs(self._run_model(batch), batch[LENGTHS])

    def _answer_outputs(self, outputs: Mapping[str, tf.Tensor], lengths: tf.Tensor) -> dict[str, tf.Tensor]:
        answers = {LENGTHS: lengths}
        for name, predict in self._predict.items():
            answers |= predict(outputs[name], lengths)
        return answers

    def _transform(self, raw: RawFeatures) -> dict[str, Any]:
        """Returns those columns that can be made of the raw features, without padding."""
        return convert_to_columns(self._graph(dict(raw)), self._task.columns)

    def _make_batch(self, transformed: Mapping[str, Any], names: Iterable[str]) -> dict[str, tf.Tensor]:
        """Pads these columns as training batches are padded, and adds `lengths`."""
        batch: dict[str, tf.Tensor] = {}
        for name in names:
            value = transformed[name]
            batch |= nested_batch(name, value) if self._task.columns[name].nested else {name: _pad(value)}
        return batch | {LENGTHS: _find_lengths(transformed)}


def _make_decoder(task: SequenceTask, graph: TransformGraph) -> RequestDecoder:
    if task.raw_examples:
        return ExampleRequests(task.raw_examples, graph, [item.name for item in task.inputs], task.columns)
    return SequenceRequests(task.raw, [label.name for label in task.labels], graph, task.columns)


def _find_lengths(transformed: Mapping[str, Any]) -> tf.Tensor:
    """Returns the steps of each record, `[B]`; `convert_to_columns` has checked that all sequences have as many."""
    return next(value.row_lengths() for value in transformed.values() if isinstance(value, tf.RaggedTensor))


def _pad(value: Any) -> tf.Tensor:
    """Pads a ragged `[B, (T)]` to `[B, T]` with at least one step; returns a dense tensor as it is."""
    if not isinstance(value, tf.RaggedTensor):
        return value
    padded = value.to_tensor()
    missing = tf.maximum(1 - tf.shape(padded)[1], 0)
    return tf.pad(padded, [[0, 0], [0, missing], *[[0, 0]] * (padded.shape.rank - 2)])


def _flatten_steps(value: tf.Tensor) -> tf.Tensor:
    """Reshapes `[B, T, W]` to `[B, T * W]`; returns any other tensor as it is."""
    shape = tf.shape(value)
    return tf.reshape(value, [shape[0], shape[1] * shape[2]]) if value.shape.rank == 3 else value


def _name_length_buckets(lengths: tf.Tensor) -> tf.Tensor:
    """Names the bucket of each number of steps, `[B]`; a bucket ends at a power of two.

    ::

        lengths     0   1   2   3     4     5     8     9
        last        1   1   2   4     4     8     8     16        the least power of two that is not less
        bucket      0   1   2   3-4   3-4   5-8   5-8   9-16
    """
    powers = tf.constant([2**exponent for exponent in range(31)], lengths.dtype)
    last = tf.gather(powers, tf.searchsorted(powers, lengths))
    exact, first = tf.strings.as_string(lengths), tf.strings.as_string(last // 2 + 1)
    return tf.where(lengths <= 2, exact, tf.strings.join([first, tf.strings.as_string(last)], "-"))
