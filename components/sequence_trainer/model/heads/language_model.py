"""Defines the head of a language model, which predicts the next step at each step, and its metrics."""

from __future__ import annotations

import math
from collections.abc import Mapping

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.losses.softmax_summary import OutputLayer
from tfx_sequence.components.sequence_trainer.metrics.labels import Accuracy, CrossEntropy, Perplexity
from tfx_sequence.components.sequence_trainer.model.heads.base import (
    NO_CONTEXT,
    Encoded,
    HeadContext,
    HeadMetrics,
    Outputs,
)
from tfx_sequence.components.sequence_trainer.model.heads.labels import SoftmaxHead
from tfx_sequence.components.sequence_trainer.model.value_axes import WeightAxes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.contract import ID_SUFFIX, LENGTHS
from tfx_sequence.schemas.spec import FIRST_ID


class LanguageModelHead(SoftmaxHead):
    """Predicts the next step by a softmax, and measures its perplexity.

    The output weights can be tied to the embedding of an input. Each value then has the same vector as an input and as
    an output (Press and Wolf 2017, "Using the Output Embedding to Improve Language Models")::

        hidden = projection(steps)                                          [B, T, D]
        logits = hidden transpose(embeddings without row 0) + bias          [B, T, C]

        embeddings: the table of the input, [C + 1, D], where row 0 is padding

    Args:
      label: The label, which is the next step at each step.
      config: The settings of the head. If the weights are tied, `config.tied` is the name of the input.
      context: The parts of the model that the head may use. With tied weights, it must contain the input's embedding.

    Raises:
      TaskError: if SoftmaxHead raises it, or the weights cannot be tied to the input. The context must contain the
        embedding of the input, and a value must have the same id in the input and in the label.
    """

    def __init__(self, label: Label, config: HeadConfig, context: HeadContext = NO_CONTEXT) -> None:
        super().__init__(label, config, context)
        self._tied: keras.layers.Embedding | None = None
        if config.tied is not None:
            self._tied = _find_tied_embedding(label, config.tied, context)
            self._projection = keras.layers.Dense(self._tied.output_dim, name="projection")
            self._bias = self.add_weight(shape=(len(label.classes),), initializer="zeros", name="bias")

    def compute_hidden(self, encoded: Encoded) -> tf.Tensor:
        """Computes the inputs of the softmax layer, `[B, T, D]`."""
        if self._tied is None:
            return super().compute_hidden(encoded)
        return self._projection(encoded.steps)

    def compute_logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Maps the inputs of the softmax layer `[B, T, D]` to logits `[B, T, C]`."""
        if self._tied is None:
            return super().compute_logits(hidden)
        rows, bias = (tf.cast(weight, hidden.dtype) for weight in self.get_output_weights())
        return tf.einsum("btd,cd->btc", hidden, rows) + bias

    def get_output_weights(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the weights of the softmax layer: one row per value `[C, D]`, and the bias `[C]`."""
        if self._tied is None:
            return super().get_output_weights()
        # Row 0 belongs to the padding id, which is never predicted.
        rows = tf.convert_to_tensor(self._tied.embeddings)[FIRST_ID:]
        return rows, tf.convert_to_tensor(self._bias)

    def make_output_layer(self) -> OutputLayer:
        """Returns the weights of the softmax layer in full precision, as this layer computes with them."""
        if self._tied is None:
            return super().make_output_layer()
        rows, bias = self.get_output_weights()
        return OutputLayer(self._read_weight(rows), self._read_weight(bias), has_rows=True)

    def list_value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the softmax layer. A tied table is left out, because it belongs to the input."""
        if self._tied is None:
            return super().list_value_axes()
        return [(self._bias, (self.label.name,))]

    def make_metrics(self) -> HeadMetrics:
        """Returns perplexity, cross entropy in nats, and accuracy. The model with the lowest cross entropy is best."""
        return LanguageModelMetrics(self)


class LanguageModelMetrics(HeadMetrics):
    """Measures the predicted distribution of the next step.

    Args:
      head: The head.
    """

    more_is_better = False

    def __init__(self, head: LanguageModelHead) -> None:
        metrics = {"perplexity": Perplexity(), "cross_entropy": CrossEntropy(), "accuracy": Accuracy()}
        super().__init__(head, metrics, watched="cross_entropy")
        self._compute_step_cross_entropy = head.compute_step_cross_entropy

    def update(self, outputs: Outputs, batch: Batch) -> None:
        """Adds a batch and the outputs of the head for it."""
        lengths = batch[LENGTHS]
        weights = self.get_weights(batch)
        losses = self._compute_step_cross_entropy(outputs, batch)
        for name in ("perplexity", "cross_entropy"):
            self.metrics[name].add_steps(losses, lengths, weights)
        answers = self.head.predict(outputs, lengths)
        predictions = answers[f"{self.label.name}{ID_SUFFIX}"]
        self.metrics["accuracy"].update_state(batch[self.label.name], predictions, lengths, weights)

    def compute_score(self, values: Mapping[str, float]) -> float:
        """Returns minus the cross entropy, divided by that of a model that knows nothing: log C for C values.

        Such a model has the score -1, and a perfect one has 0.
        """
        # A label with one value has no cross entropy, whatever it is divided by.
        num_values = max(2, len(self.label.classes))
        return -values[self.watched] / math.log(num_values)


def _find_tied_embedding(label: Label, input_name: str, context: HeadContext) -> keras.layers.Embedding:
    """Finds the embedding layer of the input to which the output weights are tied.

    Raises:
      TaskError: if the label and the input have different ids, or the context does not have the embedding.
    """
    key = f"model.heads.{label.name}.tied"
    if input_name not in label.same_ids:
        raise TaskError(
            f"{key}: the label's ids must be those of the input {input_name!r}: give it that "
            f'vocabulary with share = "{input_name}" in [transform.{label.name}]'
        )
    if input_name not in context.embeddings:
        raise TaskError(
            f"{key}: the head's context has no embedding of the input {input_name!r}; its embeddings are of "
            f"{', '.join(context.embeddings) or 'no input'}"
        )
    return context.embeddings[input_name]
