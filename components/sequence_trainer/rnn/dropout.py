"""Wrappers that regularize a cell by random masks in training: dropout and zoneout."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.rnn.wrappers import Wrapper


@keras.saving.register_keras_serializable("tfx_sequence")
class DropoutWrapper(Wrapper):
    """Drops inputs, outputs and the state that the next step reads, in training alone; what stays is scaled up.

    The state that is dropped is the first one, the last output; the cell state of an LSTM is never dropped. Masks are
    drawn for each step, or once for each sequence if variational. Sources: Zaremba et al. 2014, "Recurrent Neural
    Network Regularization" (inputs and outputs, each step); Gal and Ghahramani 2015, "A Theoretically Grounded
    Application of Dropout in Recurrent Neural Networks" (variational, states too).

    Args:
      cell: The cell that is wrapped.
      input_rate: Share of the inputs dropped, at least 0 and less than 1, as the other two rates.
      state_rate: Share of the state dropped.
      output_rate: Share of the outputs dropped; what the next step reads as the last output is not changed.
      variational: Whether all steps of a sequence share one mask.
      seed: Seed of the masks; a random one if None.

    Raises:
      ValueError: if a rate is out of range, or there is a `state_rate` for a cell that is made of cells.
    """

    def __init__(
        self,
        cell: Cell,
        input_rate: float = 0.0,
        state_rate: float = 0.0,
        output_rate: float = 0.0,
        variational: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cell, **kwargs)
        for name, rate in (("input_rate", input_rate), ("state_rate", state_rate), ("output_rate", output_rate)):
            _check_rate(name, rate)
        if state_rate:
            _check_states_are_flat(self)
        self.input_rate = input_rate
        self.state_rate = state_rate
        self.output_rate = output_rate
        self.variational = variational
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def change_inputs(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """Drops inputs."""
        if not (training and self.input_rate):
            return inputs
        return inputs * self._draw_mask(inputs, inputs.shape[-1], self.input_rate)

    def make_extras(self, inputs: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """Draws the mask of the outputs; none if no output is dropped."""
        if not (training and self.output_rate):
            return []
        return [self._draw_mask(inputs, self.output_size, self.output_rate)]

    def change_outputs(self, outputs: tf.Tensor, extras: list[tf.Tensor]) -> tf.Tensor:
        """Drops outputs."""
        return outputs * extras[0] if extras else outputs

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Computes what `Wrapper.project` does, and draws the masks of the states."""
        # The mask of the states is drawn first: another order would draw other masks from the same seed.
        state_masks = []
        if training and self.state_rate:
            state_masks.append(self._draw_mask(inputs, self.state_size[0], self.state_rate))
        return [super().project(inputs, training), state_masks]

    def step(self, projected: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step; see `Cell.step`."""
        projected, state_masks = projected
        output, states = super().step(projected, states, training)
        if state_masks:
            states = [states[0] * state_masks[0], *states[1:]]
        return output, states

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps in the wrapped cell's own way, unless states are dropped between them."""
        if training and self.state_rate:
            return Cell.unroll(self, inputs, lengths, states, training)
        return super().unroll(inputs, lengths, states, training)

    def _draw_mask(self, inputs: tf.Tensor, width: int, rate: float) -> tf.Tensor:
        """Draws a mask `[..., B, width]` for inputs `[..., B, D]`: 0 where dropped, `1 / (1 - rate)` elsewhere."""
        shape = tf.concat([tf.shape(inputs)[:-1], [width]], 0)
        noise_shape = shape
        if self.variational:
            if inputs.shape.rank < 3:
                raise ValueError(
                    "Variational dropout draws one mask for all steps, but the cell was given a single step. Run it "
                    "with DynamicRNN or dynamic_rnn, and not within a MultiRNNCell that another cell wraps."
                )
            noise_shape = tf.concat([[1], shape[1:]], 0)  # One mask for all of T.
        kept = _draw_ones(noise_shape, 1 - rate, self.generator, self.compute_dtype)
        return tf.broadcast_to(kept / (1 - rate), shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        names = ("input_rate", "state_rate", "output_rate", "variational", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("tfx_sequence")
class ZoneoutWrapper(Wrapper):
    """Lets a random share of each state's units keep their value from one step to the next.

    In training a unit keeps its value with probability `rate`. Otherwise each takes the expected value,
    `rate * old + (1 - rate) * new`. The output is the first state after that. Source: Krueger et al. 2016, "Zoneout:
    Regularizing RNNs by Randomly Preserving Hidden Activations".

    Args:
      cell: The cell that is wrapped; its first state must be its output.
      rates: For each state the probability that a unit keeps its value, at least 0 and less than 1.
      seed: Seed of the masks; a random one if None.

    Raises:
      ValueError: if a rate is out of range, there is not one for each state, or the first state is not the output.
    """

    def __init__(self, cell: Cell, rates: list[float], seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        _check_states_are_flat(self)
        if len(rates) != len(self.state_size):
            raise ValueError(f"`rates` must have a rate for each of the {len(self.state_size)} states, but is {rates}.")
        if self.state_size[0] != self.output_size:
            raise ValueError(
                f"Zoneout needs a cell whose output is its first state, and {type(cell).__name__} is none."
            )
        for rate in rates:
            _check_rate("rates", rate)
        self.rates = list(rates)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Computes what `Wrapper.project` does, and draws for each state in training which units keep their value."""
        keep_masks = []
        if training:
            for size, rate in zip(self.state_size, self.rates, strict=True):
                shape = tf.concat([tf.shape(inputs)[:-1], [size]], 0)
                keep_masks.append(_draw_ones(shape, rate, self.generator, self.compute_dtype))
        return [super().project(inputs, training), keep_masks]

    def step(self, projected: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """Computes one step; see `Cell.step`."""
        projected, keep_masks = projected
        _, new_states = super().step(projected, states, training)
        shares = keep_masks or self.rates  # 0 or 1 for each unit in training, and the expectation otherwise.
        mixed = [keep * old + (1 - keep) * new for keep, old, new in zip(shares, states, new_states, strict=True)]
        return mixed[0], mixed

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps by the loop, as every state is changed; see `Cell.unroll`."""
        return Cell.unroll(self, inputs, lengths, states, training)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {**super().get_config(), "rates": self.rates, "seed": self.seed}


def _draw_ones(shape: tf.Tensor, probability: float, generator: keras.random.SeedGenerator, dtype: str) -> tf.Tensor:
    """Draws ones with the given probability, and zeros otherwise."""
    draws = tf.random.stateless_uniform(shape, tf.cast(generator.next(), tf.int32))
    return tf.cast(draws < probability, dtype)


def _check_rate(name: str, rate: float) -> None:
    if not 0 <= rate < 1:
        raise ValueError(f"`{name}` must be at least 0 and less than 1, but is {rate}.")


def _check_states_are_flat(wrapper: Wrapper) -> None:
    """Checks that states are plain tensors, as those of a cell that is made of cells are not."""
    if not all(isinstance(size, int) for size in wrapper.state_size):
        wrapper_name, cell_name = type(wrapper).__name__, type(wrapper.cell).__name__
        raise ValueError(f"{wrapper_name} cannot reach the states of the cells within {cell_name}: wrap those.")
