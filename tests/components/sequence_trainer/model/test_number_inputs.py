"""Inputs that are numbers reach the recurrent layers as they are, beside embeddings that training changes."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.model.dtype_policy import use_dtype_policy
from tfx_sequence.components.sequence_trainer.model.inputs import InputEncoder
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.model.recurrent_stack import RecurrentStack
from tfx_sequence.components.sequence_trainer.rnn.dynamic_rnn import DynamicRNN
from tfx_sequence.components.sequence_trainer.rnn.loop import Nest
from tfx_sequence.components.sequence_trainer.rnn.standard_cells import LSTMCell
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TASK = SequenceTask(
    raw=SequenceSpec(features={"words": Feature(kind="token"), "place": Feature(kind="vector", width=2)}),
    inputs=(
        Input("age", num_ids=None, width=1, context=True),
        Input("words", num_ids=6, width=1, context=False),
        Input("place", num_ids=None, width=2, context=False),
        Input("words_prefix1", num_ids=6, width=1, context=False),
        Input("words_characters", num_ids=9, width=1, context=False, nested=True),
    ),
    labels=(),
    columns={"words": Column("int64")},
)
BATCH = {
    "age": tf.constant([40.0, 41.0]),
    "words": tf.constant([[1, 2, 3], [4, 5, 0]], tf.int64),
    "place": tf.random.stateless_normal([2, 3, 2], [1, 2]),
    "words_prefix1": tf.ones([2, 3], tf.int64),
    "words_characters": tf.ones([2, 3, 4], tf.int64),
    get_counts_key("words_characters"): tf.ones([2, 3], tf.int64),
    "lengths": tf.constant([3, 2], tf.int64),
}


class _Recorder(DynamicRNN):
    """Records what it reads."""

    def call(
        self, inputs: tf.Tensor, lengths: tf.Tensor, initial_state: Nest = None, training: bool = False
    ) -> tuple[tf.Tensor, Nest]:
        self.read = inputs.numpy()
        return super().call(inputs, lengths, initial_state, training)


@pytest.mark.parametrize("encoder", ["cnn", "rnn"])
def test_dropout_changes_embeddings_and_no_number(encoder: str) -> None:
    config = ModelConfig.model_validate(
        {"dropout": 0.5, "word_dropout": 0, "bidirectional": False, "units": 4, "characters": {"encoder": encoder}}
    )
    inputs = InputEncoder(TASK, config, random.Random(0))
    encoded = inputs(BATCH, training=True).numpy()
    is_number = ~np.array(inputs.embedded)
    assert encoded.shape[-1] == len(is_number)
    np.testing.assert_array_equal(encoded[0, :, is_number].T, np.c_[[40.0] * 3, BATCH["place"][0].numpy()])

    stack = RecurrentStack(config, random.Random(0), embedded=inputs.embedded)
    stack(tf.constant(encoded), BATCH["lengths"])  # Builds the stack, which Keras does without values.
    stack.rnns[0] = recorder = _Recorder(LSTMCell(4))
    stack(tf.constant(encoded), BATCH["lengths"], training=True)
    np.testing.assert_array_equal(recorder.read[..., is_number], encoded[..., is_number])
    embedded, original = recorder.read[..., ~is_number], encoded[..., ~is_number]
    was_dropped = embedded == 0
    # The embeddings have some 200 values in each step.
    assert 0.4 < was_dropped[original != 0].mean() < 0.6
    np.testing.assert_allclose(embedded, np.where(was_dropped, 0, 2 * original), rtol=1e-6)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("layers", [1, 2])
def test_numbers_stay_float32_in_a_network_of_half_precision(precision: str, layers: int) -> None:
    task = dataclasses.replace(TASK, inputs=TASK.inputs[:3], labels=(Label("tags", True, classes=(b"a", b"b")),))
    # float16 ends at 65,504, and bfloat16 has no number between 69,632 and 70,144.
    batch = BATCH | {"age": tf.constant([70000.0, 70010.0]), "tags": tf.ones([2, 3], tf.int64)}
    config = ModelConfig(units=4, embedding_dim=3, layers=layers)
    with use_dtype_policy(precision):
        model = SequenceModel(task, config, seed=1)
    encoder = next(layer for layer in model.layers if isinstance(layer, InputEncoder))
    np.testing.assert_array_equal(encoder(batch)[:, 0, 0], [70000, 70010])
    with tf.GradientTape() as tape:
        outputs = model(batch, training=True)["tags"]
        assert outputs.dtype.size == 2
        loss = tf.reduce_sum(tf.cast(outputs, tf.float32))
    for gradient in tape.gradient(loss, [weight.value for weight in model.trainable_variables]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()
    assert np.isfinite(tf.cast(model(batch)["tags"], tf.float32)).all()
