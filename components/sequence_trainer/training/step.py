"""Updates the weights of a model: from one batch, from the sum of several batches, or from one batch per device.

An update is the same as that of one large batch, whether it is made from several batches or from windows of a batch.
The loss of a head consists of a total and a normaliser. Both are summed over all parts before the total is divided::

    loss of a head  =  sum of its totals  /  sum of its normalisers         over batches, windows and devices

The mean of the means of the parts would be another number. A step of a short part would have a greater weight in it.

For the same reason, the updates of an epoch do not divide by their own normalisers, but by the same divisors. See
`model/loss_divisors.py`.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import keras
import numpy as np
import tensorflow as tf

from tfx_sequence.components.compat.replicas import find_seed_states, skip_gradient_reduction
from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.losses.sequence import LossParts
from tfx_sequence.components.sequence_trainer.model.model import LabelModel, SequenceModel
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.training.batch_parts import (
    BatchParts,
    BatchSpec,
    BatchWindows,
    WholeBatches,
)
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages

Gradients = list[tf.Tensor]


class StepResult(NamedTuple):
    """The result of an update.

    Attributes:
      loss: The loss of the batches before the update, each head's total divided by its own normaliser.
      is_finite: Whether the loss and the gradient are finite. With a loss scale, only the loss counts. If False, the
        update was not made.
      totals: The total of the loss of each head.
      normalisers: The normaliser of the loss of each head.
    """

    loss: float
    is_finite: bool
    totals: list[float]
    normalisers: list[float]


def make_training_step(
    model: LabelModel,
    optimizer: keras.optimizers.Optimizer,
    averages: WeightAverages,
    config: TrainingConfig,
    spec: BatchSpec,
) -> TrainingStep:
    """Makes the training step for the settings and for the `tf.distribute` strategy that is in scope.

    Args:
      model: A built model with `heads`, like SequenceModel. With `config.window`, it must be a SequenceModel.
      optimizer: The optimizer, which must be built for the model's weights.
      averages: The moving averages of the weights.
      config: The settings of the training.
      spec: The shapes and dtypes of the batches.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return ReplicatedStep(model, optimizer, averages, config, spec)
    if config.window is not None:
        # Trainer has checked that the model is a SequenceModel.
        windows = BatchWindows(cast(SequenceModel, model), spec, config.window, config.loss)
        return AccumulatedStep(model, optimizer, averages, config, windows)
    if config.accumulate > 1:
        return AccumulatedStep(model, optimizer, averages, config, WholeBatches(model, spec))
    return SingleStep(model, optimizer, averages, config, spec)


class TrainingStep(abc.ABC):
    """Base class of the training steps. Each call updates the weights of a built model once, and their averages.

    If the loss or its gradient is not finite, the weights, their averages and the variables of the optimizer do not
    change. The random generators of the model go on, because they have already drawn the numbers for the batch.

    Attributes:
      batches_per_update: The number of batches that one update uses.
    """

    def __init__(
        self,
        model: LabelModel,
        optimizer: keras.optimizers.Optimizer,
        averages: WeightAverages,
        config: TrainingConfig,
        batches_per_update: int,
    ) -> None:
        self.batches_per_update = batches_per_update
        self._model = model
        self._optimizer = optimizer
        self._averages = averages
        self._config = config
        self._scales_loss = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        self._variables = [variable.value for variable in model.trainable_variables]
        self._divisors_spec = tf.TensorSpec([len(model.heads)], tf.float32)
        # What a model of the user computes from its batches, such as the moving mean of a batch normalisation.
        self._statistics = [
            variable.value
            for variable in model.non_trainable_variables
            if config.skip_bad_batches and tf.as_dtype(variable.dtype).is_floating
        ]

    def __call__(self, batches: Sequence[Batch], divisors: tf.Tensor | None = None) -> StepResult:
        """Makes one update.

        Args:
          batches: One to `batches_per_update` batches.
          divisors: The divisor of the total of each head's loss, float32 `[heads]`, as LossDivisors computes it. Where
            it is 0, and everywhere if None, the total is divided by the normaliser of the update itself.

        Raises:
          ValueError: if there is no batch, or there are more than `batches_per_update`.
        """
        if not 1 <= len(batches) <= self.batches_per_update:
            raise ValueError(f"an update needs 1 to {self.batches_per_update} batches, but was given {len(batches)}")
        if divisors is None:
            divisors = tf.zeros([len(self._model.heads)])
        statistics = [tf.convert_to_tensor(variable) for variable in self._statistics]
        losses, is_finite = self._update(batches, divisors)
        if not is_finite:
            for variable, value in zip(self._statistics, statistics, strict=True):
                variable.assign(value)
        totals, normalisers = losses.numpy().astype(np.float64).T
        # If a normaliser is 0, the total is not divided.
        loss = float(np.sum(totals / np.where(normalisers > 0, normalisers, 1)))
        return StepResult(loss, bool(is_finite), totals.tolist(), normalisers.tolist())

    @abc.abstractmethod
    def _update(self, batches: Sequence[Batch], divisors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Makes one update.

        Returns:
          The total and the normaliser of each head's loss, float32 `[heads, 2]`, and whether these and the gradient are
          finite, a scalar bool.
        """

    def _compute_losses(self, outputs: Mapping[str, tf.Tensor], batch: Batch) -> list[LossParts]:
        """Computes the loss of each head."""
        heads = self._model.heads.items()
        return [head.compute_loss(outputs[name], batch, self._config.loss, training=True) for name, head in heads]

    def _compute_gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> Gradients:
        """Computes the dense gradient of each weight.

        If several steps read the same row of an embedding, their gradients are summed.
        """
        gradients = tape.gradient(loss, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    def _update_if_finite(self, losses: tf.Tensor, gradients: Gradients) -> tf.Tensor:
        """Clips the gradients, and updates the weights and their averages if the losses and the gradients are finite.

        Args:
          losses: The total and the normaliser of each head's loss, `[heads, 2]`.
          gradients: The gradient of each weight, multiplied by the loss scale if the optimizer has one.

        Returns:
          Whether the losses and the gradients are finite, a scalar bool.
        """
        scale = self._optimizer.scale_loss(tf.ones([]))
        if self._scales_loss:
            gradients = [gradient / scale for gradient in gradients]
        gradients, norm = tf.clip_by_global_norm(gradients, self._config.clip_norm)
        # The optimizer itself divides by the loss scale.
        if self._scales_loss:
            gradients = [gradient * scale for gradient in gradients]
        # A loss scale that is too large produces infinite gradients from time to time. Its optimizer skips these
        # updates, so an infinite gradient is not an error then, but a loss that is not finite is.
        is_finite = tf.reduce_all(tf.math.is_finite(losses))
        if not self._scales_loss:
            is_finite = tf.logical_and(is_finite, tf.math.is_finite(norm))
        tf.distribute.get_replica_context().merge_call(self._update_on_condition, args=(is_finite, gradients))
        return is_finite

    def _update_on_condition(
        self, strategy: tf.distribute.Strategy, condition: tf.Tensor, gradients: Gradients
    ) -> None:
        """Updates the weights and their averages on all replicas if the condition is true.

        A condition around an update must be outside of the replicas, because the optimizer joins them.

        Args:
          strategy: The strategy of the replicas.
          condition: A scalar bool, which is the same on all replicas.
          gradients: The gradient of each weight on each replica.
        """

        def update_weights(gradients: Gradients) -> None:
            self._optimizer.apply(gradients)
            self._averages.update()

        tf.cond(
            strategy.experimental_local_results(condition)[0],
            lambda: strategy.extended.call_for_each_replica(update_weights, args=(gradients,)),
            lambda: None,
        )


class SingleStep(TrainingStep):
    """Makes an update from one whole batch.

    Args:
      model: The built model.
      optimizer: The optimizer, which must be built for the model's weights.
      averages: The moving averages of the weights.
      config: The settings of the training.
      spec: The shapes and dtypes of the batches.
    """

    def __init__(
        self,
        model: LabelModel,
        optimizer: keras.optimizers.Optimizer,
        averages: WeightAverages,
        config: TrainingConfig,
        spec: BatchSpec,
    ) -> None:
        super().__init__(model, optimizer, averages, config, batches_per_update=1)
        self._update_traced = _trace(self._update_from_batch, [spec, self._divisors_spec])

    def _update(self, batches: Sequence[Batch], divisors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return self._update_traced(batches[0], divisors)

    def _update_from_batch(self, batch: Batch, divisors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            losses = self._compute_losses(self._model(batch, training=True), batch)
            shares = [loss.divide_by(divisor) for loss, divisor in zip(losses, tf.unstack(divisors), strict=True)]
            scaled = self._optimizer.scale_loss(tf.add_n(shares))
        losses = tf.stack(losses)
        gradients = self._compute_gradients(tape, scaled)
        return losses, self._update_if_finite(losses, gradients)


class AccumulatedStep(TrainingStep):
    """Makes an update from several batches, or from windows of batches, which one device processes one by one.

    The gradients of the totals are summed, separately for each head, and divided at the end::

        head 1: sum of gradients G1, total T1, divisor D1        objective = T1 / D1 + T2 / D2
        head 2: sum of gradients G2, total T2, divisor D2        gradient  = G1 / D1 + G2 / D2

    The divisor may be the normaliser of the update, which is not known before the last part.

    Args:
      model: The built model.
      optimizer: The optimizer, which must be built for the model's weights.
      averages: The moving averages of the weights.
      config: The settings of the training.
      parts: Cuts the batches into parts.
    """

    def __init__(
        self,
        model: LabelModel,
        optimizer: keras.optimizers.Optimizer,
        averages: WeightAverages,
        config: TrainingConfig,
        parts: BatchParts,
    ) -> None:
        super().__init__(model, optimizer, averages, config, batches_per_update=config.accumulate)
        self._parts = parts
        self._gradient_sums = [self._make_gradient_sums() for _ in model.heads]
        self._loss_sums = tf.Variable(tf.zeros([len(model.heads), 2]))  # The total and the normaliser of each head.
        self._add_traced = _trace(self._add_part, parts.signature)
        self._apply_sums_traced = _trace(self._apply_sums, [self._divisors_spec])

    def _make_gradient_sums(self) -> list[tf.Variable]:
        """Makes one variable per weight that starts at 0."""
        return [tf.Variable(tf.zeros_like(variable)) for variable in self._variables]

    def _update(self, batches: Sequence[Batch], divisors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        for batch in batches:
            self._parts.add_parts(batch, self._add_traced)
        return self._apply_sums_traced(divisors)

    def _add_part(self, part: Batch, states: Nest = None) -> Nest:
        """Adds the gradients, totals and normalisers of a part to the sums. Returns the states after the part."""
        # The tape starts with this part, so no gradient flows into the parts before it.
        with tf.GradientTape(persistent=len(self._model.heads) > 1) as tape:
            outputs, states = self._parts.run_model(part, states)
            losses = self._compute_losses(outputs, part)
            scaled_totals = [self._optimizer.scale_loss(loss.total) for loss in losses]
        for sums, total in zip(self._gradient_sums, scaled_totals, strict=True):
            for variable, gradient in zip(sums, self._compute_gradients(tape, total), strict=True):
                variable.assign_add(gradient)
        self._loss_sums.assign_add(tf.stack(losses))
        return states

    def _apply_sums(self, divisors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Divides the sums by the divisors, updates the weights, and sets the sums to 0."""
        losses = tf.convert_to_tensor(self._loss_sums)  # A copy, because the sums are set to 0 below.
        _, normalisers = tf.unstack(losses, axis=1)
        factors = []
        for normaliser, divisor in zip(tf.unstack(normalisers), tf.unstack(divisors), strict=True):
            factors.append(LossParts(tf.ones([]), normaliser).divide_by(divisor))
        gradients = []
        # One gradient per weight: the weighted sum of the gradients of all heads.
        for sums_of_heads in zip(*self._gradient_sums, strict=True):
            terms = [factor * sums for factor, sums in zip(factors, sums_of_heads, strict=True)]
            gradients.append(tf.add_n(terms))
        is_finite = self._update_if_finite(losses, gradients)
        self._reset_sums()
        return losses, is_finite

    def _reset_sums(self) -> None:
        """Sets all sums to 0."""
        for variable in itertools.chain([self._loss_sums], *self._gradient_sums):
            variable.assign(tf.zeros_like(variable))


class ReplicatedStep(TrainingStep):
    """Makes an update from one batch per device of a `tf.distribute` strategy.

    The step and the model must be made in the scope of the strategy.

    Args:
      model: The built model.
      optimizer: The optimizer, which must be built for the model's weights.
      averages: The moving averages of the weights.
      config: The settings of the training.
      spec: The shapes and dtypes of the batches.
    """

    def __init__(
        self,
        model: LabelModel,
        optimizer: keras.optimizers.Optimizer,
        averages: WeightAverages,
        config: TrainingConfig,
        spec: BatchSpec,
    ) -> None:
        self._strategy = tf.distribute.get_strategy()
        replicas = self._strategy.num_replicas_in_sync
        super().__init__(model, optimizer, averages, config, batches_per_update=replicas)
        skip_gradient_reduction(optimizer)
        self._seed_states = find_seed_states(model.variables)
        signature = [[spec] * replicas, tf.TensorSpec([replicas], tf.float32), self._divisors_spec]
        self._update_traced = _trace(self._update_on_replicas, signature)

    def _update(self, batches: Sequence[Batch], divisors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The last update of an epoch may have fewer batches than there are replicas. All replicas must take part, so
        # each of the others receives the first batch with a weight of 0.
        num_missing = self.batches_per_update - len(batches)
        weights = tf.constant([1.0] * len(batches) + [0.0] * num_missing)
        all_batches = [*batches] + [batches[0]] * num_missing
        return self._update_traced(all_batches, weights, divisors)

    def _update_on_replicas(
        self, batches: list[Batch], weights: tf.Tensor, divisors: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        results = self._strategy.run(self._update_on_replica, args=(batches, weights, divisors))
        # All replicas return the same numbers.
        losses, is_finite = (self._strategy.experimental_local_results(result)[0] for result in results)
        return losses, is_finite

    def _update_on_replica(
        self, batches: list[Batch], weights: tf.Tensor, divisors: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        # Each replica is traced separately, so its number is a constant.
        replica = int(tf.get_static_value(context.replica_id_in_sync_group))
        batch, weight = batches[replica], weights[replica]
        with tf.GradientTape() as tape:
            self._shift_seeds(replica)
            parts = self._compute_losses(self._model(batch, training=True), batch)
            self._shift_seeds(-replica)
            # Without the stop, the backward pass would reduce the gradients of these numbers, which are not used.
            losses = context.all_reduce("SUM", tf.stop_gradient(weight * tf.stack(parts)))
            _, normalisers = tf.unstack(losses, axis=1)
            # This replica's share of the loss of each head. The sum of all shares is the loss of one large batch.
            shares = []
            for part, normaliser, divisor in zip(parts, tf.unstack(normalisers), tf.unstack(divisors), strict=True):
                shares.append(LossParts(weight * part.total, normaliser).divide_by(divisor))
            scaled = self._optimizer.scale_loss(tf.add_n(shares))
        # Clipping needs the sum of the gradients, so they are summed here and not by the optimizer.
        replica_gradients = self._compute_gradients(tape, scaled)
        gradients = context.all_reduce("SUM", replica_gradients)
        return losses, self._update_if_finite(losses, gradients)

    def _shift_seeds(self, shift: int) -> None:
        """Adds a number to the seeds of this replica, so that each replica draws other dropout masks.

        Each replica has its own copy of the states of random generators. Between updates all copies must be equal,
        because a checkpoint contains only one of them.
        """
        for state in self._seed_states if shift else []:
            state.assign(state + tf.cast([shift, 0], state.dtype))


def _trace(function: Callable[..., Any], signature: list[Any]) -> Callable[..., Any]:
    """Traces a function immediately, so that the time of the first update does not include tracing."""
    graph = tf.function(function, input_signature=signature)
    graph.get_concrete_function()
    return graph
