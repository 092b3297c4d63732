"""Wrappers that draw random masks in training: dropout and zoneout."""

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
      input_rate: Share of the inputs dropped, within 0 and 1 without 1; so are the other two.
      state_rate: Share of the state dropped.
      output_rate: Share of the outputs dropped; what the next step reads as the last output is not changed.
      variational: One mask for all steps of a sequence.
      seed: Of the masks; a random one if None.
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
        """Wraps `cell`."""
        super().__init__(cell, **kwargs)
        for name, rate in (("input_rate", input_rate), ("state_rate", state_rate), ("output_rate", output_rate)):
            _check_rate(name, rate)
        if state_rate:
            _check_first_state(self)
        self.input_rate = input_rate
        self.state_rate = state_rate
        self.output_rate = output_rate
        self.variational = variational
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def before(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
        """The inputs that stay."""
        if not (training and self.input_rate):
            return inputs
        return inputs * self._mask(inputs, inputs.shape[-1], self.input_rate)

    def aside(self, inputs: tf.Tensor, training: bool) -> list[tf.Tensor]:
        """The mask of the outputs."""
        return [self._mask(inputs, self.output_size, self.output_rate)] if training and self.output_rate else []

    def after(self, output: tf.Tensor, aside: list[tf.Tensor]) -> tf.Tensor:
        """The outputs that stay."""
        return output * aside[0] if aside else output

    def project(self, inputs: tf.Tensor, training: bool = False) -> Nest:
        """The wrapped cell's part, and the masks of outputs and states."""
        drops = training and self.state_rate
        state_mask = [self._mask(inputs, self.state_size[0], self.state_rate)] if drops else []
        return [super().project(inputs, training), state_mask]

    def step(self, fed: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """One step."""
        fed, state_mask = fed
        output, states = super().step(fed, states, training)
        return output, [states[0] * state_mask[0], *states[1:]] if state_mask else states

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """All steps; in the wrapped cell's own way, unless states are dropped between them."""
        way = Cell.unroll if training and self.state_rate else Wrapper.unroll
        return way(self, inputs, lengths, states, training)

    def _mask(self, inputs: tf.Tensor, width: int, rate: float) -> tf.Tensor:
        """The mask `[..., B, width]` for inputs `[..., B, D]`: zeros, and what scales the rest up."""
        shape = tf.concat([tf.shape(inputs)[:-1], [width]], 0)
        noise_shape = shape
        if self.variational:
            if inputs.shape.rank < 3:
                raise ValueError(
                    "Variational dropout draws one mask for all steps, but the cell was given a single step. Run it "
                    "with DynamicRNN or dynamic_rnn, and not within a MultiRNNCell that another cell wraps."
                )
            noise_shape = tf.concat([[1], shape[1:]], 0)
        kept = _bernoulli(noise_shape, 1 - rate, self.generator, self.compute_dtype)
        return tf.broadcast_to(kept / (1 - rate), shape)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the cell from."""
        names = ("input_rate", "state_rate", "output_rate", "variational", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("tfx_sequence")
class ZoneoutWrapper(Wrapper):
    """Lets a random share of each state's units keep their value from one step to the next.

    In training a unit keeps its value with probability `rate`; else all move to the expectation,
    `rate * before + (1 - rate) * after`. The output is the first state after that. Source: Krueger et al. 2016,
    "Zoneout: Regularizing RNNs by Randomly Preserving Hidden Activations".

    Args:
      cell: The cell that is wrapped; its first state must be its output.
      rates: For each state the probability that a unit keeps its value, within 0 and 1 without 1.
      seed: Of the masks; a random one if None.
    """

    def __init__(self, cell: Cell, rates: list[float], seed: int | None = None, **kwargs: Any) -> None:
        """Wraps `cell`."""
        super().__init__(cell, **kwargs)
        _check_first_state(self)
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
        """The wrapped cell's part, and for each state the share that it keeps, 0 or 1 in training."""
        keeps = []
        for size, rate in zip(self.state_size, self.rates, strict=True) if training else ():
            shape = tf.concat([tf.shape(inputs)[:-1], [size]], 0)
            keeps.append(_bernoulli(shape, rate, self.generator, self.compute_dtype))
        return [super().project(inputs, training), keeps]

    def step(self, fed: Nest, states: Nest, training: bool = False) -> tuple[tf.Tensor, Nest]:
        """One step."""
        fed, keeps = fed
        _, new = super().step(fed, states, training)
        mixed = [
            keep * before + (1 - keep) * after
            for keep, before, after in zip(keeps or self.rates, states, new, strict=True)
        ]
        return mixed[0], mixed

    def unroll(
        self, inputs: tf.Tensor, lengths: tf.Tensor, states: Nest, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        """All steps, by the loop."""
        return Cell.unroll(self, inputs, lengths, states, training)

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes the cell from."""
        return {**super().get_config(), "rates": self.rates, "seed": self.seed}


def _bernoulli(shape: tf.Tensor, probability: float, generator: keras.random.SeedGenerator, dtype: str) -> tf.Tensor:
    """Ones with the given probability, zeros else."""
    draws = tf.random.stateless_uniform(shape, tf.cast(generator.next(), tf.int32))
    return tf.cast(draws < probability, dtype)


def _check_rate(name: str, rate: float) -> None:
    if not 0 <= rate < 1:
        raise ValueError(f"`{name}` must be at least 0 and less than 1, but is {rate}.")


def _check_first_state(wrapper: Wrapper) -> None:
    if not all(isinstance(size, int) for size in wrapper.state_size):
        names = type(wrapper).__name__, type(wrapper.cell).__name__
        raise ValueError("{} cannot reach the states of the cells within {}: wrap those.".format(*names))
