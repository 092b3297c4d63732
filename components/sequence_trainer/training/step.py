"""One update of the weights, from one batch, from several that are added up, or from one on each device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.losses.sequence import LossParts
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.rnn.windows import cut_windows
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages
from tfx_sequence.schemas.contract import LENGTHS, WINDOW_SHARE

Gradients = list[tf.Tensor]


class TrainingStep:
    """Updates a model's weights.

    However many batches an update is made of, and however many windows a batch, each head's sums and normalisers are
    added up over them and divided once: the update is that of one large batch.
    """

    def __init__(self, model: Any, optimizer: Any, averages: WeightAverages, config: TrainingConfig, spec: Any) -> None:
        """Takes a built model.

        Args:
          model: Has `heads`, as SequenceModel does; and its `window`, to be trained in windows.
          optimizer: Built for the model's weights.
          averages: Follow the weights.
          config: The settings.
          spec: What the batches look like.
        """
        self._model = model
        self._optimizer = optimizer
        self._averages = averages
        self._config = config
        self._scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        self._variables = [variable.value for variable in model.trainable_variables]
        self._strategy = tf.distribute.get_strategy()
        self.group = config.accumulate * self._strategy.num_replicas_in_sync
        """How many batches an update takes."""
        if self._strategy.num_replicas_in_sync > 1:
            signature = [[spec] * self.group, tf.TensorSpec([self.group], tf.float32)]
            self._replicas = _traced(self._on_replicas, signature)
        elif config.accumulate > 1 or config.window is not None:
            self._sums = [[tf.Variable(tf.zeros_like(v)) for v in self._variables] for _ in model.heads]
            self._parts = tf.Variable(tf.zeros([len(model.heads), 2]))
            self._add = _traced(self._add_part, [spec] if config.window is None else self._of_windows(spec))
            self._divide = _traced(self._divide_sums, [])
        else:
            self._single = _traced(self._one_batch, [spec])

    def __call__(self, batches: Sequence[Batch]) -> tuple[float, bool]:
        """Makes one update.

        Args:
          batches: Up to `group` of them.

        Returns:
          The loss, and whether it and the gradient are finite.
        """
        if self._strategy.num_replicas_in_sync > 1:
            missing = self.group - len(batches)
            weights = tf.constant([1.0] * len(batches) + [0.0] * missing)
            loss, norm = self._replicas([*batches, *[batches[0]] * missing], weights)
        elif self._config.accumulate > 1 or self._config.window is not None:
            for batch in batches:
                self._add_batch(batch)
            loss, norm = self._divide()
        else:
            loss, norm = self._single(batches[0])
        # A loss scale that is too large gives infinite gradients now and then; its optimizer passes over them.
        figures = [loss] if self._scales else [loss, norm]
        return float(loss), bool(tf.reduce_all(tf.math.is_finite(figures)))

    def _losses(self, outputs: Mapping[str, tf.Tensor], batch: Batch) -> list[LossParts]:
        """The loss of each head."""
        heads = self._model.heads.items()
        return [head.loss(outputs[name], batch, self._config.loss, training=True) for name, head in heads]

    def _gradients(self, tape: tf.GradientTape, loss: tf.Tensor) -> Gradients:
        """The gradient of each weight, dense: rows of a table that several steps read are added up."""
        found = tape.gradient(loss, self._variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in found]

    def _one_batch(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.add_n([part.value for part in self._losses(self._model(batch, training=True), batch)])
            scaled = self._optimizer.scale_loss(loss)
        return loss, self._apply(self._gradients(tape, scaled))

    def _add_batch(self, batch: Batch) -> None:
        """Adds a batch to the sums: at once, or window by window."""
        if self._config.window is None:
            self._add(batch)
            return
        lengths = batch[LENGTHS]
        by_step = {name: value for name, value in batch.items() if name in self._by_step}
        states = self._model.first_states(tf.size(lengths))
        for steps, within in cut_windows(by_step, lengths, self._config.window):
            window = {**batch, **steps, LENGTHS: tf.cast(within, lengths.dtype)}
            if self._config.loss == "sequence_mean":
                # A sequence's mean is that of its windows' means, each weighted by its share of the steps.
                window[WINDOW_SHARE] = tf.math.divide_no_nan(tf.cast(within, tf.float32), tf.cast(lengths, tf.float32))
            states = self._add(window, states)

    def _of_windows(self, spec: Mapping[str, tf.TensorSpec]) -> list[Any]:
        """What a window and the states before it look like."""
        # Of what has steps, the second axis has no fixed size.
        self._by_step = {name for name, each in spec.items() if each.shape.rank > 1 and each.shape[1] is None}
        share = {WINDOW_SHARE: tf.TensorSpec([None], tf.float32)} if self._config.loss == "sequence_mean" else {}
        states = self._model.first_states(1)
        return [
            {**spec, **share},
            tf.nest.map_structure(lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), states),
        ]

    def _add_part(self, batch: Batch, states: Nest = None) -> Nest:
        """Adds a batch or, with the states before it, a window. Returns the states after it.

        The tape begins with the window, so gradients stop there.
        """
        with tf.GradientTape(persistent=len(self._model.heads) > 1) as tape:
            if states is None:
                outputs = self._model(batch, training=True)
            else:
                outputs, states = self._model.window(batch, states, training=True)
            parts = self._losses(outputs, batch)
            scaled = [self._optimizer.scale_loss(part.total) for part in parts]
        for sums, total in zip(self._sums, scaled, strict=True):
            for variable, gradient in zip(sums, self._gradients(tape, total), strict=True):
                variable.assign_add(gradient)
        self._parts.assign_add(tf.convert_to_tensor(parts))
        return states

    def _divide_sums(self) -> tuple[tf.Tensor, tf.Tensor]:
        parts = [LossParts(*tf.unstack(part)) for part in tf.unstack(self._parts)]
        divisors = [LossParts(tf.ones([]), part.normaliser).value for part in parts]
        gradients = [
            tf.add_n([divisor * total for divisor, total in zip(divisors, totals, strict=True)])
            for totals in zip(*self._sums, strict=True)
        ]
        loss, norm = tf.add_n([part.value for part in parts]), self._apply(gradients)
        for variable in [self._parts, *(each for sums in self._sums for each in sums)]:
            variable.assign(tf.zeros_like(variable))
        return loss, norm

    def _on_replicas(self, batches: list[Batch], weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        loss, norm = self._strategy.run(self._on_replica, args=(batches, weights))
        return self._strategy.experimental_local_results(loss)[0], self._strategy.experimental_local_results(norm)[0]

    def _on_replica(self, batches: list[Batch], weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The batch of this replica; a weight of 0 stands for none."""
        context = tf.distribute.get_replica_context()
        # Each replica is traced by itself, so its number is a constant.
        replica = int(tf.get_static_value(context.replica_id_in_sync_group))
        batch, weight = batches[replica], weights[replica]
        with tf.GradientTape() as tape:
            parts = self._losses(self._model(batch, training=True), batch)
            normalisers = tf.unstack(context.all_reduce("SUM", weight * tf.stack([part.normaliser for part in parts])))
            whole = [LossParts(weight * part.total, by) for part, by in zip(parts, normalisers, strict=True)]
            loss = tf.add_n([part.value for part in whole])
            scaled = self._optimizer.scale_loss(loss)
        gradients = context.all_reduce("SUM", self._gradients(tape, scaled))
        return context.all_reduce("SUM", loss), self._apply(gradients)

    def _apply(self, gradients: Gradients) -> tf.Tensor:
        """Clips the gradients and updates the weights. Returns the global norm before it."""
        scale = self._optimizer.scale_loss(tf.ones([]))
        if self._scales:
            gradients = [gradient / scale for gradient in gradients]
        gradients, norm = tf.clip_by_global_norm(gradients, self._config.clip_norm)
        # The optimizer takes the scale away, and adds up the gradients of the replicas, which are all the sum already.
        replicas = self._strategy.num_replicas_in_sync
        if self._scales or replicas > 1:
            gradients = [gradient * (scale / replicas) for gradient in gradients]
        self._optimizer.apply(gradients)
        self._averages.update()
        return norm


def _traced(function: Callable[..., Any], signature: list[Any]) -> Callable[..., Any]:
    """The function as a graph. It is traced now, so that the first step's time is not that of tracing."""
    graph = tf.function(function, input_signature=signature)
    graph.get_concrete_function()
    return graph
