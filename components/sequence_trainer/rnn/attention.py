"""A cell wrapper that adds attention over the cell's own recent outputs."""

from __future__ import annotations

from typing import Any, cast

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest, Shape
from tfx_sequence.components.sequence_trainer.rnn.wrappers import Wrapper


@keras.saving.register_keras_serializable("tfx_sequence")
class AttentionWrapper(Wrapper):
    """Intra-attention: each step reads its input and a weighted mean (the context) of the last k outputs (the memory).

    ::

        x'      = [x, context] W_x + b_x                 the input of the wrapped cell
        h, s'   = cell(x', s)
        a_j     = softmax_j(v . tanh(memory_j K + [s'] Q + b_q))
        context'= sum_j a_j memory_j
        output  = [h, context'] W_o + b_o                replaces the oldest entry of the memory

    The memory starts as k zero vectors, which take part in the softmax. The states are those of the cell, the context
    `[B, U]` and the memory `[B, k * U]`. Source: Cheng et al. 2016, "Long Short-Term Memory-Networks for Machine
    Reading".

    Args:
      cell: The wrapped cell.
      window: The number k of outputs in the memory.

    Raises:
      ValueError: if `window` is less than 1.
    """

    def __init__(self, cell: Cell, window: int, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        if window < 1:
            raise ValueError(f"`window` must be at least 1, but is {window}.")
        self.window = window
        self.state_size = [cell.state_size, self.output_size, window * self.output_size]

    def build(self, input_shape: Shape) -> None:
        """Builds the wrapped cell and the attention. The wrapped cell reads inputs of the same width."""
        super().build(input_shape)
        features = cast("int", input_shape[-1])  # The width of the inputs is always known.
        units = self.output_size
        query_width = sum(tf.nest.flatten(self.cell.state_size))
        self.input_kernel = self._add_kernel("input_kernel", features, features)
        self.context_kernel = self._add_kernel("context_kernel", units, features)
        self.memory_kernel = self._add_kernel("memory_kernel", units, units)
        self.query_kernel = self._add_kernel("query_kernel", query_width, units)
        self.score_kernel = self._add_kernel("score_kernel", units, 1)
        self.output_kernel = self._add_kernel("output_kernel", 2 * units, units)
        self.input_bias = self._add_bias("input_bias", features)
        self.query_bias = self._add_bias("query_bias", units)
        self.output_bias = self._add_bias("output_bias", units)

    def _add_kernel(self, name: str, rows: int, columns: int) -> keras.Variable:
        return self.add_weight(shape=(rows, columns), initializer="glorot_uniform", name=name)

    def _add_bias(self, name: str, width: int) -> keras.Variable:
        return self.add_weight(shape=(width,), initializer="zeros", name=name)

    def project(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the part of the wrapped cell's input that depends on the input only: `[..., D]` to `[..., D]`."""
        return tf.matmul(inputs, self.input_kernel) + self.input_bias

    def step(self, projected: tf.Tensor, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step; see `Cell.step`."""
        cell_states, context, memory = states
        cell_inputs = projected + tf.matmul(context, self.context_kernel)
        h, cell_states = self.cell.call(cell_inputs, cell_states, training)
        entries = tf.reshape(memory, [-1, self.window, self.output_size])
        context = self._attend(tf.concat(tf.nest.flatten(cell_states), 1), entries)
        output = tf.matmul(tf.concat([h, context], 1), self.output_kernel) + self.output_bias
        memory = tf.concat([memory[:, self.output_size :], output], 1)
        return output, [cell_states, context, memory]

    def _attend(self, query: tf.Tensor, entries: tf.Tensor) -> tf.Tensor:
        """Computes the mean of the memory's entries, weighted by their attention scores.

        Args:
          query: The states of the wrapped cell, concatenated, `[B, Q]`.
          entries: The entries of the memory, `[B, k, U]`.

        Returns:
          The new context, `[B, U]`.
        """
        projected_query = tf.matmul(query, self.query_kernel) + self.query_bias
        hidden = tf.tanh(tf.matmul(entries, self.memory_kernel) + projected_query[:, tf.newaxis])
        weights = tf.nn.softmax(tf.matmul(hidden, self.score_kernel), axis=1)
        return tf.reduce_sum(weights * entries, 1)

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps in a loop, because each step depends on earlier outputs; see `Cell.unroll`."""
        return Cell.unroll(self, inputs, lengths, states, training)

    def get_initial_state(self, batch_size: int | tf.Tensor | None = None) -> Nest:
        """Returns the initial states of the wrapped cell, and zeros for the context and the memory."""
        context, memory = (tf.zeros([batch_size, size], self.compute_dtype) for size in self.state_size[1:])
        return [self.cell.get_initial_state(batch_size=batch_size), context, memory]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {**super().get_config(), "window": self.window}
