"""Training window by window: the gradient of truncated back-propagation, the loss of the whole sequence."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training_corpus import SILENT, TASK, new_trainer, records

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.losses.sequence import sequence_loss, sequence_loss_by_example
from tfx_sequence.components.sequence_trainer.model.heads import labels
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.training.optimizer import make_optimizer
from tfx_sequence.components.sequence_trainer.training.step import make_training_step
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.components.sequence_trainer.training.weight_averages import WeightAverages

STEPS_TASK = SequenceTask(
    raw=TASK.raw.model_copy(update={"features": {k: v for k, v in TASK.raw.features.items() if k != "intent"}}),
    inputs=TASK.inputs,
    labels=TASK.labels[:1],
    columns={name: column for name, column in TASK.columns.items() if name != "intent"},
)
CELLS: dict[str, dict[str, Any]] = {
    "layers": {"layers": 2, "shortcut": "residual"},
    "attention": {"cell": "gru", "attention_window": 2},
}
RATE = 0.5


@pytest.fixture(scope="module")
def data() -> SequenceBatches:
    """20 records of 1 to 7 steps, one batch."""
    return SequenceBatches(records(count=20), STEPS_TASK.columns, batch_tokens=1000)


def _model(batch: dict[str, tf.Tensor], **settings: Any) -> SequenceModel:
    keras.utils.set_random_seed(1)
    model = SequenceModel(STEPS_TASK, SILENT.model_copy(update=settings), seed=1)
    model(batch)
    return model


def _update(
    data: SequenceBatches, model: SequenceModel, groups: list[list[dict[str, tf.Tensor]]], **settings: Any
) -> tuple[list[float], list[np.ndarray]]:
    """The losses, and how far each weight went down, over the learning rate: the gradients."""
    config = TrainingConfig(optimizer="sgd", momentum=0, learning_rate=RATE, clip_norm=1e6, **settings)
    before = [weight.numpy() for weight in model.trainable_variables]
    averages = WeightAverages(model.trainable_variables, 0.0)
    step = make_training_step(model, make_optimizer(config, model), averages, config, data.make_epoch().element_spec)
    losses = [step(group)[0] for group in groups]
    after = [weight.numpy() for weight in model.trainable_variables]
    return losses, [(start - end) / RATE for start, end in zip(before, after, strict=True)]


def _truncated(model: SequenceModel, batch: dict[str, tf.Tensor], window: int, loss: Any) -> tuple[float, list[Any]]:
    """Loss and gradients by a loop over all steps at once, with states that let no gradient through between windows."""
    encode, stack = model.layers[:2]
    with tf.GradientTape() as tape:
        x, lengths = encode(batch), batch["lengths"]
        for number, rnn in enumerate(stack.rnns):
            states, outputs = rnn.cell.get_initial_state(batch_size=x.shape[0]), []
            for step in range(x.shape[1]):
                if step % window == 0:
                    states = tf.nest.map_structure(tf.stop_gradient, states)
                output, states = rnn.cell(x[:, step], states)
                outputs.append(tf.where((step < lengths)[:, None], output, 0.0))
            outputs = tf.stack(outputs, 1)
            x = x + outputs if number and model.settings.shortcut else outputs
        value = sequence_loss(model.heads["tags"].compute_logits(x), batch["tags"], lengths, reduction=loss).value
    gradients = tape.gradient(value, model.trainable_variables)
    return float(value), [tf.convert_to_tensor(gradient).numpy() for gradient in gradients]


def _check(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=2e-5 * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize(
    ("cell", "loss", "window"),
    [("layers", "sequence_mean", 3), ("layers", "token_mean", 2), ("layers", "sum", 1), ("attention", "token_mean", 3)],
)
def test_windows_give_the_gradient_of_truncated_back_propagation_and_the_loss_of_the_whole(
    data: SequenceBatches, cell: str, loss: str, window: int
) -> None:
    (batch,) = data.make_epoch()
    model = _model(batch, **CELLS[cell])
    value, gradients = _truncated(model, batch, window, loss)
    whole, whole_gradients = _truncated(model, batch, 99, loss)
    assert whole == pytest.approx(value, rel=1e-6)
    assert any(np.abs(a - b).max() > 1e-3 for a, b in zip(gradients, whole_gradients, strict=True))
    losses, found = _update(data, model, [[batch]], loss=loss, window=window)
    assert losses == pytest.approx([value], rel=1e-5)
    _check(found, gradients)


def test_window_as_long_as_the_sequences_changes_nothing(data: SequenceBatches) -> None:
    (batch,) = data.make_epoch()
    groups = [[batch], [batch]]
    losses, found = _update(data, _model(batch), groups, window=7)
    expected_losses, expected = _update(data, _model(batch), groups)
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    _check(found, expected)


def test_windows_of_several_batches_are_added_up(data: SequenceBatches) -> None:
    (batch,) = data.make_epoch()
    pieces = [{name: value[rows] for name, value in batch.items()} for rows in (slice(0, 6), slice(6, None))]
    losses, found = _update(data, _model(batch), [pieces], window=3, accumulate=2)
    expected_losses, expected = _update(data, _model(batch), [[batch]], window=3)
    assert losses == pytest.approx(expected_losses, rel=1e-5)
    _check(found, expected)


def test_records_count_by_their_weight_in_windows_too(data: SequenceBatches) -> None:
    (batch,) = data.make_epoch()
    batch["importance"] = tf.linspace(0.5, 3.0, 20)
    keras.utils.set_random_seed(1)
    model = SequenceModel(dataclasses.replace(STEPS_TASK, weight="importance"), SILENT, seed=1)
    means = sequence_loss_by_example(model(batch)["tags"], batch["tags"], batch["lengths"])
    config, spec = TrainingConfig(window=3), {**data.make_epoch().element_spec, "importance": tf.TensorSpec([None])}
    step = make_training_step(model, make_optimizer(config, model), WeightAverages([], 0.0), config, spec)
    assert step([batch])[0] == pytest.approx(np.average(means, weights=batch["importance"]), rel=1e-5)


@pytest.mark.parametrize(("cell", "kept", "window"), [("layers", 512, 3), ("layers", 0, 1), ("attention", 0, 50)])
def test_outputs_in_windows_are_those_of_whole_sequences(
    data: SequenceBatches, cell: str, kept: int, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "MAX_KEPT_CLASSES", kept)
    (batch,) = data.make_epoch()
    model = _model(batch, **CELLS[cell])
    real = tf.sequence_mask(batch["lengths"])
    expected, found = model(batch)["tags"], model.call_in_windows(batch, window)["tags"]
    assert isinstance(found, labels.SoftmaxSummary) == (kept == 0)
    for got, wanted in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(tf.boolean_mask(got, real), tf.boolean_mask(wanted, real), rtol=1e-6, atol=1e-6)


def test_evaluation_in_windows_gives_the_numbers_of_whole_sequences(data: SequenceBatches, tmp_path: Any) -> None:
    (batch,) = data.make_epoch()
    model = _model(batch)
    values = []
    for window in (None, 3):
        trainer = Trainer(model, STEPS_TASK, TrainingConfig(window=window), str(tmp_path))
        values.append(trainer.evaluate(data.make_epoch()))
    assert values[1] == pytest.approx(values[0], rel=1e-6)


def test_evaluation_in_windows_runs_the_network_on_one_window_at_a_time(data: SequenceBatches) -> None:
    (batch,) = data.make_epoch()
    model, steps = _model(batch), []
    encode = model.layers[0]
    read = encode.call

    def record_steps(features: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        steps.append(features["tokens"].shape[1])
        return read(features, training=training)

    encode.call = record_steps
    model.call_in_windows(batch, 3)
    assert steps == [3, 3, 1]


def test_training_in_windows_learns_and_repeats(data: SequenceBatches, tmp_path: Any) -> None:
    outcomes = []
    for _ in range(2):
        keras.utils.set_random_seed(1)
        config = TrainingConfig(epochs=6, learning_rate=0.05, window=3)
        model = SequenceModel(STEPS_TASK, SILENT.model_copy(update={"dropout": 0.2}), seed=1)
        outcomes.append(Trainer(model, STEPS_TASK, config, str(tmp_path)).fit(data, data))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].metrics["tags_accuracy"] > 0.4


def test_windows_are_refused_when_a_label_needs_the_whole_sequence(tmp_path: Any) -> None:
    message = r"^training\.window: needs one label per step, but 'intent' has one per record \(context = true\)"
    with pytest.raises(TaskError, match=message):
        new_trainer(str(tmp_path), window=3)


def test_windows_are_refused_when_the_model_carries_no_states(tmp_path: Any) -> None:
    message = r"^training\.window: needs a SequenceModel, which carries its states on, not Model"
    with pytest.raises(TaskError, match=message):
        Trainer(keras.Model(), STEPS_TASK, TrainingConfig(window=3), str(tmp_path))
