"""Numbers are learnt as well as their noise allows, whatever their unit, with all defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.components.sequence_trainer.batches.parsing import Column
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel
from tfx_sequence.components.sequence_trainer.task.task import Input, Label, SequenceTask
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer
from tfx_sequence.schemas.spec import Feature, SequenceSpec

Floats = np.ndarray

TASK = SequenceTask(
    raw=SequenceSpec(features={"x": Feature(kind="float"), "y": Feature(kind="float", role="label")}),
    inputs=(Input("x", num_ids=None, width=1, context=False),),
    labels=(Label("y", per_step=True),),
    columns={"x": Column("float32"), "y": Column("float32")},
)


def make_batches(count: int, seed: int, label: Callable[[Floats, Floats], Floats], shuffled: bool) -> SequenceBatches:
    """Records of 5 to 20 steps: x is normal, and so is the noise; `label(x, noise)` makes the labels."""
    random = np.random.default_rng(seed)
    serialized = []
    for _ in range(count):
        x, noise = random.normal(size=[2, random.integers(5, 21)])
        example = tf.train.SequenceExample()
        for name, values in {"x": x, "y": label(x, noise)}.items():
            for value in values:
                example.feature_lists.feature_list[name].feature.add().float_list.value.append(value)
        serialized.append(example.SerializeToString())
    records = tf.data.Dataset.from_tensor_slices(serialized)
    training = TrainingConfig()
    seed_of_order = training.seed if shuffled else None
    return SequenceBatches(records, TASK.columns, batch_tokens=training.batch_tokens, seed=seed_of_order)


def train_with_defaults(
    folder: Path, label: Callable[[Floats, Floats], Floats], count: int = 2000, model: ModelConfig | None = None
) -> float:
    """Returns the root mean squared error on the eval split."""
    training = TrainingConfig()
    keras.utils.set_random_seed(training.seed)
    network = SequenceModel(TASK, model or ModelConfig(), seed=training.seed)
    trainer = Trainer(network, TASK, training, str(folder))
    train, evaluation = (make_batches(size, size, label, size == count) for size in (count, 300))
    return trainer.fit(train, evaluation).metrics["y_rmse"]


@pytest.mark.slow
def test_number_is_learnt_up_to_its_noise_with_all_defaults(tmp_path: Path) -> None:
    # With dropout on the numbers this was 0.310.
    assert train_with_defaults(tmp_path, lambda x, noise: x + 0.1 * noise) <= 0.11


@pytest.mark.slow
def test_number_far_from_zero_is_learnt_up_to_its_noise_with_all_defaults(tmp_path: Path) -> None:
    # Without standardisation this was 9,886.
    assert train_with_defaults(tmp_path, lambda x, noise: 10_000 + 100 * x + 10 * noise) <= 12


def test_run_that_goes_on_keeps_the_statistics_of_its_label(tmp_path: Path) -> None:
    means = []
    for run, offset in enumerate((100.0, 200.0)):
        config = TrainingConfig(epochs=run + 1, checkpoint_seconds=1e-6)
        model = SequenceModel(TASK, ModelConfig(units=2), seed=1)
        trainer = Trainer(model, TASK, config, str(tmp_path), Checkpoint(str(tmp_path), "state"))
        batches = make_batches(20, 0, lambda x, _, offset=offset: x + offset, shuffled=False)
        trainer.fit(batches, batches)
        means.append(float(model.heads["y"].mean[0]))
    # The second run restores the state of the first, and would otherwise have the mean of other labels.
    assert means[0] == means[1] == pytest.approx(100, abs=0.5)
