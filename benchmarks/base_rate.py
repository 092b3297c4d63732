"""Shows which share of a label a model learns if its inputs tell nothing about the label.

python benchmarks/base_rate.py [--records N] [--streamed] [--epochs N]

The records are 5 to 200 random tokens. Their logarithms of lengths are uniform. Records of more than 76 tokens have the
label "a", all others "b". So about 0.26 of the records have "a", but 0.64 of the tokens are in such records. All
settings of the network and of the training are the defaults. The mean of the predicted probabilities of "a" must be the
share of records with "a" in the data, because each record has the same weight in the loss.

Prints the share in the train split, and the mean predicted probability, as JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile

import keras
import numpy as np
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import MEMORY_LIMIT, SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SHORTEST, LONGEST, THRESHOLD = 5, 200, 76
NUM_TOKENS = 50
TASK = SequenceTask(
    raw=SequenceSpec(
        features={
            "tokens": Feature(kind="token"),
            "kind": Feature(kind="categorical", role="label", context=True),
        }
    ),
    inputs=(Input("tokens", num_ids=NUM_TOKENS + 1, width=1, context=False),),
    labels=(Label("kind", per_step=False, classes=(b"a", b"b")),),
    columns={"tokens": Column("int64"), "kind": Column("int64", context=True)},
)


def make_records(count: int, seed: int) -> list[bytes]:
    """Makes serialized records whose label depends on their length alone."""
    random = np.random.default_rng(seed)
    lengths = np.exp(random.uniform(np.log(SHORTEST), np.log(LONGEST + 1), count)).astype(int)
    serialized = []
    for length in lengths:
        record = tf.train.SequenceExample()
        record.context.feature["kind"].int64_list.value.append(1 if length > THRESHOLD else 2)
        steps = record.feature_lists.feature_list["tokens"].feature
        for token in random.integers(1, NUM_TOKENS + 1, length):
            steps.add().int64_list.value.append(token)
        serialized.append(record.SerializeToString())
    return serialized


def make_batches(records: list[bytes], config: TrainingConfig, seed: int | None, limit: int) -> SequenceBatches:
    """Makes batches of records with the budget of the settings."""
    dataset = tf.data.Dataset.from_tensor_slices(records)
    return SequenceBatches(dataset, TASK.columns, batch_tokens=config.batch_tokens, seed=seed, memory_limit=limit)


def measure(count: int, epochs: int | None, streamed: bool) -> dict[str, float]:
    """Trains a model, and returns the share of "a" among the train records and the mean predicted probability."""
    config = TrainingConfig() if epochs is None else TrainingConfig(epochs=epochs)
    keras.utils.set_random_seed(config.seed)
    model = SequenceModel(TASK, ModelConfig(), seed=config.seed)
    train = make_batches(make_records(count, seed=1), config, config.seed, 1 if streamed else MEMORY_LIMIT)
    evaluation = make_batches(make_records(count // 5, seed=2), config, None, MEMORY_LIMIT)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, TASK, config, folder)
        outcome = trainer.fit(train, evaluation)
    predict = tf.function(lambda batch: tf.nn.softmax(model(batch, training=False)["kind"])[:, 0])
    probabilities, labels = [], []
    for batch in make_batches(make_records(count, seed=1), config, None, MEMORY_LIMIT).make_epoch():
        probabilities.append(predict(batch).numpy())
        labels.append(batch["kind"].numpy() == 1)
    return {
        "share": float(np.concatenate(labels).mean()),
        "learnt": float(np.concatenate(probabilities).mean()),
        "best_epoch": outcome.epoch,
        "epochs": len(trainer.history),
    }


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, help="at most so many epochs, in place of the default")
    parser.add_argument("--streamed", action="store_true", help="read the records again in each epoch")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.records, arguments.epochs, arguments.streamed)))


if __name__ == "__main__":
    main()
