"""Defines the stack of recurrent layers of a model, and creates their cells."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.directions import Direction
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.families import CELLS
from tfx_sequence.components.sequence_trainer.model.dtype_policy import use_dtype_policy
from tfx_sequence.components.sequence_trainer.rnn.attention import AttentionWrapper
from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.dropout import DropoutWrapper, ZoneoutWrapper
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import BidirectionalRNN, DynamicRNN
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.schemas.families import UnknownMemberError


class RecurrentStack(keras.layers.Layer):
    """A stack of recurrent layers, each of which reads the outputs of the layer below.

    Dropout is applied to the inputs, between the layers, and to the outputs. Inputs that are numbers should be left
    out. Dropout multiplies what it keeps, and most of the values of an embedding still tell its id. A number would be
    another number, and the network would learn to answer for that one.

    Args:
      config: The settings of the network.
      seeds: The source of the seeds of dropout and zoneout.
      direction: `forward`, `backward`, or `both`: then each layer reads in both directions. If None, it is `forward` if
        `config.bidirectional` is false, and otherwise `both`.
      embedded: Whether each of the D inputs of a step belongs to an embedding, as `InputEncoder.embedded` says. Dropout
        does not change the others. If None, all inputs belong to embeddings.

    Attributes:
      rnns: The recurrent layers, from the lowest to the highest.
    """

    def __init__(
        self,
        config: ModelConfig,
        seeds: random.Random,
        direction: Direction | None = None,
        embedded: Sequence[bool] | None = None,
    ) -> None:
        if direction is None:
            direction = "forward" if config.bidirectional is False else "both"
        super().__init__(name="recurrent_backward" if direction == "backward" else "recurrent", autocast=False)
        self._direction = direction
        self._embedded = None if embedded is None or all(embedded) else tuple(embedded)
        # The layer that reads numbers computes in float32, because half precision could not hold them.
        policy = keras.config.dtype_policy() if self._embedded is None else "float32"
        with use_dtype_policy(policy):
            self.rnns = [_make_rnn(config, direction, seeds)]
        self.rnns += [_make_rnn(config, direction, seeds) for _ in range(config.layers - 1)]
        # Variational dropout drops the same units at all steps, so its noise has size 1 on the time axis.
        noise_shape = (None, 1, None) if config.variational else None
        self._dropout = keras.layers.Dropout(config.dropout, noise_shape=noise_shape, seed=seeds.getrandbits(31))
        self._final_dropout = keras.layers.Dropout(config.dropout, seed=seeds.getrandbits(31))
        self._shortcuts = [_SHORTCUTS[config.shortcut]() for _ in range(config.layers - 1)] if config.shortcut else []

    def call(
        self, x: tf.Tensor, lengths: tf.Tensor, states: Nest = None, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor, Nest]:
        """Runs the layers.

        Args:
          x: Inputs, `[B, T, D]`.
          lengths: The number of real steps of each sequence, integers `[B]`.
          states: The initial states of each layer; 0 if None.
          training: Whether dropout is applied.

        Returns:
          The outputs of all steps `[B, T, U]`, the final outputs of the directions `[B, U]`, and the final states of
          each layer. The outputs of a backward stack are in the order of the steps.
        """
        if self._direction == "backward":
            x = _reverse_steps(x, lengths)
        final_states = []
        for index, rnn in enumerate(self.rnns):
            dropped = self._dropout(x, training=training)
            if index > 0 or self._embedded is None:
                x = dropped
            else:
                x = tf.where(self._embedded, tf.cast(dropped, x.dtype), x)
            outputs, state = rnn(x, lengths, states and states[index], training=training)
            final_states.append(state)
            if isinstance(rnn, BidirectionalRNN):
                outputs = tf.concat(outputs, axis=-1)
            # The lowest layer has no shortcut, because its inputs and outputs may differ in width.
            x = self._shortcuts[index - 1](x, outputs) if index > 0 and self._shortcuts else outputs
        final = _gather_final_outputs(x, lengths, directions=2 if self._direction == "both" else 1)
        x, final = self._dropout(x, training=training), self._final_dropout(final, training=training)
        if self._direction == "backward":
            x = _reverse_steps(x, lengths)
        return x, final, final_states

    def make_first_states(self, batch: tf.Tensor | int) -> Nest:
        """Returns the initial states of each layer for `batch` sequences, which are 0. The layers must read one way."""
        return [rnn.cell.get_initial_state(batch_size=batch) for rnn in self.rnns]


class Residual(keras.layers.Layer):
    """Adds the inputs of a layer to its outputs (He et al. 2015, "Deep Residual Learning for Image Recognition")."""

    def call(self, inputs: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Maps inputs and outputs, both `[B, T, U]`, to `[B, T, U]`."""
        return inputs + outputs


class Highway(keras.layers.Layer):
    """Mixes the inputs of a layer with its outputs by a gate.

    ::

        carry  = sigmoid(inputs kernel + bias)          the bias is initially 1
        result = carry * inputs + (1 - carry) * outputs

    Source: Srivastava et al. 2015, "Highway Networks".
    """

    def build(self, inputs_shape: tuple[int | None, ...], *_other_shapes: object) -> None:
        """Creates the weights of the gate. The shape of the outputs is that of the inputs."""
        width = inputs_shape[-1]
        self.kernel = self.add_weight(shape=(width, width), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(width,), initializer="ones", name="bias")

    def call(self, inputs: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Maps inputs and outputs, both `[B, T, U]`, to `[B, T, U]`."""
        carry = tf.sigmoid(tf.matmul(inputs, self.kernel) + self.bias)
        return carry * inputs + (1 - carry) * outputs


# `ResidualWrapper` and `HighwayWrapper` do the same for one cell. A layer here may have two cells, one per direction.
_SHORTCUTS: dict[str, type[keras.layers.Layer]] = {"residual": Residual, "highway": Highway}


def _gather_final_outputs(outputs: tf.Tensor, lengths: tf.Tensor, directions: int) -> tf.Tensor:
    """Returns the final outputs of one or two directions, `[B, U]`; 0 for a sequence without real steps.

    The first direction ends at the last real step of each sequence, and the second direction at the first step.
    """
    forward, *backward = tf.split(outputs, directions, axis=-1)
    final_forward = tf.gather(forward, tf.maximum(lengths - 1, 0), batch_dims=1)
    return tf.concat([final_forward, *(part[:, 0] for part in backward)], axis=-1)


def _reverse_steps(x: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Reverses the real steps of each sequence of `[B, T, D]`. Padding stays at the end."""
    return tf.reverse_sequence(x, lengths, seq_axis=1, batch_axis=0)


def _make_rnn(config: ModelConfig, direction: Direction, seeds: random.Random) -> DynamicRNN | BidirectionalRNN:
    """Creates one recurrent layer."""
    if direction == "both":
        return BidirectionalRNN(_make_wrapped_cell(config, seeds), _make_wrapped_cell(config, seeds))
    return DynamicRNN(_make_wrapped_cell(config, seeds))


def _make_wrapped_cell(config: ModelConfig, seeds: random.Random) -> Cell:
    """Creates a cell, with wrappers for the dropout of its state, zoneout and attention if the config has them."""
    cell = make_cell(config)
    if config.state_dropout:
        cell = DropoutWrapper(cell, state_rate=config.state_dropout, variational=True, seed=seeds.getrandbits(31))
    if config.zoneout:
        cell = ZoneoutWrapper(cell, [config.zoneout] * len(cell.state_size), seed=seeds.getrandbits(31))
    return AttentionWrapper(cell, config.attention_window) if config.attention_window else cell


def load_cell_class(name: str) -> Callable[..., Cell]:
    """Imports the class of a cell.

    Args:
      name: The name of the cell in `CELLS`, or `module:Class`.

    Raises:
      TaskError: if the class cannot be imported.
    """
    try:
        return CELLS.load(name)
    except UnknownMemberError as error:
        raise TaskError(f"model.cell is {error}") from error


def make_cell(config: ModelConfig) -> Cell:
    """Creates the recurrent cell that the config names.

    Raises:
      TaskError: if the class of the cell cannot be imported.
    """
    argument_by_key = CELLS.find_row(config.cell).arguments
    arguments = {argument: getattr(config, key) for key, argument in argument_by_key.items()}
    return load_cell_class(config.cell)(config.units, **arguments, **config.cell_options)
