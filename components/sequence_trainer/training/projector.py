"""The tables of embeddings, for TensorBoard's projector."""

from __future__ import annotations

import os

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorboard.plugins import projector

from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.task.transformed import names_of_ids

MAX_ROWS = 10_000
"""The projector draws no more; the first ids are the most frequent values."""


def write_projector(
    log_dir: str, model: keras.Model, task: SequenceTask, transform_output: tft.TFTransformOutput
) -> None:
    """Writes the embedding of each input, and the values that its rows are of.

    Args:
      log_dir: Of the event files. Next to them come a configuration, and for each input a table of vectors and one of
        values.
      model: Its embeddings are weights whose path ends with `embed_<input>/embeddings`, as those of SequenceModel do.
      task: What the model reads.
      transform_output: The vocabularies; an input without one has its ids for names.
    """
    config = projector.ProjectorConfig()
    tf.io.gfile.makedirs(log_dir)
    for item in task.inputs:
        found = [weight for weight in model.weights if weight.path.endswith(f"embed_{item.name}/embeddings")]
        if not found:
            continue
        rows = tf.convert_to_tensor(found[0]).numpy()[1:MAX_ROWS]  # Row 0 is of padding.
        values = names_of_ids(transform_output, item.name, task.columns[item.name], item.num_ids) or ()
        names = [value.decode("utf-8", "replace") for value in values[: len(rows)]]
        names += [f"<id {number}>" for number in range(len(names) + 1, len(rows) + 1)]
        entry = config.embeddings.add()
        entry.tensor_name = item.name
        entry.tensor_path, entry.metadata_path = f"{item.name}_vectors.tsv", f"{item.name}_values.tsv"
        with tf.io.gfile.GFile(os.path.join(log_dir, entry.tensor_path), "w") as file:
            np.savetxt(file, rows, fmt="%.5g", delimiter="\t")
        with tf.io.gfile.GFile(os.path.join(log_dir, entry.metadata_path), "w") as file:
            # A line is a row: what would break it is written as a space, and nothing as quotes.
            file.write("".join((" ".join(name.split()) or "''") + "\n" for name in names))
    projector.visualize_embeddings(log_dir, config)
