"""Defines Job, which reads and checks the settings and data of one training from the FnArgs of TFX.

The default `run_fn` trains one job. `tuner_fn` trains one job per trial.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
import tensorflow_transform as tft
from tfx.components.trainer.fn_args_utils import FnArgs

from tfx_sequence.components.own_code.fingerprint import fingerprint_code
from tfx_sequence.components.sequence_trainer.batches.sequence_batches import SequenceBatches
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.model.dtype_policy import use_dtype_policy
from tfx_sequence.components.sequence_trainer.model.model import LabelModel, SequenceModel, build_model, load_head_class
from tfx_sequence.components.sequence_trainer.model.recurrent_stack import load_cell_class
from tfx_sequence.components.sequence_trainer.task.integer_labels import decide_integer_labels
from tfx_sequence.components.sequence_trainer.task.record_check import check_transformed
from tfx_sequence.components.sequence_trainer.task.task import SequenceTask
from tfx_sequence.components.sequence_trainer.task.transformed import read_transformed
from tfx_sequence.components.sequence_trainer.training.checkpoint import Checkpoint
from tfx_sequence.components.sequence_trainer.training.fingerprint import compute_fingerprint
from tfx_sequence.components.sequence_trainer.training.warm_start import list_weight_files
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.records.shards import check_shards


@dataclass(frozen=True)
class Job:
    """The settings and data of one training.

    Attributes:
      model: The settings of the network.
      training: The settings of the optimisation.
      task: The inputs and labels of the data.
      transform_output: The transform graph and its vocabularies.
      train_files: Paths of the records to train on.
      eval_files: Paths of the records whose metrics decide when training stops early.
      base_model: The SavedModel whose weights training starts from. If None, training starts from random weights.
    """

    model: ModelConfig
    training: TrainingConfig
    task: SequenceTask
    transform_output: tft.TFTransformOutput
    train_files: tuple[str, ...]
    eval_files: tuple[str, ...]
    base_model: str | None = None

    @classmethod
    def read(cls, fn_args: FnArgs) -> Job:
        """Reads the job from the arguments that TFX's Trainer or Tuner passes.

        Args:
          fn_args: An FnArgs. In its `custom_config`, `model` is a dict of the fields of a ModelConfig, `training` is a
            dict of the fields of a TrainingConfig, and `labels` is a list of names. Its `hyperparameters`, as a Tuner
            writes them, replace single settings, such as `model.units`.

        Raises:
          TaskError: if no model can be trained with the data or the settings, if the records were not written by the
            transform, or if `hyperparameters` has a name that is no setting.
        """
        graph_folder = fn_args.transform_graph_path
        if not graph_folder:
            raise TaskError("SequenceTrainer needs a `transform_graph`, which is an output of the transform component")
        transform_output = tft.TFTransformOutput(graph_folder)
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
        task = decide_integer_labels(job.task, transform_output, job.train_files)
        job = dataclasses.replace(job, task=task)
        tuned_values = (fn_args.hyperparameters or {}).get("values", {})
        _check_tuned_names(tuned_values)
        return job.replace_settings(tuned_values)

    def replace_settings(self, values: Mapping[str, Any]) -> Job:
        """Returns a job in which some settings have other values.

        Args:
          values: The new values by the names of the settings, such as `model.units`. Names of other tables are ignored.
        """
        model = {**self.model.model_dump(), **_select_table(contract.MODEL, values)}
        training = {**self.training.model_dump(), **_select_table(contract.TRAINING, values)}
        return dataclasses.replace(
            self, model=ModelConfig.model_validate(model), training=TrainingConfig.model_validate(training)
        )

    def make_train_batches(self) -> SequenceBatches:
        """Makes the batches of the train split, which are shuffled with the seed of the settings."""
        # In the scope of `get_strategy`, each device gets one batch of a group.
        devices = tf.distribute.get_strategy().num_replicas_in_sync
        return self._make_batches(self.train_files, self.training.seed, devices)

    def make_eval_batches(self) -> SequenceBatches:
        """Makes the batches of the eval split, which are not shuffled."""
        return self._make_batches(self.eval_files, None, group=1)

    def make_model(self) -> LabelModel:
        """Makes a SequenceModel, or calls the user's `model_fn`. The model's weights are made at its first call.

        Raises:
          TaskError: if `training.model_fn` cannot be imported, or if its model does not have one head per label.
        """
        keras.utils.set_random_seed(self.training.seed)
        with use_dtype_policy(self.training.precision):
            if self.training.model_fn is None:
                return SequenceModel(self.task, self.model, seed=self.training.seed)
            model_fn = _load_model_fn(self.training.model_fn)
            model = model_fn(self.task, self.model)
        self._check_heads(model)
        return model

    def make_serving_model(self, model: LabelModel, batches: SequenceBatches) -> LabelModel:
        """Makes the model to export: the trained model itself, or one of equal weights that computes in float32.

        Weights are float32 whatever the precision of training. Half precision makes training on GPUs faster, but a
        served number would have three digits only, and most CPUs that serve have no instructions for it.

        Args:
          model: The trained model.
          batches: Batches in the form of the model's inputs.
        """
        if self.training.precision == "float32":
            return model
        exported = self.replace_settings({"training.precision": "float32"}).make_model()
        build_model(exported, batches)
        exported.set_weights(model.get_weights())
        return exported

    def get_strategy(self) -> tf.distribute.Strategy:
        """Returns the strategy that distributes the training over devices."""
        if self.training.devices == "all":
            return tf.distribute.MirroredStrategy()
        return tf.distribute.get_strategy()

    def make_checkpoint(self, folder: str) -> Checkpoint:
        """Returns the checkpoint of this training. Jobs with other files, settings or code have other checkpoints.

        Args:
          folder: The folder of all checkpoints.

        Raises:
          TaskError: if the function of `training.model_fn`, or the class of a cell or a head, cannot be imported.
        """
        self._import_own_code()
        code = fingerprint_code([self.training.model_fn, *self.model.own_code])
        base_files = list_weight_files(self.base_model) if self.base_model else []
        files = [*self.train_files, *self.eval_files, *base_files]
        return Checkpoint(folder, compute_fingerprint(files, (self.model, self.training, self.task, code)))

    def check_vocabularies(self) -> None:
        """Raises a TaskError if a vocabulary file was cut or changed since the job was read, before it is exported."""
        read_transformed(self.transform_output, [label.name for label in self.task.labels])

    def _check_heads(self, model: LabelModel) -> None:
        """Raises a TaskError if the user's model does not have one head per label."""
        labels = [label.name for label in self.task.labels]
        heads = getattr(model, "heads", None)
        if sorted(heads or {}) != sorted(labels):
            raise TaskError(
                f"the model that {self.training.model_fn!r} made must have an attribute `heads`, a dict with a "
                f"Head for each of the labels {labels}, but has {heads}"
            )

    def _import_own_code(self) -> None:
        """Imports the modules that the settings name, so that a wrong name raises a TaskError now."""
        if self.training.model_fn is not None:
            _load_model_fn(self.training.model_fn)
        load_cell_class(self.model.cell)
        for label, head in self.model.heads.items():
            if head.kind is not None:
                load_head_class(label, head.kind)

    def _make_batches(self, files: tuple[str, ...], seed: int | None, group: int) -> SequenceBatches:
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        return SequenceBatches(
            records,
            self.task.columns,
            batch_tokens=self.training.batch_tokens,
            seed=seed,
            group=group,
            window=self.training.window,
        )


def _select_table(table: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values whose names begin with `<table>.`, under their names without this prefix."""
    prefix = f"{table}."
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


def _check_tuned_names(names: Iterable[str]) -> None:
    """Checks that hyperparameters are settings of this trainer.

    Raises:
      TaskError: if one is not. Training would ignore it, and its model would not be the one that the Tuner chose.
    """
    # Keras Tuner adds names such as `tuner/epochs`, which count its own rounds.
    tables = (f"{contract.MODEL}.", f"{contract.TRAINING}.", "tuner/")
    unknown_names = [name for name in names if not name.startswith(tables)]
    if unknown_names:
        raise TaskError(
            f"`hyperparameters` has {', '.join(map(repr, unknown_names))}, but SequenceTrainer knows only settings "
            "such as 'model.units' and 'training.learning_rate'. Give them these names in your tuner_fn, or use "
            "tfx_sequence.components.sequence_trainer.tuner_fn.tuner_fn"
        )


def _list_files(patterns: list[str]) -> tuple[str, ...]:
    """Returns the paths that match any of the patterns, sorted. A path that matches several patterns is returned once.

    Raises:
      TaskError: if no path matches.
      IncompleteDataError: if a file of `<name>-00000-of-00040` to `<name>-00039-of-00040` is missing.
    """
    files: set[str] = set()
    for pattern in patterns:
        files.update(tf.io.gfile.glob(pattern))
    check_shards(files)
    if not files:
        raise TaskError(f"no file matches {patterns}: does the split exist, and did the transform write its records?")
    return tuple(sorted(files))


def _load_model_fn(name: str) -> Callable[[SequenceTask, ModelConfig], LabelModel]:
    """Imports the function that `module:function` names.

    Raises:
      TaskError: if the module or the function cannot be imported.
    """
    expected = (
        "It must be `module:function`: the name of a module that is installed or on PYTHONPATH, and of its function "
        "(task, config) -> keras.Model"
    )
    module, _, function = name.partition(":")
    if not module or module.startswith(".") or not function:
        raise TaskError(f"training.model_fn = {name!r} does not name a module and a function. {expected}")
    try:
        return getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise TaskError(f"training.model_fn = {name!r} cannot be imported: {error}. {expected}") from error
    except SystemExit as error:
        raise TaskError(
            f"training.model_fn = {name!r} cannot be imported: its module calls sys.exit({error.code!r})"
        ) from error
