"""A model and its training: what padding, batching and chance may and may not change."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support import training_corpus

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.losses.sequence import sequence_loss
from tfx_sequence.components.sequence_trainer.metrics.labels import Accuracy
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.schemas.contract import PROGRESS_LOGGER
from tfx_sequence.schemas.spec import Feature, SequenceSpec

LENGTHS = np.array([5, 1, 3])

TASK = SequenceTask(
    raw=SequenceSpec(
        features={
            "tokens": Feature(kind="token"),
            "pitch": Feature(kind="vector", width=2),
            "speaker": Feature(kind="categorical", context=True),
            "tags": Feature(kind="categorical", role="label"),
            "intent": Feature(kind="categorical", role="label", context=True),
        }
    ),
    inputs=(
        Input("tokens", num_ids=9, width=1, context=False),
        Input("pitch", num_ids=None, width=2, context=False),
        Input("speaker", num_ids=4, width=1, context=True),
    ),
    labels=(
        Label("tags", per_step=True, classes=(b"A", b"B", b"C")),
        Label("intent", per_step=False, classes=(b"x", b"y")),
    ),
    columns={
        "tokens": Column("int64"),
        "pitch": Column("float32", width=2),
        "speaker": Column("int64", context=True),
        "tags": Column("int64"),
        "intent": Column("int64", context=True),
    },
)


def _batch(steps: int, garbage: bool = False) -> dict[str, tf.Tensor]:
    """Three records of 5, 1 and 3 steps, padded to `steps`; with ids that are valid but wrong if `garbage`."""
    random = np.random.default_rng(3)
    real = np.arange(5) < LENGTHS[:, None]
    tokens, tags = random.integers(1, 9, [3, 5]), random.integers(1, 4, [3, 5])
    pitch = random.normal(size=[3, 5, 2])

    def pad(values: np.ndarray, wrong: float) -> np.ndarray:
        out = np.full([3, steps, *values.shape[2:]], wrong if garbage else 0, values.dtype)
        out[:, :5] = np.where(real.reshape(3, 5, *[1] * (values.ndim - 2)), values, out[:, :5])
        return out

    return {
        "tokens": tf.constant(pad(tokens, 7)),
        "pitch": tf.constant(pad(pitch, np.nan), tf.float32),
        "speaker": tf.constant([1, 3, 2], tf.int64),
        "tags": tf.constant(pad(tags, 2)),
        "intent": tf.constant([1, 2, 2], tf.int64),
        "lengths": tf.constant(LENGTHS, tf.int64),
    }


def _outcome(model: keras.Model, batch: dict[str, tf.Tensor]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """[loss, accuracy, gradients ...] and the real logits."""
    with tf.GradientTape() as tape:
        logits = model(batch, training=False)
        loss = sequence_loss(logits["tags"], batch["tags"], batch["lengths"]).value
        loss += tf.reduce_sum(logits["intent"] ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    accuracy = Accuracy()
    accuracy.update_state(batch["tags"], tf.argmax(logits["tags"], -1) + 1, batch["lengths"])
    numbers = [loss, accuracy.result(), *[tf.convert_to_tensor(gradient) for gradient in gradients]]
    real = {"tags": logits["tags"].numpy()[:, :5][np.arange(5) < LENGTHS[:, None]], "intent": logits["intent"].numpy()}
    return [number.numpy() for number in numbers], real


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_50_steps_further_changes_no_loss_metric_gradient_or_prediction(cell: str, bidirectional: bool) -> None:
    keras.utils.set_random_seed(0)
    model = SequenceModel(TASK, ModelConfig(cell=cell, bidirectional=bidirectional, units=6, layers=2, embedding_dim=5))
    short, short_logits = _outcome(model, _batch(5))
    assert any(np.any(gradient != 0) for gradient in short[2:])
    for long in (_batch(55), _batch(55, garbage=True)):
        numbers, logits = _outcome(model, long)
        # float32: sums over more (zero) terms may be taken in another order.
        for before, after in zip(short, numbers, strict=True):
            np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)
        for label, before in short_logits.items():
            np.testing.assert_allclose(logits[label], before, rtol=1e-5, atol=1e-6)


def test_model_predicts_the_same_when_the_records_of_a_batch_are_permuted() -> None:
    model = SequenceModel(TASK, ModelConfig(units=6, embedding_dim=5))
    batch, order = _batch(5), [2, 0, 1]
    logits = model(batch)
    permuted = model({name: tf.gather(value, order) for name, value in batch.items()})
    for label in ("tags", "intent"):
        np.testing.assert_allclose(permuted[label], tf.gather(logits[label], order), rtol=1e-5, atol=1e-6)


def _records(count: int, pitch: float = 0.0) -> tf.data.Dataset:
    """Records whose tag is decided by the token: token 1 is A, 2 is B, 3 is C; the intent by the first token."""
    random = np.random.default_rng(0)
    serialized = []
    for _ in range(count):
        tokens = random.integers(1, 4, random.integers(1, 8))
        example = tf.train.SequenceExample()
        example.context.feature["speaker"].int64_list.value.append(1)
        example.context.feature["intent"].int64_list.value.append(1 if tokens[0] == 1 else 2)
        for token in tokens:
            for name in ("tokens", "tags"):
                example.feature_lists.feature_list[name].feature.add().int64_list.value.append(token)
            example.feature_lists.feature_list["pitch"].feature.add().float_list.value.extend([pitch, 1.0])
        serialized.append(example.SerializeToString())
    return tf.data.Dataset.from_tensor_slices(serialized)


def _batches(seed: int | None = 1) -> SequenceBatches:
    return SequenceBatches(_records(60), TASK.columns, batch_tokens=32, seed=seed)


def _trained(path: str, **settings: object) -> tuple[keras.Model, Trainer, dict[str, float], int]:
    keras.utils.set_random_seed(5)
    model = SequenceModel(TASK, ModelConfig(units=8, embedding_dim=6), seed=5)
    trainer = Trainer(model, TASK, TrainingConfig(**{"epochs": 8, "learning_rate": 0.02, **settings}), path)
    outcome = trainer.fit(_batches(), _batches(seed=None))
    return model, trainer, outcome.metrics, outcome.epoch


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, Trainer, dict[str, float], int]:
    return _trained(str(tmp_path_factory.mktemp("run")))


def test_training_learns_a_label_a_step_and_a_label_a_record_at_once(trained: tuple) -> None:
    _, _, metrics, _ = trained
    assert metrics["tags_accuracy"] == 1.0
    assert metrics["intent_accuracy"] > 0.9


def test_evaluate_equals_a_loop_over_unpadded_records(trained: tuple) -> None:
    model, trainer, _, _ = trained
    losses, right, seen = [], 0, 0
    # A graph for each length: step by step without one, it takes a minute.
    call = tf.function(lambda batch: model(batch, training=False))
    # A record of more steps than the budget is a batch of its own.
    for batch in SequenceBatches(_records(60), TASK.columns, batch_tokens=1).make_epoch():
        (length,) = batch["lengths"].numpy()
        assert batch["tokens"].shape == (1, length)
        logits = {name: value.numpy().astype(np.float64)[0] for name, value in call(batch).items()}
        tags, intent = batch["tags"].numpy()[0] - 1, int(batch["intent"][0]) - 1
        log_softmax = logits["tags"] - np.log(np.exp(logits["tags"]).sum(-1, keepdims=True))
        intent_loss = np.log(np.exp(logits["intent"]).sum()) - logits["intent"][intent]
        losses.append(-log_softmax[np.arange(len(tags)), tags].mean() + intent_loss)
        right += int((logits["tags"].argmax(-1) == tags).sum())
        seen += len(tags)
    metrics = trainer.evaluate(_batches(seed=None).make_epoch())
    assert metrics["loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert metrics["tags_accuracy"] == pytest.approx(right / seen, abs=1e-12)


def test_training_leaves_the_weights_of_the_best_epoch_in_the_model(trained: tuple) -> None:
    _, trainer, metrics, _ = trained
    assert trainer.evaluate(_batches(seed=None).make_epoch()) == pytest.approx(metrics, rel=1e-6)


def test_two_trainings_with_one_seed_give_equal_weights(trained: tuple, tmp_path) -> None:
    again, _, metrics, epoch = _trained(str(tmp_path))
    assert (metrics, epoch) == trained[2:]
    for before, after in zip(trained[0].get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(after, before)


def test_training_stops_when_patience_is_over(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=PROGRESS_LOGGER):
        # A step of 1e-12 changes no float32 weight enough to change the accuracy.
        _, _, _, epoch = _trained(str(tmp_path), learning_rate=1e-12, patience=2, epochs=30)
    figures = [record.progress for record in caplog.records if "batch" not in record.progress]
    assert epoch == 1
    assert [figure["epoch"] for figure in figures] == [1, 2, 3]
    assert {"epochs", "loss", "eval_loss", "eval_tags_accuracy", "tokens_per_second"} <= figures[0].keys()


def test_training_stops_with_advice_when_the_loss_is_not_finite(tmp_path) -> None:
    broken = SequenceBatches(_records(8, pitch=np.nan), TASK.columns, batch_tokens=32, seed=1)
    trainer = Trainer(SequenceModel(TASK, ModelConfig(units=4)), TASK, TrainingConfig(), str(tmp_path))
    message = r"the loss or its gradient is not finite \(the loss is nan\) in epoch 1, batch 0: either the inputs hold"
    with pytest.raises(TaskError, match=message):
        trainer.fit(broken, broken)


def test_training_names_the_records_of_a_batch_whose_loss_is_not_finite(tmp_path: Path) -> None:
    checkpoint = Checkpoint(str(tmp_path / "state"), "key")
    _, trainer = training_corpus.new_trainer(str(tmp_path), checkpoint)
    path = tmp_path / "state" / "key" / "bad_batch.json"
    with pytest.raises(TaskError) as raised:
        trainer.fit(training_corpus.batches(bad=17), training_corpus.batches(seed=None))
    assert str(raised.value).startswith("the loss or its gradient is not finite (the loss is ")
    assert str(raised.value).endswith(f"The batch's records are listed in {path}")
    written = json.loads(path.read_text())
    expected = training_corpus.batches().find_records(1, written["batch"]).tolist()
    assert [record["record"] for record in written["records"]] == expected
    assert 17 in expected
    for record in written["records"]:
        assert record["context"]["id"] == [f"record {record['record']}"]
        assert record["not_finite"] == (["pitch"] if record["record"] == 17 else [])


def test_training_refuses_a_schedule_when_its_end_is_not_known(tmp_path: Path) -> None:
    _, trainer = training_corpus.new_trainer(str(tmp_path), schedule="cosine")
    streamed = SequenceBatches(
        training_corpus.records(), training_corpus.TASK.columns, batch_tokens=32, seed=1, memory_limit=1
    )
    with pytest.raises(TaskError, match="schedule = 'cosine' needs"):
        trainer.fit(streamed, training_corpus.batches(seed=None))
