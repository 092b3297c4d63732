"""The head of a language model: it predicts the step after each step."""

from __future__ import annotations

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.metrics.labels import Accuracy, CrossEntropy, Perplexity
from tfx_sequence.components.sequence_trainer.model.heads.base import ALONE, Encoded, HeadMetrics, Surroundings
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
      config: How it is predicted; `tied` names the input whose embedding is tied to, if one is.
      surroundings: Gives that embedding, besides what SoftmaxHead uses.

    Raises:
      TaskError: as SoftmaxHead; or if the label and the input that is tied to do not share their ids.
    """

    def __init__(self, label: Label, config: HeadConfig, surroundings: Surroundings = ALONE) -> None:
        super().__init__(label, config, surroundings)
        self._tied: keras.layers.Embedding | None = None
        if config.tied is not None:
            _check_shared_ids(label, config.tied)
            self._tied = surroundings.embeddings[config.tied]
            self._projection = keras.layers.Dense(self._tied.output_dim, name="projection")
            self._bias = self.add_weight(shape=(len(label.classes),), initializer="zeros", name="bias")

    def hidden(self, encoded: Encoded) -> tf.Tensor:
        """Computes what the logits are made of, `[B, T, D]`."""
        return super().hidden(encoded) if self._tied is None else self._projection(encoded.steps)

    def logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Turns `[B, T, D]` into `[B, T, C]`."""
        if self._tied is None:
            return super().logits(hidden)
        rows, bias = (tf.cast(part, hidden.dtype) for part in self.table())
        return tf.einsum("btd,cd->btc", hidden, rows) + bias

    def table(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns what the logits are made with: a row for each value `[C, D]`, and biases `[C]`."""
        if self._tied is None:
            return super().table()
        return tf.convert_to_tensor(self._tied.embeddings)[FIRST_ID:], tf.convert_to_tensor(self._bias)

    def value_axes(self) -> list[WeightAxes]:
        """Returns the weights of the logits. A tied table belongs to the input."""
        return super().value_axes() if self._tied is None else [(self._bias, (self.label.name,))]

    def new_metrics(self) -> HeadMetrics:
        """Returns perplexity, cross entropy in nats, and accuracy; the least cross entropy tells the best model."""
        return LanguageModelMetrics(self.label)


class LanguageModelMetrics(HeadMetrics):
    """Metrics of the distribution over the next step.

    Args:
      label: The label, the step after each step.
    """

    more_is_better = False

    def __init__(self, label: Label) -> None:
        metrics = {"perplexity": Perplexity(), "cross_entropy": CrossEntropy(), "accuracy": Accuracy()}
        super().__init__(label, metrics, watched="cross_entropy")

    def update(self, outputs: tf.Tensor, batch: Batch) -> None:
        """Adds a batch and the head's logits for it."""
        labels = batch[self.label.name]
        lengths = self.lengths(batch)
        for name in ("perplexity", "cross_entropy"):
            self.metrics[name].update_state(labels, outputs, lengths)
        predictions = tf.argmax(outputs, -1) + FIRST_ID
        self.metrics["accuracy"].update_state(labels, predictions, lengths)


def _check_shared_ids(label: Label, tied: str) -> None:
    if tied not in label.same_ids:
        raise TaskError(
            f"model.heads.{label.name}.tied: the label's ids must be those of the input {tied!r}: give it that "
            f'vocabulary with share = "{tied}" in [transform.{label.name}]'
        )
