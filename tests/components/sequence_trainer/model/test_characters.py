"""Characters of tokens: each word by itself gives what it gives in a batch."""

from __future__ import annotations

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.batch import get_counts_key
from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import CharacterConfig
from tfx_sequence.components.sequence_trainer.model.characters import NestedEncoder

WORDS = [[[3, 1, 4, 1, 5], [9], [2, 6]], [[]], [[9], [3, 1, 4, 1, 5]], []]
COLUMN = get_counts_key("words")


def _serialized(words: list[list[int]]) -> bytes:
    example = tf.train.SequenceExample()
    steps = example.feature_lists.feature_list["words"]
    for word in words:
        steps.feature.add().int64_list.value.extend(word)
    return example.SerializeToString()


def _batches(words: list[list[list[int]]], budget: int = 100, **options: int) -> list[dict[str, tf.Tensor]]:
    records = tf.data.Dataset.from_tensor_slices([_serialized(each) for each in words])
    columns = {"words": Column("int64", nested=True)}
    return list(SequenceBatches(records, columns, batch_tokens=budget, **options).make_epoch())


@pytest.mark.parametrize("memory", [1 << 20, 1])
def test_batches_hold_every_value_of_a_nested_column(memory: int) -> None:
    (batch,) = _batches(WORDS, memory_limit=memory)
    assert batch["words"].shape == (4, 3, 5)
    found = [
        [row[step, :count].tolist() for step, count in enumerate(counts[:length])]
        for row, counts, length in zip(
            batch["words"].numpy(), batch[COLUMN].numpy(), batch["lengths"].numpy(), strict=True
        )
    ]
    assert sorted(found) == sorted(WORDS)
    assert int(tf.reduce_sum(batch["words"])) == sum(sum(word) for record in WORDS for word in record)


def test_a_nested_column_without_any_value_is_padded_to_one() -> None:
    (batch,) = _batches([[[]], []])
    assert batch["words"].shape == (2, 1, 1)


@pytest.mark.parametrize("encoder", ["cnn", "rnn"])
def test_encoder_gives_each_word_what_it_gives_it_alone(encoder: str) -> None:
    keras.utils.set_random_seed(1)
    config = CharacterConfig(encoder=encoder, embedding_dim=4, units=6)
    layer = NestedEncoder(11, config, random.Random(0))
    (batch,) = _batches(WORDS)
    pads = [[0, 0], [0, 2], [0, 3]]
    # Garbage behind the real values and steps changes nothing.
    ids = tf.pad(batch["words"], pads, constant_values=7)
    encoded = layer(ids, tf.pad(batch[COLUMN], pads[:2], constant_values=4), batch["lengths"]).numpy()
    for row, length in enumerate(batch["lengths"].numpy()):
        assert not encoded[row, length:].any()
        for step in range(length):
            word = batch["words"][row, step, : batch[COLUMN][row, step]].numpy()
            # A row of its own, with at least one place.
            alone = layer(tf.constant([[[*word, 0]]], tf.int64), tf.constant([[len(word)]]), tf.constant([1])).numpy()
            np.testing.assert_allclose(encoded[row, step], alone[0, 0], rtol=1e-5, atol=1e-6)


def test_character_cnn_equals_a_convolution_by_hand() -> None:
    layer = NestedEncoder(11, CharacterConfig(embedding_dim=4, units=6), random.Random(0))
    word = [3, 1, 4]
    encoded = layer(tf.constant([[word]], tf.int64), tf.constant([[3]]), tf.constant([1])).numpy()[0, 0]
    table, kernel, bias = (weight.numpy() for weight in layer.weights)
    characters = np.pad(table[word], [[1, 1], [0, 0]])
    windows = [np.einsum("we,weu->u", characters[at : at + 3], kernel) + bias for at in range(3)]
    np.testing.assert_allclose(encoded, np.max(windows, 0), rtol=1e-5, atol=1e-6)
