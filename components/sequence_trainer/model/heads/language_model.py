"""The head of a language model: what comes next."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.metrics.labels import Accuracy, CrossEntropy, Perplexity
from tfx_sequence.components.sequence_trainer.model.heads.base import Encoded, HeadMetrics
from tfx_sequence.components.sequence_trainer.model.heads.labels import SoftmaxHead
from tfx_sequence.components.sequence_trainer.model.value_axes import WeightAxes
from tfx_sequence.components.sequence_trainer.task.task import Label
from tfx_sequence.schemas.spec import FIRST_ID


class LanguageModelHead(SoftmaxHead):
    """A softmax over the next step, measured by its perplexity.

    With tied weights the vector of a value as an output is its vector as an input (Press and Wolf 2017, "Using the
    Output Embedding to Improve Language Models")::

        logits = (steps W + b) E[1:] + bias             E [num_ids, D] the input's embedding, row 0 of padding

    Args:
      label: The label, the step after each step.
      config: How it is predicted.
      record_weight: The column that says how much each record counts, if there is one.
      embedding: The embedding that is tied to; none if None.
      seed: Of the values that are drawn in training, if the softmax is sampled.
    """

    def __init__(
        self,
        label: Label,
        config: HeadConfig,
        record_weight: str | None = None,
        embedding: keras.layers.Embedding | None = None,
        seed: int | None = None,
    ) -> None:
        """Makes the layer."""
        super().__init__(label, config, record_weight, seed)
        self._tied = embedding
        if embedding is not None:
            self._projection = keras.layers.Dense(embedding.output_dim, name="projection")
            self._bias = self.add_weight(shape=(len(label.classes),), initializer="zeros", name="bias")

    def hidden(self, encoded: Encoded) -> tf.Tensor:
        """What the logits are made of, `[B, T, D]`."""
        return super().hidden(encoded) if self._tied is None else self._projection(encoded.steps)

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """`[B, T, D]` to `[B, T, C]`."""
        if self._tied is None:
            return super().logits(hidden)
        table, bias = (tf.cast(part, hidden.dtype) for part in self.table())
        return tf.einsum("btd,cd->btc", hidden, table) + bias

    def table(self) -> tuple[tf.Tensor, tf.Tensor]:
        """What the logits are made with: a row for each value `[C, D]`, and biases `[C]`."""
        if self._tied is None:
            return super().table()
        return tf.convert_to_tensor(self._tied.embeddings)[FIRST_ID:], tf.convert_to_tensor(self._bias)

    def value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the logits. A tied table belongs to the input."""
        return super().value_axes() if self._tied is None else [(self._bias, (self.label.name,))]

    def new_metrics(self) -> HeadMetrics:
        """Perplexity, cross entropy in nats, and accuracy. The cross entropy is watched: less is better."""
        return _LanguageMetrics(self.label)


class _LanguageMetrics(HeadMetrics):
    """Metrics of the distribution over what comes next."""

    more_is_better = False

    def __init__(self, label: Label) -> None:
        metrics = {"perplexity": Perplexity(), "cross_entropy": CrossEntropy(), "accuracy": Accuracy()}
        super().__init__(label, metrics, watched="cross_entropy")

    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        labels, lengths = batch[self.label.name], self.lengths(batch)
        for name in ("perplexity", "cross_entropy"):
            self.metrics[name].update_state(labels, outputs, lengths)
        self.metrics["accuracy"].update_state(labels, tf.argmax(outputs, -1) + FIRST_ID, lengths)
