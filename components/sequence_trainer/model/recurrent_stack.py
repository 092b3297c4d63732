"""The recurrent layers of a model, on top of one another."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.families import CELLS
from tfx_sequence.components.sequence_trainer.rnn.attention import AttentionWrapper
from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.dropout import DropoutWrapper, ZoneoutWrapper
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import BidirectionalRNN, DynamicRNN
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.schemas.families import UnknownMemberError


class RecurrentStack(keras.layers.Layer):
    """Layers that each read the outputs of the one before, with dropout before, between and after them.

    Args:
      config: Of the model.
      seeds: Where the seeds come from of all that is random in training.

    Attributes:
      rnns: The layers, the lowest first.
    """

    def __init__(self, config: ModelConfig, seeds: random.Random) -> None:
        """Makes the layers."""
        super().__init__(name="recurrent")
        self.rnns = [_rnn(config, seeds) for _ in range(config.layers)]
        self._directions = 2 if config.bidirectional else 1
        shape = (None, 1, None) if config.variational else None
        self._dropout = keras.layers.Dropout(config.dropout, noise_shape=shape, seed=seeds.getrandbits(31))
        self._final_dropout = keras.layers.Dropout(config.dropout, seed=seeds.getrandbits(31))
        self._shortcuts = [_SHORTCUTS[config.shortcut]() for _ in range(config.layers - 1)] if config.shortcut else []

    def call(
        self, x: tf.Tensor, lengths: tf.Tensor, states: Nest = None, training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor, Nest]:
        """Runs the layers.

        Args:
          x: Inputs `[B, T, D]`.
          lengths: Real steps of each sequence, integers `[B]`.
          states: Where each layer starts from; zeros if None.
          training: Whether dropout is on.

        Returns:
          All outputs `[B, T, U]`, the last of each direction `[B, U]`, and the final states of each layer.
        """
        after = []
        for number, rnn in enumerate(self.rnns):
            x = self._dropout(x, training=training)
            outputs, final = rnn(x, lengths, states and states[number], training=training)
            after.append(final)
            if isinstance(rnn, BidirectionalRNN):
                outputs = tf.concat(outputs, axis=-1)
            x = self._shortcuts[number - 1](x, outputs) if number and self._shortcuts else outputs
        last = _last(x, lengths, self._directions)
        return self._dropout(x, training=training), self._final_dropout(last, training=training), after

    def first_states(self, batch: tf.Tensor | int) -> Nest:
        """The zero states of each layer for so many sequences, if they are read one way."""
        return [rnn.cell.get_initial_state(batch_size=batch) for rnn in self.rnns]


class Residual(keras.layers.Layer):
    """The sum of a layer's input and its output (He et al. 2015, "Deep Residual Learning for Image Recognition")."""

    def call(self, inputs: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """`[B, T, U]` twice to `[B, T, U]`."""
        return inputs + outputs


class Highway(keras.layers.Layer):
    """`carry * inputs + (1 - carry) * outputs`, `carry = sigmoid(inputs W + b)`, b from 1.

    Source: Srivastava et al. 2015, "Highway Networks".
    """

    def build(self, inputs_shape: tuple[int | None, ...], *_: object) -> None:
        """Makes the gate."""
        width = inputs_shape[-1]
        self.kernel = self.add_weight(shape=(width, width), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(width,), initializer="ones", name="bias")

    def call(self, inputs: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """`[B, T, U]` twice to `[B, T, U]`."""
        carry = tf.sigmoid(tf.matmul(inputs, self.kernel) + self.bias)
        return carry * inputs + (1 - carry) * outputs


# `ResidualWrapper` and `HighwayWrapper` do the same to one cell; here a layer may be two cells, one each way.
_SHORTCUTS: dict[str, type[keras.layers.Layer]] = {"residual": Residual, "highway": Highway}


def _last(outputs: tf.Tensor, lengths: tf.Tensor, directions: int) -> tf.Tensor:
    """The last outputs, `[B, U]`: forward at each last real step, backward at the first; 0 without any real step."""
    forward, *backward = tf.split(outputs, directions, axis=-1)
    last = tf.gather(forward, tf.maximum(lengths - 1, 0), batch_dims=1)
    return tf.concat([last, *(each[:, 0] for each in backward)], axis=-1)


def _rnn(config: ModelConfig, seeds: random.Random) -> DynamicRNN | BidirectionalRNN:
    make = partial(_wrapped_cell, config, seeds)
    return BidirectionalRNN(make(), make()) if config.bidirectional else DynamicRNN(make())


def _wrapped_cell(config: ModelConfig, seeds: random.Random) -> Cell:
    cell = make_cell(config)
    if config.state_dropout:
        cell = DropoutWrapper(cell, state_rate=config.state_dropout, variational=True, seed=seeds.getrandbits(31))
    if config.zoneout:
        cell = ZoneoutWrapper(cell, [config.zoneout] * len(cell.state_size), seed=seeds.getrandbits(31))
    return AttentionWrapper(cell, config.attention_window) if config.attention_window else cell


def load_cell_class(name: str) -> Callable[..., Cell]:
    """Imports the class of a cell.

    Raises:
      TaskError: if it cannot be imported.
    """
    try:
        return CELLS.load(name)
    except UnknownMemberError as error:
        raise TaskError(f"model.cell is {error}") from error


def make_cell(config: ModelConfig) -> Cell:
    """Makes the recurrent cell that the config names.

    Raises:
      TaskError: if its class cannot be imported.
    """
    keys = CELLS.row(config.cell).arguments
    arguments = {argument: getattr(config, key) for key, argument in keys.items()}
    return load_cell_class(config.cell)(config.units, **arguments, **config.cell_options)
