"""Trains on two CPU devices, then on one with two batches an update, and prints the losses and weights of each.

It also prints how many numbers the devices add up in an update, and what dropout draws on each device.
With the argument `bad`, a record is not finite, and training passes over its batches.
"""

from __future__ import annotations

import json
import sys
import tempfile
from typing import Any

import tensorflow as tf

two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)

import keras  # noqa: E402

from support import training_corpus  # noqa: E402
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig  # noqa: E402
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel  # noqa: E402
from tfx_sequence.components.sequence_trainer.training.optimizer import make_optimizer  # noqa: E402
from tfx_sequence.components.sequence_trainer.training.step import make_training_step  # noqa: E402
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages  # noqa: E402

training_corpus.MODEL = training_corpus.SILENT
BAD: dict[str, Any] = {"bad": 17} if "bad" in sys.argv else {}


def run(strategy: tf.distribute.Strategy, **settings: Any) -> dict[str, Any]:
    with strategy.scope(), tempfile.TemporaryDirectory() as folder:
        train = training_corpus.batches(batch_tokens=28, **BAD)
        assert (train.count_batches(1) or 0) % 2, "the last update must have one batch only"
        settings = {"epochs": 2, "clip_norm": 0.2, "average": 0.5, "skip_bad_batches": 2, **settings}
        model, trainer = training_corpus.new_trainer(folder, **settings)
        outcome = trainer.fit(train, training_corpus.batches(seed=None))
        weights = [tf.convert_to_tensor(weight).numpy().astype(float).tolist() for weight in model.trainable_variables]
    losses = [figures["loss"] for figures in trainer.history] + [outcome.metrics["loss"]]
    skipped = [figures.get("skipped_batches", 0) for figures in trainer.history]
    return {"replicas": strategy.num_replicas_in_sync, "losses": losses, "weights": weights, "skipped": skipped}


class CountingReduction(tf.distribute.ReductionToOneDevice):
    """Counts the numbers of each device that are added up with those of the other devices."""

    numbers = 0

    def batch_reduce_implementation(self, reduce_op: Any, value_destination_pairs: Any, *options: Any) -> Any:
        self.numbers += sum(value.values[0].shape.num_elements() for value, _ in value_destination_pairs)
        return super().batch_reduce_implementation(reduce_op, value_destination_pairs, *options)


def update(copies: int) -> dict[str, Any]:
    """Updates a model with dropout once, with copies of one batch, each on a device of its own."""
    reduction = CountingReduction()
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"], cross_device_ops=reduction).scope():
        keras.utils.set_random_seed(1)
        model = SequenceModel(training_corpus.TASK, training_corpus.DRAWING, seed=1)
        whole = training_corpus.batches(seed=None, batch_tokens=1000)
        (batch,) = whole.make_epoch()
        model(batch)
        config, averages = TrainingConfig(), WeightAverages(model.trainable_variables, 0.0)
        step = make_training_step(
            model, make_optimizer(config, model), averages, config, whole.make_epoch().element_spec
        )
        numbers = reduction.numbers
        result = step([batch] * copies)
    states = [weight.value.values for weight in model.variables if weight.name == "seed_generator_state"]
    return {
        "numbers": numbers,
        "weights": sum(weight.value.shape.num_elements() for weight in model.trainable_variables),
        "totals": result.totals,
        "states": [[copy.numpy().tolist() for copy in copies_of_state] for copies_of_state in states],
    }


if __name__ == "__main__":
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    trainings = [run(mirrored), run(tf.distribute.get_strategy(), accumulate=2)]
    updates = [] if BAD else [update(1), update(2)]
    print(json.dumps({"trainings": trainings, "updates": updates}))
