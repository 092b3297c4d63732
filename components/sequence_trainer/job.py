"""What SequenceTrainer and a Tuner are given, read and checked: settings, task, data."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft

from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.model import SequenceModel, load_head_class
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
      eval_files: Records that early stopping watches.
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
        custom: dict[str, Any] = fn_args.custom_config or {}
        output = tft.TFTransformOutput(graph)
        job = cls(
            ModelConfig.model_validate(custom.get(contract.MODEL, {})),
            TrainingConfig.model_validate(custom.get(contract.TRAINING, {})),
            SequenceTask.load(output, custom.get(contract.LABELS, ())),
            output,
            _files(fn_args.train_files),
            _files(fn_args.eval_files),
            fn_args.base_model,
        )
        check_transformed(job.train_files, job.task.columns)
        return job.tuned((fn_args.hyperparameters or {}).get("values", {}))

    def tuned(self, values: Mapping[str, Any]) -> Job:
        """The same with other settings: `model.units` to its value, and so on."""
        model = _replaced(self.model.model_dump(), contract.MODEL, values)
        training = _replaced(self.training.model_dump(), contract.TRAINING, values)
        return dataclasses.replace(
            self, model=ModelConfig.model_validate(model), training=TrainingConfig.model_validate(training)
        )

    def train_batches(self) -> SequenceBatches:
        """Of the train split, shuffled by the seed."""
        return self._batches(self.train_files, self.training.seed)

    def eval_batches(self) -> SequenceBatches:
        """Of the eval split, always in one order."""
        return self._batches(self.eval_files, None)

    def make_model(self) -> keras.Model:
        """The model, ours or the user's own, not built yet.

        Raises:
          TaskError: if `training.model_fn` cannot be imported, or what it made has no head for each label.
        """
        keras.utils.set_random_seed(self.training.seed)
        with _precision(self.training.precision):
            if self.training.model_fn is None:
                return SequenceModel(self.task, self.model, seed=self.training.seed)
            model = _function(self.training.model_fn)(self.task, self.model)
        labels = [label.name for label in self.task.labels]
        if sorted(getattr(model, "heads", {})) != sorted(labels):
            raise TaskError(
                f"the model that {self.training.model_fn!r} made must have an attribute `heads`, a dict with a "
                f"Head for each of the labels {labels}, but has {getattr(model, 'heads', None)}"
            )
        return model

    def strategy(self) -> tf.distribute.Strategy:
        """What spreads the training over devices."""
        return tf.distribute.MirroredStrategy() if self.training.devices == "all" else tf.distribute.get_strategy()

    def saved_state(self, folder: str) -> Checkpoint:
        """Where this very training is saved: files, task, settings or a base model of another kind have another.

        Raises:
          TaskError: if `training.model_fn` or `model.cell` cannot be imported.
        """
        if self.training.model_fn is not None:
            _function(self.training.model_fn)
        load_cell_class(self.model.cell)
        for label, head in self.model.heads.items():
            if head.kind is not None:
                load_head_class(label, head.kind)
        own_code = [self.training.model_fn, *self.model.own_code]
        sources = [_source(name) for name in own_code if name is not None]
        settings = (self.model, self.training, self.task, sources)
        base = list_weight_files(self.base_model) if self.base_model else []
        return Checkpoint(folder, compute_fingerprint([*self.train_files, *self.eval_files, *base], settings))

    def _batches(self, files: tuple[str, ...], seed: int | None) -> SequenceBatches:
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        return SequenceBatches(records, self.task.columns, batch_tokens=self.training.batch_tokens, seed=seed)


def _replaced(settings: Mapping[str, Any], table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{table}."
    return {**settings, **{name.removeprefix(prefix): values[name] for name in values if name.startswith(prefix)}}


def _files(patterns: list[str]) -> tuple[str, ...]:
    files = tuple(sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern)))
    if not files:
        raise TaskError(f"no file matches {patterns}: is the split there, and is it materialised?")
    return files


def _function(name: str) -> Any:
    """The function that `module:function` names.

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


def _source(name: str) -> str | None:
    """Reads the module of `module:name`, which is imported already: with another text it is another model."""
    file = sys.modules[name.partition(":")[0]].__file__
    if file is None or not os.path.exists(file):
        return None
    with open(file, encoding="utf-8", errors="replace") as text:
        return text.read()


@contextlib.contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Makes layers of this dtype policy until the block ends."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
