"""Defines LossDivisors, which keeps the weights of records in training independent of how they are batched.

All batches have about the same number of steps. So a batch of short records has many records, and a batch of long
records has few. If each update divided its loss by its own normaliser, then long records would count more than short
ones. If all updates divide by the mean normaliser, each record counts the same::

    reduction `sequence_mean`          100 records of 20 steps    10 records of 200 steps
    normaliser of the update           100                        10
    weight of a record, own divisor    1 / 100                    1 / 10
    weight of a record, mean divisor   1 / 55                     1 / 55

The mean over all updates of an epoch of `total / mean normaliser` is the loss over the whole split.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import Batch
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.losses.sequence import Reduction
from tfx_sequence.components.sequence_trainer.model.model import LabelModel

Floats = npt.NDArray[np.float64]


class LossDivisors:
    """Computes the divisors by which an update divides the total of the loss of each head.

    For data in memory, a divisor is the mean normaliser of the updates of an epoch. For other data this mean is not
    known, so a divisor is the mean normaliser of all updates of the training so far, including the current one. It
    becomes more exact with each update.

    Args:
      model: The built model.
      reduction: How step losses are reduced to one number.
      train: The batches to train on.
      batches_per_update: The number of batches that one update uses.

    Raises:
      ValueError: if `batches_per_update` is less than 1.

    Attributes:
      variables: The state of the running means, which a checkpoint must contain.
    """

    def __init__(
        self, model: LabelModel, reduction: Reduction, train: SequenceBatches, batches_per_update: int
    ) -> None:
        self._model = model
        self._reduction = reduction
        self._train = train
        self._batches_per_update = batches_per_update
        if batches_per_update < 1:
            raise ValueError(f"`batches_per_update` must be at least 1, but is {batches_per_update}")
        specs = train.make_epoch(0).element_spec
        run_model = tf.function(lambda batch: model(batch, training=False), input_signature=[specs])
        self._output_specs = run_model.get_concrete_function().structured_outputs
        # Only features of steps have a second axis without a fixed size.
        self._step_feature = next(name for name, spec in specs.items() if spec.shape.rank > 1 and spec.shape[1] is None)
        self._compute_normalisers = tf.function(self._find_normalisers, input_signature=[specs])
        self._epoch_sums: Floats | None = None
        self._running_sums = tf.Variable(tf.zeros([len(model.heads)], tf.float64), trainable=False)
        self._updates = tf.Variable(tf.zeros([], tf.int64), trainable=False)
        self.variables = [self._running_sums, self._updates]
        self._last_values = [variable.numpy() for variable in self.variables]

    def compute(self, batches: Sequence[Batch], batches_in_epoch: int | None) -> tf.Tensor:
        """Computes the divisors of an update. Each update must call this method exactly once.

        Args:
          batches: The batches of the update.
          batches_in_epoch: The number of batches of the epoch; None if the data is not kept in memory.

        Returns:
          The divisor of each head, float32 `[heads]`; 0 if the total of the head is not divided.
        """
        if batches_in_epoch is None:
            means = self._compute_running_means(batches)
        else:
            # Rounded up, because the last update of an epoch may use fewer batches.
            updates_in_epoch = -(-batches_in_epoch // self._batches_per_update)
            means = self._sum_over_epoch() / updates_in_epoch
        return tf.constant(means, tf.float32)

    def take_back(self) -> None:
        """Takes the batches of the last call of `compute` out of the running means, if their update was not made."""
        for variable, value in zip(self.variables, self._last_values, strict=True):
            variable.assign(value)

    def _compute_running_means(self, batches: Sequence[Batch]) -> Floats:
        """Adds the normalisers of an update to the running sums, and returns their means."""
        self._last_values = [variable.numpy() for variable in self.variables]
        self._running_sums.assign_add(self._sum_normalisers(batches))
        self._updates.assign_add(1)
        return self._running_sums.numpy() / self._updates.numpy()

    def _sum_over_epoch(self) -> Floats:
        """Returns the sums of the normalisers of all records. They are the same in each epoch."""
        if self._epoch_sums is None:
            self._epoch_sums = self._sum_normalisers(self._train.make_epoch(0))
        return self._epoch_sums

    def _sum_normalisers(self, batches: Any) -> Floats:
        """Adds up the normalisers of each head over batches, float64 `[heads]`."""
        sums = np.zeros(len(self._model.heads))
        for batch in batches:
            normalisers = self._compute_normalisers(batch).numpy()
            # The loss of a batch is not finite if a weight of its records is not, so no update uses it.
            sums += np.where(np.isfinite(normalisers), normalisers, 0)
        return sums

    def _find_normalisers(self, batch: Batch) -> tf.Tensor:
        """Returns the normalisers of a batch, float64 `[heads]`.

        Normalisers depend on lengths and weights only. So the network need not run, and its outputs are replaced by 0.
        """
        size, steps = tf.unstack(tf.shape(batch[self._step_feature])[:2])
        outputs = tf.nest.map_structure(lambda spec: _make_zeros(spec, size, steps), self._output_specs)
        losses = [head.compute_loss(outputs[name], batch, self._reduction) for name, head in self._model.heads.items()]
        return tf.stack([tf.cast(loss.normaliser, tf.float64) for loss in losses])


def _make_zeros(spec: tf.TensorSpec, size: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Makes an output of a head with the value 0, `[B, ...]` or `[B, T, ...]`."""
    shape = spec.shape.as_list()
    # Only the number of records and the number of steps may be unknown. Other sizes that are unknown do not matter.
    for axis, fixed_size in enumerate(shape):
        if fixed_size is None:
            shape[axis] = (size, steps)[axis] if axis < 2 else 1
    return tf.zeros(shape, spec.dtype)
