"""Ours: SequenceBatches, SequenceModel, and the training step of Trainer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from rival import BATCH_TOKENS, CLASSES, EMBEDDING, VOCABULARY, Corpus, clock, serve

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.components.sequence_trainer.training.optimizer import make_optimizer
from tfx_sequence.components.sequence_trainer.training.step import make_training_step
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TASK = SequenceTask(
    raw=SequenceSpec(features={"ids": Feature(kind="token"), "labels": Feature(kind="categorical", role="label")}),
    inputs=(Input("ids", num_ids=VOCABULARY, width=1, context=False),),
    labels=(Label("labels", per_step=True, classes=tuple(b"%d" % number for number in range(CLASSES))),),
    columns={"ids": Column("int64"), "labels": Column("int64")},
)


def serialize(corpus: Corpus) -> tf.data.Dataset:
    records = []
    for ids, labels in zip(corpus.ids, corpus.labels, strict=True):
        example = tf.train.SequenceExample()
        for name, values in (("ids", ids), ("labels", labels)):
            for value in values:
                example.feature_lists.feature_list[name].feature.add().int64_list.value.append(value)
        records.append(example.SerializeToString())
    return tf.data.Dataset.from_tensor_slices(records)


def prepare(task: dict[str, Any], corpus: Corpus) -> dict[str, Any]:
    units, both = task["units"], task["bidirectional"]
    config = TrainingConfig()
    batches = SequenceBatches(serialize(corpus), TASK.columns, batch_tokens=BATCH_TOKENS, seed=1)
    model = SequenceModel(
        TASK, ModelConfig(units=units, bidirectional=both, embedding_dim=EMBEDDING, dropout=0, word_dropout=0)
    )
    spec = batches.make_epoch().element_spec
    model(next(iter(batches.make_epoch())))
    optimizer = make_optimizer(config, model)
    step = make_training_step(model, optimizer, WeightAverages(model.trainable_variables, 0.0), config, spec)

    def steps() -> Iterator[tuple[int, int]]:
        epoch = 0
        while True:
            epoch += 1
            for batch in batches.make_epoch(epoch):
                step([batch])
                yield int(batch["lengths"].numpy().sum()), int(tf.size(batch["ids"]))

    def time_gemm() -> float:
        seconds, tokens = 0.0, 0
        for batch in batches.make_epoch(1).take(20):
            rows, length = batch["ids"].shape
            seconds += (1 + both) * time_lstm_products(rows, length, EMBEDDING, units)
            seconds += 3 * time_product(rows * length, (1 + both) * units, CLASSES)
            tokens += int(batch["lengths"].numpy().sum())
        return seconds / tokens

    return {"steps": steps, "gemm": time_gemm}


def time_lstm_products(rows: int, steps: int, inputs: int, units: int) -> float:
    """Returns the seconds of the matrix products of an LSTM, forward and backward, in one direction."""
    a_step = time_product(rows, inputs + units, 4 * units) + time_product(rows, 4 * units, units)
    after = time_product(inputs, rows * steps, 4 * units) + time_product(units, rows * steps, 4 * units)
    return steps * a_step + after + time_product(rows * steps, 4 * units, inputs)


def time_product(m: int, k: int, n: int, cache: dict[tuple[int, ...], float] = {}) -> float:  # noqa: B006
    """Returns the seconds of `[m, k] x [k, n]`, the median of several."""
    if (m, k, n) not in cache:
        left, right = tf.random.normal([m, k]), tf.random.normal([k, n])
        times = []
        for _ in range(7):
            start = clock()
            tf.linalg.matmul(left, right).numpy()
            times.append(clock() - start)
        cache[m, k, n] = sorted(times)[3]
    return cache[m, k, n]


if __name__ == "__main__":
    serve(prepare)
