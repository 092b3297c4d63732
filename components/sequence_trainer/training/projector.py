"""Writes the embeddings of a model to files that the projector of TensorBoard shows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_transform as tft
from tensorboard.plugins import projector

from tfx_sequence.components.sequence_trainer.model.value_axes import EMBEDDING_LAYER
from tfx_sequence.components.sequence_trainer.task.task import Input, SequenceTask
from tfx_sequence.components.sequence_trainer.task.transformed import read_id_values
from tfx_sequence.schemas.spec import FIRST_ID

MAX_ROWS = 10_000
"""The maximum number of rows that are written per embedding. Row 0, which is padding, counts but is not written.

The projector draws no more rows. The first ids belong to the most frequent values.
"""


def write_projector(
    log_dir: str, model: keras.Model, task: SequenceTask, transform_output: tft.TFTransformOutput
) -> None:
    """Writes the embedding of each input, with one name per row.

    Args:
      log_dir: The folder of the event files. A configuration file is written to it, and per input one file of vectors
        and one file of names.
      model: The model. The path of an embedding must end with `embed_<input>/embeddings`, as in SequenceModel.
      task: The inputs of the model.
      transform_output: The vocabularies. If an input has no vocabulary, its rows are named by their ids.
    """
    config = projector.ProjectorConfig()
    tf.io.gfile.makedirs(log_dir)
    for item in task.inputs:
        table = _find_embedding(model, item.name)
        if table is None:
            continue
        rows = tf.convert_to_tensor(table).numpy()[FIRST_ID:MAX_ROWS]
        row_names = _name_rows(item, len(rows), task, transform_output)
        vectors_file = f"{item.name}_vectors.tsv"
        names_file = f"{item.name}_values.tsv"
        _write_vectors(os.path.join(log_dir, vectors_file), rows)
        _write_names(os.path.join(log_dir, names_file), row_names)
        config.embeddings.add(tensor_name=item.name, tensor_path=vectors_file, metadata_path=names_file)
    projector.visualize_embeddings(log_dir, config)


def _find_embedding(model: keras.Model, name: str) -> keras.Variable | None:
    """Returns the embedding of an input; None if the input has no embedding."""
    path = f"{EMBEDDING_LAYER}{name}/embeddings"
    return next((weight for weight in model.weights if weight.path.endswith(path)), None)


def _write_vectors(path: str, rows: npt.NDArray[Any]) -> None:
    """Writes one line per row, with tabs between the numbers."""
    with tf.io.gfile.GFile(path, "w") as file:
        np.savetxt(file, rows, fmt="%.5g", delimiter="\t")


def _write_names(path: str, names: Iterable[str]) -> None:
    """Writes one line per name. White space becomes a single space, and an empty name becomes two quotes."""
    with tf.io.gfile.GFile(path, "w") as file:
        for name in names:
            # A tab or a line break within a name would shift the names of the other rows.
            line = " ".join(name.split()) or "''"
            file.write(f"{line}\n")


def _name_rows(item: Input, count: int, task: SequenceTask, transform_output: tft.TFTransformOutput) -> list[str]:
    """Returns the names of the ids 1 to `count` of an input: values of its vocabulary, or texts such as `<id 7>`."""
    values = read_id_values(transform_output, item.name, task.columns[item.name], item.num_ids) or ()
    names = [value.decode("utf-8", "replace") for value in values[:count]]
    return names + [f"<id {number}>" for number in range(FIRST_ID + len(names), FIRST_ID + count)]
