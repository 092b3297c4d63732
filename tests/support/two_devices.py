"""Trains on two CPU devices, then on one with two batches an update, and prints the losses and weights of each."""

from __future__ import annotations

import json
import tempfile
from typing import Any

import tensorflow as tf

two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], two)

from support import training_corpus  # noqa: E402

training_corpus.MODEL = training_corpus.SILENT


def run(strategy: tf.distribute.Strategy, **settings: Any) -> dict[str, Any]:
    with strategy.scope(), tempfile.TemporaryDirectory() as folder:
        train = training_corpus.batches(batch_tokens=28)
        assert (train.size(1) or 0) % 2, "the last update must have one batch only"
        model, trainer = training_corpus.new_trainer(folder, epochs=2, clip_norm=0.2, average=0.5, **settings)
        outcome = trainer.fit(train, training_corpus.batches(seed=None))
        weights = [tf.convert_to_tensor(weight).numpy().astype(float).tolist() for weight in model.trainable_variables]
    losses = [figures["loss"] for figures in trainer.history] + [outcome.metrics["loss"]]
    return {"replicas": strategy.num_replicas_in_sync, "losses": losses, "weights": weights}


if __name__ == "__main__":
    mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    print(json.dumps([run(mirrored), run(tf.distribute.get_strategy(), accumulate=2)]))
