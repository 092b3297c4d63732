"""Trains the network of a new project, whose model_fn gives no seed. For processes that are compared or killed.

PYTHONPATH=tests python -m support.own_model_training FOLDER

saves after each update in FOLDER/state, and at the end writes FOLDER/weights.npz and FOLDER/history.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from support.paths import ROOT
from support.training_corpus import DRAWING, TASK, records
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.job import Job
from tfx_sequence.components.sequence_trainer.training.trainer import Trainer


def train(folder: Path) -> None:
    file = str(folder / "records.gz")
    with tf.io.TFRecordWriter(file, "GZIP") as writer:
        for record in records().as_numpy_iterator():
            writer.write(record)
    sys.path.append(str(ROOT / "pipeline" / "template"))
    settings = TrainingConfig(model_fn="own_code:model_fn", epochs=4, batch_tokens=32, checkpoint_seconds=1e-6)
    job = Job(DRAWING, settings, TASK, None, (file,), (file,))
    model = job.make_model()
    trainer = Trainer(model, TASK, settings, str(folder), job.make_checkpoint(str(folder / "state")))
    trainer.fit(job.make_train_batches(), job.make_eval_batches())
    # The states of the random generators are among the variables.
    np.savez(folder / "weights.npz", *[tf.convert_to_tensor(variable).numpy() for variable in model.variables])
    timeless = [
        {name: value for name, value in figures.items() if name != "tokens_per_second"} for figures in trainer.history
    ]
    (folder / "history.json").write_text(json.dumps(timeless))


if __name__ == "__main__":
    train(Path(sys.argv[1]))
