"""A job: the settings, the task and the data of one training, read from what TFX hands over and checked.

The default `run_fn` runs one; `tuner_fn` runs one for each trial.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.model import LabelModel, SequenceModel, load_head_class
from tfx_sequence.components.sequence_trainer.model.recurrent_stack import load_cell_class
from tfx_sequence.components.sequence_trainer.task.record_check import check_transformed
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.fingerprint import compute_fingerprint
from tfx_sequence.components.sequence_trainer.training.warm_start import list_weight_files
from tfx_sequence.schemas import contract


@dataclass(frozen=True)
class Job:
    """A model to train.

    Attributes:
      model: The network's settings.
      training: The optimisation's settings.
      task: What the data is.
      transform_output: The transform graph.
      train_files: Records to train on.
      eval_files: Records that early stopping goes by.
      base_model: The SavedModel whose weights training starts from; None to start anew.
    """

    model: ModelConfig
    training: TrainingConfig
    task: SequenceTask
    transform_output: tft.TFTransformOutput
    train_files: tuple[str, ...]
    eval_files: tuple[str, ...]
    base_model: str | None = None

    @classmethod
    def read(cls, fn_args: Any) -> Job:
        """Reads what TFX's Trainer or Tuner hands over.

        Args:
          fn_args: An FnArgs. `custom_config` holds the fields of a ModelConfig under `model` and of a TrainingConfig
            under `training`, and names of labels under `labels`; `hyperparameters`, as a Tuner writes them, replaces
            the settings that it names, such as `model.units`.

        Raises:
          TaskError: if the data or the settings cannot work, or the records are not those that the transform wrote.
        """
        graph = fn_args.transform_graph_path
        if not graph:
            raise TaskError("SequenceTrainer needs the `transform_graph` that the transform makes; none was given")
        transform_output = tft.TFTransformOutput(graph)
        custom_config: dict[str, Any] = fn_args.custom_config or {}
        job = cls(
            model=ModelConfig.model_validate(custom_config.get(contract.MODEL, {})),
            training=TrainingConfig.model_validate(custom_config.get(contract.TRAINING, {})),
            task=SequenceTask.load(transform_output, custom_config.get(contract.LABELS, ())),
            transform_output=transform_output,
            train_files=_list_files(fn_args.train_files),
            eval_files=_list_files(fn_args.eval_files),
            base_model=fn_args.base_model,
        )
        check_transformed(job.train_files, job.task.columns)
        tuned_values = (fn_args.hyperparameters or {}).get("values", {})
        return job.tuned(tuned_values)

    def tuned(self, values: Mapping[str, Any]) -> Job:
        """Returns the job with other settings: `model.units` to its value, and so on; other names are ignored."""
        model = {**self.model.model_dump(), **_values_of_table(contract.MODEL, values)}
        training = {**self.training.model_dump(), **_values_of_table(contract.TRAINING, values)}
        return dataclasses.replace(
            self, model=ModelConfig.model_validate(model), training=TrainingConfig.model_validate(training)
        )

    def train_batches(self) -> SequenceBatches:
        """Returns the batches of the train split, shuffled by the seed."""
        return self._batches(self.train_files, self.training.seed)

    def eval_batches(self) -> SequenceBatches:
        """Returns the batches of the eval split, always in one order."""
        return self._batches(self.eval_files, None)

    def make_model(self) -> LabelModel:
        """Makes the model, ours or the user's own. Its weights are made when it is first called.

        Raises:
          TaskError: if `training.model_fn` cannot be imported, or its model has no head for each label.
        """
        keras.utils.set_random_seed(self.training.seed)
        with _dtype_policy(self.training.precision):
            if self.training.model_fn is None:
                return SequenceModel(self.task, self.model, seed=self.training.seed)
            model_fn = _load_model_fn(self.training.model_fn)
            model = model_fn(self.task, self.model)
        labels = [label.name for label in self.task.labels]
        heads = getattr(model, "heads", None)
        if sorted(heads or {}) != sorted(labels):
            raise TaskError(
                f"the model that {self.training.model_fn!r} made must have an attribute `heads`, a dict with a "
                f"Head for each of the labels {labels}, but has {heads}"
            )
        return model

    def strategy(self) -> tf.distribute.Strategy:
        """Returns what spreads the training over devices."""
        return tf.distribute.MirroredStrategy() if self.training.devices == "all" else tf.distribute.get_strategy()

    def checkpoint(self, folder: str) -> Checkpoint:
        """Returns the checkpoint of this very training: with other files, settings or code it is another one.

        Args:
          folder: The folder of all checkpoints.

        Raises:
          TaskError: if the function of `training.model_fn`, or the class of a cell or a head, cannot be imported.
        """
        self._import_own_code()
        names = [self.training.model_fn, *self.model.own_code]
        sources = [_read_source(name) for name in names if name is not None]
        base_files = list_weight_files(self.base_model) if self.base_model else []
        files = [*self.train_files, *self.eval_files, *base_files]
        return Checkpoint(folder, compute_fingerprint(files, (self.model, self.training, self.task, sources)))

    def _import_own_code(self) -> None:
        if self.training.model_fn is not None:
            _load_model_fn(self.training.model_fn)
        load_cell_class(self.model.cell)
        for label, head in self.model.heads.items():
            if head.kind is not None:
                load_head_class(label, head.kind)

    def _batches(self, files: tuple[str, ...], seed: int | None) -> SequenceBatches:
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        return SequenceBatches(records, self.task.columns, batch_tokens=self.training.batch_tokens, seed=seed)


def _values_of_table(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values of one table by key: of `model.units` that of `units`, for the table `model`."""
    prefix = f"{table}."
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def _list_files(patterns: list[str]) -> tuple[str, ...]:
    files = tuple(sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern)))
    if not files:
        raise TaskError(f"no file matches {patterns}: is the split there, and is it materialised?")
    return files


def _load_model_fn(name: str) -> Callable[[SequenceTask, ModelConfig], LabelModel]:
    """Imports the function that `module:function` names.

    Raises:
      TaskError: if there is none.
    """
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise TaskError(
            f"training.model_fn = {name!r} cannot be imported: {error}. Expected is `module:function`: a module "
            "that is installed or on PYTHONPATH, and in it a function (task, config) -> keras.Model"
        ) from error


def _read_source(name: str) -> str | None:
    """Reads the module of `module:name`, which is imported already: with another text it is another model."""
    file = sys.modules[name.partition(":")[0]].__file__
    if file is None or not os.path.exists(file):
        return None
    with open(file, encoding="utf-8", errors="replace") as text:
        return text.read()


@contextlib.contextmanager
def _dtype_policy(policy: str) -> Iterator[None]:
    """Gives all layers that are made until the block ends this dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
