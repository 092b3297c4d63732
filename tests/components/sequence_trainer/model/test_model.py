"""SequenceModel: what it refuses, pretrained embeddings, nested inputs, tied weights."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TASK = SequenceTask(
    raw=SequenceSpec(features={"words": Feature(kind="token")}),
    inputs=(
        Input("words", num_ids=6, width=1, context=False),
        Input("words_characters", num_ids=9, width=1, context=False, nested=True),
    ),
    labels=(Label("next", per_step=True, classes=(b"a", b"b", b"c", b"d", b"[OOV]"), same_ids=("words",)),),
    columns={
        "words": Column("int64"),
        "words_characters": Column("int64", nested=True),
        "next": Column("int64"),
    },
)
LANGUAGE = {"bidirectional": False, "units": 4, "embedding_dim": 3, "heads": {"next": {"kind": "language_model"}}}


def _batch(steps: int = 3, characters: int = 4, garbage: int = 0) -> dict[str, tf.Tensor]:
    words = np.full([2, steps], garbage)
    words[0, :3], words[1, :1] = [1, 5, 2], [4]
    letters = np.full([2, steps, characters], garbage)
    counts = np.full([2, steps], garbage)
    counts[0, :3], counts[1, :1] = [2, 4, 0], [1]
    letters[0, 0, :2], letters[0, 1, :4], letters[1, 0, :1] = [3, 8], [1, 2, 3, 4], [7]
    return {
        "words": tf.constant(words),
        "words_characters": tf.constant(letters),
        get_counts_key("words_characters"): tf.constant(counts),
        "lengths": tf.constant([3, 1], tf.int64),
    }


def _model(task: SequenceTask = TASK, **settings: object) -> SequenceModel:
    keras.utils.set_random_seed(1)
    return SequenceModel(task, ModelConfig.model_validate({**LANGUAGE, **settings}), seed=1)


def test_model_names_the_key_when_its_settings_do_not_fit_the_task() -> None:
    with pytest.raises(TaskError, match=r"^model\.bidirectional: must not be true: backwards, every label is read"):
        _model(bidirectional=True)


def test_model_refuses_to_tie_a_label_to_an_input_with_other_ids() -> None:
    other = dataclasses.replace(TASK, labels=(dataclasses.replace(TASK.labels[0], same_ids=()),))
    with pytest.raises(
        TaskError, match=r"^model\.heads\.next\.tied: the label's ids must be those of the input 'words'"
    ):
        _model(other, heads={"next": {"kind": "language_model", "tied": "words"}})


def test_tied_weights_are_one_variable_that_learns_from_both_sides() -> None:
    plain, tied = _model(), _model(heads={"next": {"kind": "language_model", "tied": "words"}})
    for model in (plain, tied):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(_batch())["next"][..., 2] ** 2)
        (table,) = [weight for weight in model.weights if weight.path.endswith("embed_words/embeddings")]
        gradient = tf.convert_to_tensor(tape.gradient(loss, table.value))
        # The value with the id 3 is in no input: its vector learns as that of an output alone, of class 2.
        assert np.any(gradient[3]) == (model is tied)
        assert np.any(gradient[4])
    assert not any(weight.shape == (4, 5) for weight in tied.weights)
    assert any(weight.shape == (4, 5) for weight in plain.weights)


@pytest.mark.parametrize("freeze", [True, False])
def test_pretrained_vectors_are_the_embedding_and_stay_when_frozen(freeze: bool) -> None:
    vectors = np.random.default_rng(0).normal(size=[6, 7]).astype(np.float32)
    model = _model(dataclasses.replace(TASK, embeddings={"words": vectors}), freeze_pretrained=freeze)
    model(_batch())
    (table,) = [weight for weight in model.weights if weight.path.endswith("embed_words/embeddings")]
    np.testing.assert_array_equal(table.numpy(), vectors)
    assert any(weight is table for weight in model.trainable_weights) != freeze


@pytest.mark.parametrize("encoder", ["cnn", "rnn"])
def test_nested_inputs_change_nothing_by_padding_and_get_gradients(encoder: str) -> None:
    model = _model(characters={"encoder": encoder, "embedding_dim": 4, "units": 3})
    found = []
    for batch in (_batch(), _batch(7, 9), _batch(7, 9, garbage=2)):
        with tf.GradientTape() as tape:
            logits = model(batch)["next"]
            real = tf.boolean_mask(logits, tf.sequence_mask(batch["lengths"], tf.shape(logits)[1]))
            loss = tf.reduce_sum(real**2)
        gradients = [tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, model.trainable_variables)]
        found.append([real.numpy(), *gradients])
    assert all(np.any(gradient) for gradient in found[0][1:])
    for other in found[1:]:
        for expected, value in zip(found[0], other, strict=True):
            np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


def test_noise_of_training_repeats_with_the_seed() -> None:
    outputs = [_model(dropout=0.5, word_dropout=0.5)(_batch(), training=True)["next"] for _ in range(2)]
    np.testing.assert_array_equal(*outputs)


def test_noise_of_a_model_without_a_seed_follows_the_global_seed() -> None:
    def draw() -> list[np.ndarray]:
        """Returns the outputs in training of two models that are made one after the other, with equal weights."""
        keras.utils.set_random_seed(3)
        config = ModelConfig.model_validate({**LANGUAGE, "dropout": 0.5})
        models = [SequenceModel(TASK, config) for _ in range(2)]
        for model in models:
            model(_batch())
            model.set_weights(models[0].get_weights())
        return [model(_batch(), training=True)["next"].numpy() for model in models]

    first, second = draw()
    assert np.any(first != second)
    np.testing.assert_array_equal(draw(), [first, second])


def test_model_has_the_head_that_a_config_names_as_module_and_class() -> None:
    task = dataclasses.replace(TASK, labels=(Label("price", per_step=False),))
    head = {"kind": "support.own_heads:CappedErrorHead", "weight": 3, "options": {"cap": 0.5}}
    model = _model(task, heads={"price": head})
    batch = {**_batch(), "price": tf.constant([1000.0, -1000.0])}
    # Both are off by more than the cap, so each counts 0.5 squared.
    loss = model.heads["price"].compute_loss(model(batch)["price"], batch, "sequence_mean", training=True)
    assert float(loss.value) == pytest.approx(3 * 0.25, rel=1e-4)


@pytest.mark.parametrize("kind", ["no_such_module:Head", "support.own_heads:NoHead"])
def test_model_names_the_key_when_the_class_of_a_head_cannot_be_imported(kind: str) -> None:
    message = rf"^model\.heads\.next\.kind is '{kind}', but its class cannot be imported: "
    with pytest.raises(TaskError, match=message):
        _model(heads={"next": {"kind": kind}})
