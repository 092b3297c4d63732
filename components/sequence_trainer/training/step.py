"""Updates the weights of a model: from one batch, from the sum of several batches, or from one batch per device.

An update is the same as that of one large batch, whether it is made from several batches or from windows of a batch.
The loss of a head consists of a total and a normaliser. Both are summed over all parts before the total is divided::

    loss of a head  =  sum of its totals  /  sum of its normalisers         over batches, windows and devices

The mean of the means of the parts would be another number. A step of a short part would have a greater weight in it.
"""

from __future__ import annotations

import abc
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import keras
import tensorflow as tf

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
      loss: The loss before the update.
      is_finite: Whether the loss and the gradient are finite. With a loss scale, only the loss counts.
    """

    loss: float
    is_finite: bool


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

    def __call__(self, batches: Sequence[Batch]) -> StepResult:
        """Makes one update.

        Args:
          batches: One to `batches_per_update` batches.
        """
        loss, norm = self._update(batches)
        # A loss scale that is too large produces infinite gradients from time to time. Its optimizer skips these
        # updates, so an infinite gradient is not an error then, but a loss that is not finite is.
        numbers = [loss] if self._scales_loss else [loss, norm]
        return StepResult(float(loss), bool(tf.reduce_all(tf.math.is_finite(numbers))))

    @abc.abstractmethod
    def _update(self, batches: Sequence[Batch]) -> tuple[tf.Tensor, tf.Tensor]:
        """Makes one update. Returns two scalars: the loss, and the global norm of the gradient."""

    def _compute_losses(self, outputs: Mapping[str, tf.Tensor], batch: Batch) -> list[LossParts]:
        """Computes the loss of each head."""
        heads = self._model.heads.items()
        return [head.loss(outputs[name], batch, self._config.loss, training=True) for name, head in heads]

    def _compute_gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> Gradients:
        """Computes the dense gradient of each weight.

        If several steps read the same row of an embedding, their gradients are summed.
        """
        gradients = tape.gradient(loss, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in gradients]

    def _apply(self, gradients: Gradients, replicas: int = 1) -> tf.Tensor:
        """Clips the gradients, and updates the weights and their averages.

        Args:
          gradients: The gradient of each weight, multiplied by the loss scale if the optimizer has one.
          replicas: The number of replicas that apply the same gradients together.

        Returns:
          The global norm of the gradients before clipping, without the loss scale.
        """
        scale = self._optimizer.scale_loss(tf.ones([]))
        if self._scales_loss:
            gradients = [gradient / scale for gradient in gradients]
        gradients, norm = tf.clip_by_global_norm(gradients, self._config.clip_norm)
        # The optimizer itself divides by the loss scale, and sums the gradients of all replicas. The factor compensates
        # for both.
        if self._scales_loss or replicas > 1:
            gradients = [gradient * (scale / replicas) for gradient in gradients]
        self._optimizer.apply(gradients)
        self._averages.update()
        return norm


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
        self._update_traced = _trace(self._update_from_batch, [spec])

    def _update(self, batches: Sequence[Batch]) -> tuple[tf.Tensor, tf.Tensor]:
        return self._update_traced(batches[0])

    def _update_from_batch(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            parts = self._compute_losses(self._model(batch, training=True), batch)
            loss = tf.add_n([part.value for part in parts])
            scaled = self._optimizer.scale_loss(loss)
        return loss, self._apply(self._compute_gradients(tape, scaled))


class AccumulatedStep(TrainingStep):
    """Makes an update from several batches, or from windows of batches, which one device processes one by one.

    The normalisers are not known before the last part. So the gradients of the totals are summed, separately for each
    head, and divided at the end::

        head 1: sum of gradients G1, total T1, normaliser N1        loss     = T1 / N1 + T2 / N2
        head 2: sum of gradients G2, total T2, normaliser N2        gradient = G1 / N1 + G2 / N2

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
        self._gradient_sums = [[tf.Variable(tf.zeros_like(v)) for v in self._variables] for _ in model.heads]
        self._loss_sums = tf.Variable(tf.zeros([len(model.heads), 2]))  # The total and the normaliser of each head.
        self._add_traced = _trace(self._add_part, parts.signature)
        self._apply_sums_traced = _trace(self._apply_sums, [])

    def _update(self, batches: Sequence[Batch]) -> tuple[tf.Tensor, tf.Tensor]:
        for batch in batches:
            self._parts.add_parts(batch, self._add_traced)
        return self._apply_sums_traced()

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
        self._loss_sums.assign_add(tf.convert_to_tensor(losses))
        return states

    def _apply_sums(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Divides the sums by the normalisers, updates the weights, and sets the sums to 0."""
        losses = [LossParts(*tf.unstack(sums)) for sums in tf.unstack(self._loss_sums)]
        # A factor is 1 / normaliser, or 1 if the normaliser is 0.
        factors = [LossParts(tf.ones([]), loss.normaliser).value for loss in losses]
        gradients = []
        # One gradient per weight: the weighted sum of the gradients of all heads.
        for sums_of_heads in zip(*self._gradient_sums, strict=True):
            terms = [factor * sums for factor, sums in zip(factors, sums_of_heads, strict=True)]
            gradients.append(tf.add_n(terms))
        loss = tf.add_n([loss.value for loss in losses])
        norm = self._apply(gradients)
        self._reset_sums()
        return loss, norm

    def _reset_sums(self) -> None:
        for variable in [self._loss_sums, *itertools.chain.from_iterable(self._gradient_sums)]:
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
        signature = [[spec] * replicas, tf.TensorSpec([replicas], tf.float32)]
        self._update_traced = _trace(self._update_on_replicas, signature)

    def _update(self, batches: Sequence[Batch]) -> tuple[tf.Tensor, tf.Tensor]:
        # The last update of an epoch may have fewer batches than there are replicas. All replicas must take part, so
        # each of the others receives the first batch with a weight of 0.
        missing = self.batches_per_update - len(batches)
        weights = tf.constant([1.0] * len(batches) + [0.0] * missing)
        return self._update_traced([*batches, *[batches[0]] * missing], weights)

    def _update_on_replicas(self, batches: list[Batch], weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        results = self._strategy.run(self._update_on_replica, args=(batches, weights))
        # All replicas return the same numbers.
        loss, norm = (self._strategy.experimental_local_results(result)[0] for result in results)
        return loss, norm

    def _update_on_replica(self, batches: list[Batch], weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        context = tf.distribute.get_replica_context()
        # Each replica is traced separately, so its number is a constant.
        replica = int(tf.get_static_value(context.replica_id_in_sync_group))
        batch, weight = batches[replica], weights[replica]
        with tf.GradientTape() as tape:
            parts = self._compute_losses(self._model(batch, training=True), batch)
            own_normalisers = weight * tf.stack([part.normaliser for part in parts])
            normalisers = tf.unstack(context.all_reduce("SUM", own_normalisers))
            # This replica's share of the loss of each head. The sum of all shares is the loss of one large batch.
            shares = [LossParts(weight * part.total, n) for part, n in zip(parts, normalisers, strict=True)]
            loss = tf.add_n([share.value for share in shares])
            scaled = self._optimizer.scale_loss(loss)
        gradients = context.all_reduce("SUM", self._compute_gradients(tape, scaled))
        return context.all_reduce("SUM", loss), self._apply(gradients, self._strategy.num_replicas_in_sync)


def _trace(function: Callable[..., Any], signature: list[Any]) -> Callable[..., Any]:
    """Traces a function immediately, so that the time of the first update does not include tracing."""
    graph = tf.function(function, input_signature=signature)
    graph.get_concrete_function()
    return graph
