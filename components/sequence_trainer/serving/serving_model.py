"""Defines ServingModel, which exports a trained model with its transform graph as a SavedModel that takes raw records.

The SavedModel has these signatures:

- `serving_default` takes `examples`, string `[B]`: serialized records in the form that the transform read. These are
  SequenceExamples, or tf.Examples if the transform read tf.Examples. It returns the answers that are described below.
- `serve_sequences` takes one tensor per raw input and `lengths`, int64 `[B]`. A sequence has the shape `[B, T]` or
  `[B, T, width]`, and a context feature `[B]`. A nested feature has the shape `[B, T, V]`, and a second tensor
  `<name>/lengths`, int64 `[B, T]`, contains the number of values of each step. It returns the same answers. A model has
  no such signature if an input cannot be a padded sequence, such as a text that the transform splits into steps.
- `bulk_inference` is like `serving_default`, but strings `[B]` in its answers have the shape `[B, 1]`, because the
  stock BulkInferrer fails on strings `[B]`.
- `transform_features` takes `examples`, and returns all features that training reads, padded.
- `transformed_labels` takes `examples`, and returns the ids of the labels. Stock metrics of TFMA look for it.
- `evaluation` takes `examples`, and returns the answers, and for each label L two more outputs. `L_label` is the label
  of the record, in the form of `L`. `L_cross_entropy`, `[B]`, is the cross entropy in nats of all labels of a record.
  If the data has weights, the cross entropy of each label is multiplied by its weight, and `L_weight`, float32 `[B]` or
  `[B, T]`, is the weight.
- `slices` takes `examples`, and returns the features by which TFMA may slice. `length_bucket`, string `[B]`, is the
  number of steps: `0`, `1`, `2`, `3-4`, `5-8`, `9-16`, ...

The answers are `lengths`, int64 `[B]`, and three outputs for each label L. `L` is a string, `L_id` is its id from 1,
int64, and `L_score` is the probability of the answer, float32. The shape is `[B, T]`, or `[B]` for a label of the whole
record. `lengths` is the number of steps that the model read, which is smaller than that of the record if the transform
cut off steps (`max_steps`). Steps that the transform adds (`begin`, `end`) are counted, and have answers too. At steps
that the model did not read, and at padded steps, the outputs are "", 0 and 0. If a label is a number, `L` is float32,
and there is no `L_id` and no `L_score`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import pad_nested
from tfx_sequence.components.sequence_trainer.model.heads.base import Outputs
from tfx_sequence.components.sequence_trainer.model.model import LabelModel, make_inference_function
from tfx_sequence.components.sequence_trainer.serving.added_steps import find_added_steps
from tfx_sequence.components.sequence_trainer.serving.example_requests import ExampleRequests
from tfx_sequence.components.sequence_trainer.serving.graph_outputs import convert_to_columns, pad_steps
from tfx_sequence.components.sequence_trainer.serving.length_groups import Columns, HeadAnswers, answer_by_length
from tfx_sequence.components.sequence_trainer.serving.needed_features import AnyTensor, RawFeatures, TransformGraph
from tfx_sequence.components.sequence_trainer.serving.request_decoder import RequestDecoder
from tfx_sequence.components.sequence_trainer.serving.sequence_requests import SequenceRequests
from tfx_sequence.components.sequence_trainer.serving.signatures import RequestKind, RequestSpec, trace_signatures
from tfx_sequence.components.sequence_trainer.serving.warmup import write_warmup
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.schemas.contract import (
    ADDED_STEPS,
    CROSS_ENTROPY_SUFFIX,
    EXAMPLES_INPUT,
    LABEL_SUFFIX,
    LENGTH_BUCKET,
    LENGTHS,
    WEIGHT_SUFFIX,
)


class ServingModel(tf.Module):
    """A trained model and its transform graph, as functions of raw records.

    Each public method except `save` is the function of at least one signature, as the table `signatures.SIGNATURES`
    says.

    Args:
      model: The trained model.
      task: The inputs and labels of the model.
      transform_output: The transform graph and its vocabularies.
      window: The number of steps of the windows in which the model, a SequenceModel, reads long records. If None, it
        reads records as a whole.

    Raises:
      ValueError: if the model does not have exactly one head per label.
    """

    def __init__(
        self,
        model: LabelModel,
        task: SequenceTask,
        transform_output: tft.TFTransformOutput,
        window: int | None = None,
    ) -> None:
        super().__init__()
        _check_heads(model, task)
        # If the model were an attribute, TensorFlow would export each of its layers, and Keras would add another
        # signature, for float inputs. So a closure holds the model. Only variables in attributes are saved, so the
        # variables are an attribute. `weight_index` finds them in the checkpoint as
        # `_weights/<index in model.variables>`.
        self._weights = [variable.value for variable in model.variables]
        self._run_model: Callable[[Batch], dict[str, Outputs]] = make_inference_function(model, window)
        self._predict = {name: head.predict for name, head in model.heads.items()}
        self._cross_entropy = {name: head.compute_weighted_cross_entropy for name, head in model.heads.items()}
        self._label_weights = {name: head.get_label_weights for name, head in model.heads.items()}
        self._task = task
        # The layer must be an attribute, so that its vocabularies are saved and their files become assets.
        self._graph: TransformGraph = transform_output.transform_features_layer()
        self._requests = _make_decoder(task, self._graph)
        # Functions that are attributes would be exported, too.
        per_step = {name: head.label.per_step for name, head in model.heads.items()}
        self._answer_inputs = functools.partial(answer_by_length, tf.function(self._predict_columns), per_step)
        self._answer_labelled = functools.partial(answer_by_length, tf.function(self._evaluate_columns), per_step)
        added_steps = find_added_steps(self._transform_inputs, self._requests.make_example)
        self._num_added = None if added_steps is None else sum(added_steps)
        if added_steps is not None:
            # An attribute that is a function without arguments is saved, and can be called on the loaded model.
            get_added_steps = tf.function(lambda: tf.constant(added_steps, tf.int64), input_signature=[])
            setattr(self, ADDED_STEPS, get_added_steps)

    def save(self, directory: str) -> None:
        """Writes the SavedModel, with warm-up requests for TensorFlow Serving."""
        specs: dict[RequestKind, RequestSpec] = {"examples": tf.TensorSpec([None], tf.string, name=EXAMPLES_INPUT)}
        if padded := self._requests.make_padded_specs():
            specs["sequences"] = padded
        tf.saved_model.save(self, directory, signatures=trace_signatures(self, specs))
        write_warmup(directory, self._requests.make_example)

    def answer_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers serialized records `[B]`. The records need not have labels."""
        return self._answer_raw(self._requests.decode_inputs(examples))

    def answer_sequences(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Answers padded raw features with their `lengths`."""
        return self._answer_raw(self._requests.decode_padded(features))

    def answer_evaluation(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answers serialized records `[B]`, and adds their labels and the cross entropy of these labels.

        Raises:
          tf.errors.InvalidArgumentError: when the graph runs on a label that does not occur in the train split.
        """
        transformed = self._transform(self._requests.decode_all(examples))
        columns = {name: transformed[name] for name in self._task.columns}
        head_answers = self._answer_labelled(columns, _find_lengths(columns))
        answers = _join_answers(head_answers, columns)
        for label in self._task.labels:
            values = pad_steps(columns[label.name])
            if label.classes:
                # Id 0 is padding, whose string is empty.
                values = tf.gather([b"", *label.classes], values)
            answers[label.name + LABEL_SUFFIX] = values
        # TFMA cannot read sequences of unequal length with another axis, so the numbers of all steps are in one axis.
        return {name: _flatten_steps(value) for name, value in answers.items()}

    def compute_slices(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes the features by which serialized records `[B]` may be sliced."""
        lengths = _find_lengths(self._transform(self._requests.decode_inputs(examples)))
        return {LENGTH_BUCKET: _name_length_buckets(lengths)}

    def transform_features(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Transforms serialized records `[B]` to a batch of all features that training reads."""
        transformed = self._transform(self._requests.decode_all(examples))
        columns = {name: transformed[name] for name in self._task.columns}
        return self._make_batch(columns)

    def transform_labels(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Transforms serialized records `[B]` to the ids or numbers of their labels, padded.

        Raises:
          tf.errors.InvalidArgumentError: when the graph runs on a label that does not occur in the train split.
        """
        transformed = self._transform(self._requests.decode_labels(examples))
        return {name: pad_steps(transformed[name]) for name in self._predict}

    def _answer_raw(self, raw: RawFeatures) -> dict[str, tf.Tensor]:
        """Transforms raw features, runs the model, and returns its answers."""
        transformed = self._transform(raw)
        columns = {item.name: transformed[item.name] for item in self._task.inputs}
        head_answers = self._answer_inputs(columns, _find_lengths(columns))
        answers = _join_answers(head_answers, columns)
        if self._num_added is None:
            return answers
        # Steps that the transform cut off get answers like those of padding, so that all steps have answers.
        num_steps = _count_steps(raw) + self._num_added
        return {name: _extend_steps(value, num_steps) for name, value in answers.items()}

    def _predict_columns(self, columns: Columns) -> HeadAnswers:
        """Pads the inputs of some records, runs the model, and returns the answers of each head."""
        batch = {name: _replace_infinite(values) for name, values in self._make_batch(columns).items()}
        outputs = self._run_model(batch)
        return {name: predict(outputs[name], batch[LENGTHS]) for name, predict in self._predict.items()}

    def _evaluate_columns(self, columns: Columns) -> HeadAnswers:
        """Pads all columns of some records, runs the model, and adds cross entropies and weights to the answers."""
        batch = self._make_batch(columns)
        outputs = self._run_model(batch)
        answers: HeadAnswers = {}
        for name, predict in self._predict.items():
            answers[name] = dict(predict(outputs[name], batch[LENGTHS]))
            cross_entropy = self._cross_entropy[name](outputs[name], batch)
            if cross_entropy is not None:
                answers[name][name + CROSS_ENTROPY_SUFFIX] = cross_entropy
            weights = self._label_weights[name](batch)
            if weights is not None:
                answers[name][name + WEIGHT_SUFFIX] = tf.cast(weights, tf.float32)
        return answers

    def _transform_inputs(self, examples: tf.Tensor) -> dict[str, AnyTensor]:
        """Transforms the inputs of the model in serialized records `[B]`, without padding."""
        transformed = self._transform(self._requests.decode_inputs(examples))
        # A label that is made from inputs, such as the next step, is in `transformed` too.
        return {item.name: transformed[item.name] for item in self._task.inputs}

    def _transform(self, raw: RawFeatures) -> dict[str, AnyTensor]:
        """Returns the columns that the graph makes from the raw features, without padding."""
        return convert_to_columns(self._graph(dict(raw)), self._task.columns)

    def _make_batch(self, columns: Columns) -> dict[str, tf.Tensor]:
        """Pads columns in the same way as training batches, and adds `lengths`."""
        batch: dict[str, tf.Tensor] = {}
        for name, column in columns.items():
            if self._task.columns[name].nested:
                batch |= pad_nested(name, column)
            else:
                batch[name] = pad_steps(column)
        batch[LENGTHS] = _find_lengths(columns)
        return batch


def _check_heads(model: LabelModel, task: SequenceTask) -> None:
    """Raises a ValueError if the model does not have exactly one head per label."""
    labels = sorted(label.name for label in task.labels)
    if sorted(model.heads) != labels:
        raise ValueError(f"the model must have one head for each of the labels {labels}, but has {sorted(model.heads)}")


def _make_decoder(task: SequenceTask, graph: TransformGraph) -> RequestDecoder:
    """Makes the decoder for the records that the transform graph reads: tf.Examples or SequenceExamples."""
    if task.raw_examples:
        return ExampleRequests(task.raw_examples, graph, [item.name for item in task.inputs], task.columns)
    return SequenceRequests(task.raw, [label.name for label in task.labels], graph, task.columns)


def _join_answers(answers: HeadAnswers, columns: Columns) -> dict[str, tf.Tensor]:
    """Joins the answers of all heads and the lengths of the records."""
    joined = {LENGTHS: _find_lengths(columns)}
    for answers_of_head in answers.values():
        joined |= answers_of_head
    return joined


def _find_lengths(transformed: Mapping[str, AnyTensor]) -> tf.Tensor:
    """Returns the number of steps of each record, `[B]`. `convert_to_columns` has checked that all sequences agree."""
    return next(value.row_lengths() for value in transformed.values() if isinstance(value, tf.RaggedTensor))


def _count_steps(raw: RawFeatures) -> tf.Tensor:
    """Returns the largest number of steps of a raw sequence, int64; 0 if there are no raw sequences."""
    counts = [tf.zeros([], tf.int64)]
    for value in raw.values():
        if isinstance(value, tf.RaggedTensor):
            counts.append(value.bounding_shape(axis=1, out_type=tf.int64))
        elif isinstance(value, tf.SparseTensor):
            counts.append(value.dense_shape[1])
    return tf.reduce_max(tf.stack(counts))


def _extend_steps(value: tf.Tensor, num_steps: tf.Tensor) -> tf.Tensor:
    """Pads answers `[B, T]` or `[B, T, W]` with "" or 0 to at least `num_steps` steps.

    Answers about records, `[B]` or `[B, W]`, are returned unchanged.
    """
    if value.shape.rank < 2 or value.shape[1] is not None:
        return value
    missing = tf.maximum(num_steps - tf.shape(value, tf.int64)[1], 0)
    return tf.pad(value, [[0, 0], [0, missing], *[[0, 0]] * (value.shape.rank - 2)])


def _replace_infinite(value: tf.Tensor) -> tf.Tensor:
    """Replaces infinite numbers by NaN. Other tensors are returned unchanged.

    The cells squash an infinite number to 1 or -1. The answer would look like a certain one.
    """
    if not value.dtype.is_floating:
        return value
    return tf.where(tf.math.is_inf(value), tf.constant(math.nan, value.dtype), value)


def _flatten_steps(value: tf.Tensor) -> tf.Tensor:
    """Reshapes `[B, T, W]` to `[B, T * W]`. Tensors of other ranks are returned unchanged."""
    if value.shape.rank != 3:
        return value
    batch_size, num_steps, width = tf.unstack(tf.shape(value))
    return tf.reshape(value, [batch_size, num_steps * width])


def _name_length_buckets(lengths: tf.Tensor) -> tf.Tensor:
    """Returns the name of the bucket of each number of steps, string `[B]`. Buckets end at powers of two.

    ::

        lengths     0   1   2   3     4     5     8     9
        last        1   1   2   4     4     8     8     16        the smallest power of two >= the length
        bucket      0   1   2   3-4   3-4   5-8   5-8   9-16
    """
    powers = tf.constant([2**exponent for exponent in range(31)], lengths.dtype)
    last = tf.gather(powers, tf.searchsorted(powers, lengths))
    first = last // 2 + 1
    ranges = tf.strings.join([tf.strings.as_string(first), tf.strings.as_string(last)], "-")
    return tf.where(lengths <= 2, tf.strings.as_string(lengths), ranges)
