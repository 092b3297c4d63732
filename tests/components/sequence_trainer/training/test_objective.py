"""The objective of training: what a record counts does not depend on the batch that it is in."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training_corpus import SILENT, TASK, new_trainer, records

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import MEMORY_LIMIT, SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.model.loss_divisors import LossDivisors
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.components.sequence_trainer.training import checkpoint as checkpoint_module
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.optimizer import make_optimizer
from tfx_sequence.components.sequence_trainer.training.step import make_training_step
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages
from tfx_sequence.schemas.spec import Feature, SequenceSpec

WEIGHTED_TASK = dataclasses.replace(
    TASK, weight="importance", columns={**TASK.columns, "importance": Column("float32", True)}
)
STEPS_TASK = dataclasses.replace(
    WEIGHTED_TASK,
    labels=TASK.labels[:1],
    columns={name: column for name, column in WEIGHTED_TASK.columns.items() if name != "intent"},
)


def _weighted_records() -> list[bytes]:
    """The records of the corpus, each with an importance."""
    serialized = []
    for number, record in enumerate(records().as_numpy_iterator()):
        example = tf.train.SequenceExample.FromString(record)
        example.context.feature["importance"].float_list.value.append(0.5 + number % 4)
        serialized.append(example.SerializeToString())
    return serialized


def _batches(task: SequenceTask, batch_tokens: int, limit: int = MEMORY_LIMIT) -> SequenceBatches:
    dataset = tf.data.Dataset.from_tensor_slices(_weighted_records())
    return SequenceBatches(dataset, task.columns, batch_tokens=batch_tokens, seed=1, memory_limit=limit)


def _model(task: SequenceTask, batches: SequenceBatches) -> SequenceModel:
    keras.utils.set_random_seed(1)
    # The weight of a class is in the loss of its steps, but in no normaliser.
    heads = {"tags": HeadConfig(class_weights={"A": 3.0}, weight=2.0)}
    model = SequenceModel(task, SILENT.model_copy(update={"heads": heads}), seed=1)
    model(next(iter(batches.make_epoch())))
    return model


def _full_gradient(model: SequenceModel, batch: dict[str, tf.Tensor], loss: str) -> list[np.ndarray]:
    """The gradient of the loss over all records, from the definition of the reductions."""
    weights, lengths = batch["importance"], tf.cast(batch["lengths"], tf.float32)
    real = tf.sequence_mask(batch["lengths"], dtype=tf.float32)
    with tf.GradientTape() as tape:
        outputs = model(batch)
        log_tags = tf.nn.log_softmax(outputs["tags"])
        tags = tf.one_hot(batch["tags"] - 1, log_tags.shape[-1])
        step_losses = -tf.reduce_sum(tags * log_tags * [3.0, 1.0, 1.0, 1.0], -1) * real
        if loss == "sequence_mean":
            value = tf.reduce_sum(weights * tf.reduce_sum(step_losses, 1) / lengths) / tf.reduce_sum(weights)
        else:
            value = tf.reduce_sum(weights[:, None] * step_losses)
            value /= tf.reduce_sum(weights * lengths) if loss == "token_mean" else 1.0
        value *= 2.0
        if "intent" in outputs:
            log_intents = tf.nn.log_softmax(outputs["intent"])
            losses = -tf.gather(log_intents, batch["intent"] - 1, batch_dims=1)
            total = tf.reduce_sum(weights * losses)
            value += total if loss == "sum" else total / tf.reduce_sum(weights)
    gradients = tape.gradient(value, model.trainable_variables)
    return [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def _gradients_of_updates(
    model: SequenceModel, batches: SequenceBatches, config: TrainingConfig
) -> tuple[list[np.ndarray], int]:
    """The sum of the gradients of an epoch's updates, each from the same weights, and the number of updates."""
    averages = WeightAverages(model.trainable_variables, 0.0)
    step = make_training_step(model, make_optimizer(config, model), averages, config, batches.make_epoch().element_spec)
    divisors = LossDivisors(model, config.loss, batches, step.batches_per_update)
    start = model.get_weights()
    sums = [np.zeros(variable.shape) for variable in model.trainable_variables]
    epoch = list(batches.make_epoch(1))
    groups = [epoch[at : at + step.batches_per_update] for at in range(0, len(epoch), step.batches_per_update)]
    for group in groups:
        before = [variable.numpy() for variable in model.trainable_variables]
        step(group, divisors.compute(group, batches.count_batches(1)))
        after = [variable.numpy() for variable in model.trainable_variables]
        for total, old, new in zip(sums, before, after, strict=True):
            total += (old.astype(np.float64) - new) / config.learning_rate
        model.set_weights(start)
    return sums, len(groups)


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        (WEIGHTED_TASK, {"loss": "sequence_mean"}),
        (WEIGHTED_TASK, {"loss": "sum"}),
        (WEIGHTED_TASK, {"loss": "token_mean", "accumulate": 3}),
        (STEPS_TASK, {"loss": "sequence_mean", "window": 7}),
    ],
    ids=["mean", "sum", "accumulated", "windows"],
)
def test_the_gradients_of_an_epoch_are_those_of_the_loss_over_all_records(
    task: SequenceTask, settings: dict[str, Any]
) -> None:
    loss = settings["loss"]
    batches = _batches(task, batch_tokens=28)
    sizes = [len(batch["lengths"]) for batch in batches.make_epoch(1)]
    assert max(sizes) > 2 * min(sizes)
    assert len(sizes) % 3, "the last update has fewer batches"
    model = _model(task, batches)
    (whole,) = _batches(task, batch_tokens=10_000).make_epoch()
    expected = _full_gradient(model, whole, loss)
    config = TrainingConfig(optimizer="sgd", momentum=0, learning_rate=0.25, clip_norm=1e9, **settings)
    sums, updates = _gradients_of_updates(model, batches, config)
    # With `sum`, an update is the sum over its own records.
    factor = 1 if loss == "sum" else updates
    for got, wanted in zip(sums, expected, strict=True):
        np.testing.assert_allclose(got / factor, wanted, rtol=1e-3, atol=2e-5 * max(1, np.abs(wanted).max()))


def test_a_streamed_update_divides_by_the_mean_normaliser_of_all_updates_so_far() -> None:
    batches = _batches(WEIGHTED_TASK, batch_tokens=28, limit=1)
    assert not batches.in_memory
    model = _model(WEIGHTED_TASK, batches)
    divisors = LossDivisors(model, "token_mean", batches, 1)
    of_steps, of_records = [], []
    for epoch in (1, 2):
        for batch in batches.make_epoch(epoch):
            weights = batch["importance"].numpy()
            of_steps.append(weights @ batch["lengths"].numpy())
            of_records.append(weights.sum())
            expected = [np.mean(of_steps), np.mean(of_records)]
            np.testing.assert_allclose(divisors.compute([batch], None), expected, rtol=1e-6)


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class Dying(Checkpoint):
    """Dies in place of the eighth save, which is in the first epoch."""

    saves = 0

    def save(self, *args: Any) -> None:
        self.saves += 1
        if self.saves == 8:
            raise Killed
        super().save(*args)


@pytest.mark.slow
def test_a_streamed_training_that_was_stopped_goes_on_with_the_same_divisors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_module, "WAIT_FACTOR", 0)  # The state is saved after each update.

    def train(checkpoint: Checkpoint) -> tuple[list[np.ndarray], list[float]]:
        batches = SequenceBatches(records(), TASK.columns, batch_tokens=28, seed=1, memory_limit=1)
        settings = {"learning_rate": 0.1, "epochs": 2, "checkpoint_seconds": 1e-6}
        model, trainer = new_trainer(str(tmp_path), checkpoint, network=SILENT, **settings)
        trainer.fit(batches, batches)
        return model.get_weights(), [figures["loss"] for figures in trainer.history]

    undisturbed = train(Checkpoint(str(tmp_path), "undisturbed"))
    with pytest.raises(Killed):
        train(Dying(str(tmp_path), "killed"))
    weights, losses = train(Checkpoint(str(tmp_path), "killed"))
    assert losses == undisturbed[1]
    for got, expected in zip(weights, undisturbed[0], strict=True):
        np.testing.assert_array_equal(got, expected)


def test_the_reported_loss_of_an_epoch_is_the_mean_over_its_records(tmp_path: Path) -> None:
    # So small a learning rate changes no weight.
    settings = {"learning_rate": 1e-12, "epochs": 1}
    batches = SequenceBatches(records(), TASK.columns, batch_tokens=28, seed=1)
    _, trainer = new_trainer(str(tmp_path), network=SILENT, **settings)
    outcome = trainer.fit(batches, batches)
    assert trainer.history[0]["loss"] == pytest.approx(outcome.metrics["loss"], rel=1e-6)


RATE_TASK = SequenceTask(
    raw=SequenceSpec(
        features={
            "tokens": Feature(kind="token"),
            "kind": Feature(kind="categorical", role="label", context=True),
        }
    ),
    inputs=(Input("tokens", num_ids=2, width=1, context=False),),
    labels=(Label("kind", per_step=False, classes=(b"a", b"b")),),
    columns={"tokens": Column("int64"), "kind": Column("int64", context=True)},
)


@pytest.mark.parametrize(
    "limit", [MEMORY_LIMIT, pytest.param(1, marks=pytest.mark.slow)], ids=["in memory", "streamed"]
)
def test_a_model_that_knows_nothing_learns_the_share_of_the_records(tmp_path: Path, limit: int) -> None:
    # Long records have another label than short ones: 0.26 of the records, but 0.64 of the steps.
    random = np.random.default_rng(1)
    lengths = np.exp(random.uniform(np.log(5), np.log(201), 400)).astype(int)
    serialized = []
    for length in lengths:
        record = tf.train.SequenceExample()
        record.context.feature["kind"].int64_list.value.append(1 if length > 76 else 2)
        for _ in range(length):
            record.feature_lists.feature_list["tokens"].feature.add().int64_list.value.append(1)
        serialized.append(record.SerializeToString())
    dataset = tf.data.Dataset.from_tensor_slices(serialized)
    batches = SequenceBatches(dataset, RATE_TASK.columns, batch_tokens=1024, seed=1, memory_limit=limit)
    keras.utils.set_random_seed(1)
    head = HeadConfig(kind="support.own_heads:ConstantHead")
    model = SequenceModel(RATE_TASK, ModelConfig(units=2, embedding_dim=2, heads={"kind": head}), seed=1)
    Trainer(model, RATE_TASK, TrainingConfig(epochs=8, learning_rate=0.02), str(tmp_path)).fit(batches, batches)
    (logits,) = model.heads["kind"].get_weights()
    learnt = 1 / (1 + np.exp(logits[1] - logits[0]))
    assert learnt == pytest.approx(np.mean(lengths > 76), abs=0.02)


def test_divisors_forget_a_batch_that_is_passed_over() -> None:
    batches = _batches(WEIGHTED_TASK, 32, limit=1)
    first, second = list(batches.make_epoch())[:2]
    model = _model(WEIGHTED_TASK, batches)
    wrong = {**second, "importance": second["importance"] * np.nan}
    divisors = LossDivisors(model, "sequence_mean", batches, batches_per_update=1)
    expected = divisors.compute([first], None)
    assert np.isfinite(divisors.compute([wrong], None)).all()
    divisors.take_back()
    np.testing.assert_array_equal(divisors.compute([first], None), expected)
