"""Writes the embeddings of a model for TensorBoard's projector."""

from __future__ import annotations

import os

import keras
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from tensorboard.plugins import projector

from tfx_sequence.components.sequence_trainer.model.value_axes import EMBEDDING_LAYER
from tfx_sequence.components.sequence_trainer.task.task import Input, SequenceTask
from tfx_sequence.components.sequence_trainer.task.transformed import names_of_ids
from tfx_sequence.schemas.spec import FIRST_ID

MAX_ROWS = 10_000
"""The rows of a table, padding included, that are written: the projector draws no more. The first ids are the most
frequent values."""


def write_projector(
    log_dir: str, model: keras.Model, task: SequenceTask, transform_output: tft.TFTransformOutput
) -> None:
    """Writes the embedding of each input, and the values that its rows stand for.

    Args:
      log_dir: The folder of the event files. It gets a configuration, and for each input a table of vectors and one of
        values.
      model: Its embeddings are weights whose path ends with `embed_<input>/embeddings`, as those of SequenceModel do.
      task: What the model reads.
      transform_output: The vocabularies; the rows of an input without one are named by their ids.
    """
    config = projector.ProjectorConfig()
    tf.io.gfile.makedirs(log_dir)
    for item in task.inputs:
        path = f"{EMBEDDING_LAYER}{item.name}/embeddings"
        table = next((weight for weight in model.weights if weight.path.endswith(path)), None)
        if table is None:
            continue
        rows = tf.convert_to_tensor(table).numpy()[FIRST_ID:MAX_ROWS]
        names = _name_rows(item, len(rows), task, transform_output)
        entry = config.embeddings.add()
        entry.tensor_name = item.name
        entry.tensor_path, entry.metadata_path = f"{item.name}_vectors.tsv", f"{item.name}_values.tsv"
        with tf.io.gfile.GFile(os.path.join(log_dir, entry.tensor_path), "w") as file:
            np.savetxt(file, rows, fmt="%.5g", delimiter="\t")
        with tf.io.gfile.GFile(os.path.join(log_dir, entry.metadata_path), "w") as file:
            # A line is a row: white space that would break it becomes a space, and an empty name a pair of quotes.
            file.write("".join((" ".join(name.split()) or "''") + "\n" for name in names))
    projector.visualize_embeddings(log_dir, config)


def _name_rows(item: Input, count: int, task: SequenceTask, transform_output: tft.TFTransformOutput) -> list[str]:
    """Returns the names of the ids 1 to `count` of an input."""
    values = names_of_ids(transform_output, item.name, task.columns[item.name], item.num_ids) or ()
    names = [value.decode("utf-8", "replace") for value in values[:count]]
    return names + [f"<id {number}>" for number in range(FIRST_ID + len(names), FIRST_ID + count)]
