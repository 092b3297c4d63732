"""Cell wrappers that apply random masks in training, for regularization: dropout and zoneout."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.rnn.cell import Cell
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.rnn.wrappers import Wrapper


@keras.saving.register_keras_serializable("tfx_sequence")
class DropoutWrapper(Wrapper):
    """Applies dropout to the inputs, the outputs and the first state of a cell.

    Dropout is on in training only. Values that are not dropped are scaled up by `1 / (1 - rate)`. The first state of a
    cell is its last output. Other states, such as the cell state of an LSTM, are never dropped. Each step has its own
    masks, unless `variational` is True.

    Sources: Zaremba et al. 2014, "Recurrent Neural Network Regularization" (inputs and outputs, one mask per step); Gal
    and Ghahramani 2015, "A Theoretically Grounded Application of Dropout in Recurrent Neural Networks" (variational,
    with dropout of states).

    Args:
      cell: The wrapped cell.
      input_rate: The share of the inputs that is dropped. All rates must be at least 0 and less than 1.
      state_rate: The share of the first state that is dropped between steps.
      output_rate: The share of the outputs that is dropped. This does not affect the state, which the next step reads.
      variational: Whether all steps of a sequence share one mask.
      seed: The seed of the masks; a random seed if None.

    Raises:
      ValueError: if a rate is out of range, or `state_rate` is set for a cell that consists of several cells.
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
        """Applies dropout to the inputs."""
        if not (training and self.input_rate):
            return inputs
        return inputs * self._draw_mask(inputs, inputs.shape[-1], self.input_rate)

    def make_extras(self, inputs: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """Draws the mask of the outputs. Returns an empty list if outputs are not dropped."""
        if not (training and self.output_rate):
            return []
        return [self._draw_mask(inputs, self.output_size, self.output_rate)]

    def change_outputs(self, outputs: tf.Tensor, extras: list[tf.Tensor]) -> tf.Tensor:
        """Applies the mask to the outputs."""
        return outputs * extras[0] if extras else outputs

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Returns the result of `Wrapper.project`, and the mask of the first state (an empty list without dropout)."""
        # The order matters: if the mask of the state were not drawn first, a seed would result in other masks.
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
        """Computes all steps as the wrapped cell does, or in a loop if the state is dropped between steps."""
        if training and self.state_rate:
            return Cell.unroll(self, inputs, lengths, states, training)
        return super().unroll(inputs, lengths, states, training)

    def _draw_mask(self, inputs: tf.Tensor, width: int, rate: float) -> tf.Tensor:
        """Draws a mask with 0 for dropped values and `1 / (1 - rate)` for all others.

        Args:
          inputs: `[..., B, D]`. Only the shape is used.
          width: The width of the mask.
          rate: The share of values that is dropped.

        Returns:
          The mask, `[..., B, width]`.
        """
        shape = tf.concat([tf.shape(inputs)[:-1], [width]], 0)
        noise_shape = shape
        if self.variational:
            if inputs.shape.rank < 3:
                raise ValueError(
                    "Variational dropout draws one mask for all steps, but the cell received a single step. Run the "
                    "cell with DynamicRNN or dynamic_rnn, and not in a MultiRNNCell that another cell wraps."
                )
            noise_shape = tf.concat([[1], shape[1:]], 0)  # One mask for all T steps.
        kept = _draw_ones(noise_shape, 1 - rate, self.generator, self.compute_dtype)
        return tf.broadcast_to(kept / (1 - rate), shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        names = ("input_rate", "state_rate", "output_rate", "variational", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("tfx_sequence")
class ZoneoutWrapper(Wrapper):
    """Applies zoneout: random units of each state keep their value from one step to the next.

    In training, each unit keeps its old value with probability `rate`. In evaluation, each unit gets the expected
    value, `rate * old + (1 - rate) * new`. The output of the wrapper is the first state after zoneout. Source: Krueger
    et al. 2016, "Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations".

    Args:
      cell: The wrapped cell. Its first state must be its output.
      rates: The probability that a unit keeps its value, for each state, at least 0 and less than 1.
      seed: The seed of the masks; a random seed if None.

    Raises:
      ValueError: if a rate is out of range, the number of rates is not the number of states, or the first state of the
        cell is not its output.
    """

    def __init__(self, cell: Cell, rates: list[float], seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        _check_states_are_flat(self)
        if len(rates) != len(self.state_size):
            raise ValueError(f"`rates` must have a rate for each of the {len(self.state_size)} states, but is {rates}.")
        if self.state_size[0] != self.output_size:
            raise ValueError(
                f"Zoneout needs a cell whose first state is its output, but {type(cell).__name__} has another output."
            )
        for rate in rates:
            _check_rate("rates", rate)
        self.rates = list(rates)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """Returns the result of `Wrapper.project`, and the masks of the units that keep their value.

        There is one mask per state in training, and an empty list of masks in evaluation.
        """
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
        keep_shares = keep_masks or self.rates  # In training 0 or 1 for each unit, otherwise the expected share.
        mixed = [keep * old + (1 - keep) * new for keep, old, new in zip(keep_shares, states, new_states, strict=True)]
        return mixed[0], mixed

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """Computes all steps in a loop, because the states change between steps; see `Cell.unroll`."""
        return Cell.unroll(self, inputs, lengths, states, training)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor, for Keras to store."""
        return {**super().get_config(), "rates": self.rates, "seed": self.seed}


def _draw_ones(shape: tf.Tensor, probability: float, generator: keras.random.SeedGenerator, dtype: str) -> tf.Tensor:
    """Draws ones with the given probability, and zeros otherwise."""
    draws = tf.random.stateless_uniform(shape, tf.cast(generator.next(), tf.int32))
    return tf.cast(draws < probability, dtype)


def _check_rate(name: str, rate: float) -> None:
    """Raises a ValueError if a rate is less than 0, or 1 or more."""
    if not 0 <= rate < 1:
        raise ValueError(f"`{name}` must be at least 0 and less than 1, but is {rate}.")


def _check_states_are_flat(wrapper: Wrapper) -> None:
    """Raises a ValueError if a state is not one tensor, but a list, as it is if the cell consists of several cells."""
    if not all(isinstance(size, int) for size in wrapper.state_size):
        wrapper_name, cell_name = type(wrapper).__name__, type(wrapper.cell).__name__
        raise ValueError(
            f"{wrapper_name} cannot reach the states of the cells within {cell_name}. Wrap the inner cells instead."
        )
