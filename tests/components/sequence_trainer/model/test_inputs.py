"""InputEncoder: word dropout, looked at through embeddings of which each row is the id itself."""

from __future__ import annotations

import dataclasses
import logging
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.model.inputs import InputEncoder
from tfx_sequence.components.sequence_trainer.task.task import Input, SequenceTask
from tfx_sequence.schemas.spec import Feature, SequenceSpec

NUM_IDS = 9
RAW = SequenceSpec(features={"words": Feature(kind="token")})
WORDS = Input("words", num_ids=NUM_IDS, width=1, context=False, oov_ids=range(8, 9))
IDS = np.random.default_rng(0).integers(1, 5, (50, 40))


def _task(*inputs: Input) -> SequenceTask:
    return SequenceTask(raw=RAW, inputs=inputs, labels=(), columns={})


def _encode(item: Input, rate: float) -> np.ndarray:
    """Returns the ids `[B, T]` that the embedding of an input reads in training."""
    keras.utils.set_random_seed(1)
    encoder = InputEncoder(_task(item), ModelConfig(word_dropout=rate, embedding_dim=1), random.Random(1))
    encoder.embeddings[item.name].build(None)
    encoder.embeddings[item.name].embeddings.assign(np.arange(NUM_IDS)[:, None])
    batch = {item.name: tf.constant(IDS), "lengths": tf.constant([40] * 50)}
    return encoder(batch, training=True).numpy()[..., 0].astype(int)


def test_word_dropout_replaces_its_share_by_the_id_of_unseen_values() -> None:
    found = _encode(WORDS, 0.25)
    dropped = found == 8
    np.testing.assert_array_equal(found[~dropped], IDS[~dropped])
    # Three standard deviations of a share of 2,000 draws are 0.03.
    assert dropped.mean() == pytest.approx(0.25, abs=0.03)


def test_word_dropout_uses_all_ids_of_unseen_values_alike() -> None:
    found = _encode(dataclasses.replace(WORDS, oov_ids=range(5, 9)), 0.8)
    shares = [np.mean(found == id_) for id_ in (5, 6, 7, 8)]
    np.testing.assert_allclose(shares, 0.2, atol=0.03)


def test_word_dropout_leaves_an_input_without_ids_of_unseen_values_alone() -> None:
    np.testing.assert_array_equal(_encode(dataclasses.replace(WORDS, oov_ids=range(0)), 0.9), IDS)


@pytest.mark.parametrize(("rate", "warns"), [(0.2, True), (0.05, False), (0.0, False)])
def test_word_dropout_that_is_set_and_has_no_effect_is_told(
    rate: float, warns: bool, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = Input("bucket", num_ids=5, width=1, context=False)
    caplog.set_level(logging.WARNING)
    InputEncoder(_task(bucket), ModelConfig(word_dropout=rate), random.Random(1))
    expected = "model.word_dropout = 0.2 has no effect: no input is known to have an id of unseen values; the inputs"
    assert caplog.text.count(expected) == warns
    InputEncoder(_task(bucket, WORDS), ModelConfig(word_dropout=rate), random.Random(1))
    assert caplog.text.count("has no effect") == warns
