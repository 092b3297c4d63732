"""A small corpus to train on, and a training of it to be killed.

PYTHONPATH=tests python -m support.training_corpus FOLDER

trains with everything that has a state, and saves after each update in FOLDER/state.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import HeadConfig, ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.components.sequence_trainer.training import checkpoint as checkpoint_module
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.state import Outcome
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.schemas.spec import Feature, SequenceSpec

TASK = SequenceTask(
    raw=SequenceSpec(
        features={
            "tokens": Feature(kind="token"),
            "pitch": Feature(kind="float"),
            "tags": Feature(kind="categorical", role="label"),
            "intent": Feature(kind="categorical", role="label", context=True),
        }
    ),
    inputs=(
        Input("tokens", num_ids=6, width=1, context=False, oov_ids=range(5, 6)),
        Input("pitch", num_ids=None, width=1, context=False),
    ),
    labels=(
        Label("tags", per_step=True, classes=(b"A", b"B", b"C", b"D")),
        Label("intent", per_step=False, classes=(b"x", b"y")),
    ),
    columns={
        "tokens": Column("int64"),
        "pitch": Column("float32"),
        "tags": Column("int64"),
        "intent": Column("int64", context=True),
    },
)
MODEL = ModelConfig(units=6, bidirectional=False, embedding_dim=4, dropout=0.3, word_dropout=0.1)
SILENT = MODEL.model_copy(update={"dropout": 0.0, "word_dropout": 0.0})
"""Nothing is random in training."""
DRAWING = MODEL.model_copy(update={"heads": {"tags": HeadConfig(sampled=3)}})
"""Everything is."""
NOISE = 0.2
"""Share of the tags that are not told by the token, so that training is never done."""


def records(count: int = 60, bad: int | None = None) -> tf.data.Dataset:
    """Records of 1 to 7 steps with the key `id`; the pitch of the record `bad` is not finite."""
    random = np.random.default_rng(0)
    serialized = []
    for number in range(count):
        tokens = random.integers(1, 5, random.integers(1, 8))
        tags = np.where(random.random(len(tokens)) < NOISE, random.integers(1, 5, len(tokens)), tokens)
        example = tf.train.SequenceExample()
        example.context.feature["id"].bytes_list.value.append(b"record %d" % number)
        example.context.feature["intent"].int64_list.value.append(1 if tokens[0] < 3 else 2)
        for token, tag in zip(tokens, tags, strict=True):
            lists = example.feature_lists.feature_list
            lists["tokens"].feature.add().int64_list.value.append(token)
            lists["tags"].feature.add().int64_list.value.append(tag)
            lists["pitch"].feature.add().float_list.value.append(np.inf if number == bad else token / 4)
        serialized.append(example.SerializeToString())
    return tf.data.Dataset.from_tensor_slices(serialized)


def batches(seed: int | None = 1, batch_tokens: int = 32, **settings: Any) -> SequenceBatches:
    return SequenceBatches(records(**settings), TASK.columns, batch_tokens=batch_tokens, seed=seed)


def new_trainer(
    folder: str, checkpoint: Checkpoint | None = None, network: ModelConfig | None = None, **settings: Any
) -> tuple[keras.Model, Trainer]:
    config = TrainingConfig(**{"epochs": 3, "learning_rate": 0.02, **settings})
    keras.utils.set_random_seed(config.seed)
    model = SequenceModel(TASK, network or MODEL, seed=config.seed)
    return model, Trainer(model, TASK, config, folder, checkpoint)


def train(folder: str, checkpoint: Checkpoint | None = None, **settings: Any) -> tuple[keras.Model, Outcome]:
    model, trainer = new_trainer(folder, checkpoint, **settings)
    return model, trainer.fit(batches(), batches(seed=None))


EVERYTHING: dict[str, Any] = {
    "network": DRAWING,
    "epochs": 12,
    "average": 0.9,
    "schedule": "plateau",
    "warmup_steps": 5,
    "weight_decay": 0.01,
    "patience": 12,
    "checkpoint_seconds": 1e-6,
}
"""Settings that have a state, and save it after each update."""


if __name__ == "__main__":
    checkpoint_module.WAIT_FACTOR = 0
    train(sys.argv[1], Checkpoint(os.path.join(sys.argv[1], "state"), "training"), **EVERYTHING)
