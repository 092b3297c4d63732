"""SequenceTrainer: stock Trainer with a `run_fn` for dynamic RNNs, and typed settings for it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tfx import types
from tfx.components.trainer import component as stock
from tfx.proto import trainer_pb2

from tfx_sequence.components import arguments
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.schemas import contract

_RUN_FN_MODULE = "tfx_sequence.components.sequence_trainer.run_fn"


class SequenceTrainer(stock.Trainer):
    """Trains a dynamic RNN on transformed sequences, with a masked loss.

    It stands in for stock Trainer: the same channels, the same artifacts. What differs: it brings a `run_fn` of its
    own, so no module file is needed; one can be given all the same.

    Args:
      examples: A channel of `Examples`: SequenceExamples as SequenceTransform writes them, or tf.Examples as stock
        Transform does.
      transform_graph: A channel of `TransformGraph` from SequenceTransform or stock Transform.
      model: The network: a `ModelConfig`, or a dict of its fields.
      training: The optimisation: a `TrainingConfig`, or a dict of its fields.
      labels: The transformed features to predict, and no others. By default those that have the role `label` in the
        schema, as SequenceSchemaGen writes it; stock SchemaGen knows no roles. All else is an input, but for what has
        another role.
      state_dir: The folder in which training is saved, for the next run of the same data and settings to go on from
        if this one is killed; by default `<pipeline root>/<component>/state`. What is in it is removed at the end.
      schema: As stock has it; not needed, for the transform graph carries one.
      base_model: As stock has it: a channel of `Model`, as this component exports it, whose weights training starts
        from, as far as they fit; see docs/training.md. It may be empty, as that of a Resolver in a first run is.
      hyperparameters: As stock has it.
      module_file: As stock has it; replaces the default run_fn.
      run_fn: As stock has it; replaces the default run_fn.
      train_args: As stock has it: the splits to train on, `train` by default. `num_steps` is not used by our run_fn.
      eval_args: As stock has it: the splits that early stopping goes by, `eval` by default.
      custom_config: As stock has it. The settings are added to it under `model`, `training`, `labels` and
        `state_dir`.

    Raises:
      TypeError: if a setting is not of the type that its argument is for.
      ValueError: if a setting has a value that is not allowed, or `custom_config` has the key of one.
    """

    def __init__(
        self,
        examples: types.BaseChannel,
        transform_graph: types.BaseChannel,
        model: ModelConfig | Mapping[str, Any] | None = None,
        training: TrainingConfig | Mapping[str, Any] | None = None,
        labels: Sequence[str] | None = None,
        state_dir: str | os.PathLike[str] | None = None,
        schema: types.BaseChannel | None = None,
        base_model: types.BaseChannel | None = None,
        hyperparameters: types.BaseChannel | None = None,
        module_file: str | None = None,
        run_fn: str | None = None,
        train_args: trainer_pb2.TrainArgs | None = None,
        eval_args: trainer_pb2.EvalArgs | None = None,
        custom_config: dict[str, Any] | None = None,
    ):
        if not module_file and not run_fn:
            run_fn = f"{_RUN_FN_MODULE}.run_fn"
        model_config = arguments.parse_settings("model", ModelConfig, model or {})
        training_config = arguments.parse_settings("training", TrainingConfig, training or {})
        settings: dict[str, Any] = {
            contract.MODEL: model_config.model_dump(mode="json"),
            contract.TRAINING: training_config.model_dump(mode="json"),
        }
        if labels is not None:
            settings[contract.LABELS] = arguments.check_names("labels", labels)
        if state_dir is not None:
            settings[contract.STATE_DIR] = os.fspath(state_dir)
        reserved = (contract.MODEL, contract.TRAINING, contract.LABELS, contract.STATE_DIR)
        super().__init__(
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            base_model=base_model,
            hyperparameters=hyperparameters,
            module_file=module_file,
            run_fn=run_fn,
            train_args=train_args or trainer_pb2.TrainArgs(),
            eval_args=eval_args or trainer_pb2.EvalArgs(),
            custom_config={**arguments.check_custom_config(custom_config, reserved), **settings},
        )
