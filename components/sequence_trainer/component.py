"""Defines SequenceTrainer, a TFX Trainer component with a ready `run_fn` for dynamic RNNs and typed settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from tfx import types
from tfx.components.trainer import component as stock
from tfx.proto import trainer_pb2

from tfx_sequence.components import arguments
from tfx_sequence.components.own_code.fingerprint import fingerprint_code, fingerprint_dotted_names
from tfx_sequence.components.sequence_trainer.config.model import ModelConfig
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.schemas import contract

_RUN_FN = "tfx_sequence.components.sequence_trainer.run_fn.run_fn"
_SETTINGS_KEYS = (contract.MODEL, contract.TRAINING, contract.LABELS, contract.STATE_DIR, contract.CODE)


class SequenceTrainer(stock.Trainer):
    """Trains a dynamic RNN on transformed sequences, with a masked loss.

    The component replaces the stock Trainer, and has the same channels and artifacts. It has its own `run_fn`, so it
    needs no module file. If you pass a module file or another `run_fn`, that one is run instead.

    Args:
      examples: A channel of `Examples`: SequenceExamples as SequenceTransform writes them, or tf.Examples as stock
        Transform does.
      transform_graph: A channel of `TransformGraph` from SequenceTransform or stock Transform.
      model: The settings of the network: a `ModelConfig`, or a dict of its fields.
      training: The settings of the optimisation: a `TrainingConfig`, or a dict of its fields.
      labels: The names of the transformed features to predict. By default, the features that have the role `label` in
        the schema that SequenceSchemaGen wrote; a schema of the stock SchemaGen has no roles. All other features are
        inputs, unless they have another role.
      state_dir: The folder in which the state of the training is saved. If a run is killed, the next run with the same
        data and settings continues from this state. By default `<pipeline root>/<component>/state`. The state is
        removed when the model has been exported.
      schema: As in the stock Trainer. It is not needed, because the transform graph contains a schema.
      base_model: As in the stock Trainer: a channel of `Model`. Training starts from the weights of this model, as far
        as they fit; see docs/training.md. The model must have been exported by this component. The channel may be
        empty, such as the output of a Resolver in the first run.
      hyperparameters: As in the stock Trainer.
      module_file: As in the stock Trainer; replaces the default run_fn.
      run_fn: As in the stock Trainer; replaces the default run_fn.
      train_args: As in the stock Trainer: the splits to train on, `train` by default. The default run_fn does not use
        `num_steps`.
      eval_args: As in the stock Trainer: the splits whose metrics decide when training stops early, `eval` by default.
      custom_config: As in the stock Trainer. The settings are added to it under the keys `model`, `training`, `labels`
        and `state_dir`, and a fingerprint of the code under the key `code`.

    Raises:
      TypeError: if a setting does not have the type of its argument.
      ValueError: if a setting has a value that is not allowed, or if `custom_config` contains one of these keys.
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
            run_fn = _RUN_FN
        model_config = arguments.parse_settings("model", ModelConfig, model or {})
        training_config = arguments.parse_settings("training", TrainingConfig, training or {})
        settings: dict[str, Any] = {
            contract.MODEL: model_config.model_dump(mode="json"),
            contract.TRAINING: training_config.model_dump(mode="json"),
        }
        settings[contract.CODE] = {
            **fingerprint_code([training_config.model_fn, *model_config.own_code]),
            # TFX itself hashes a `module_file`.
            **fingerprint_dotted_names([] if module_file else [run_fn]),
        }
        if labels is not None:
            settings[contract.LABELS] = arguments.check_names("labels", labels)
        if state_dir is not None:
            settings[contract.STATE_DIR] = os.fspath(state_dir)
        super().__init__(
            examples=examples,
            transform_graph=transform_graph,
            schema=schema,
            base_model=base_model,
            hyperparameters=hyperparameters,
            module_file=module_file,
            run_fn=run_fn,
            # The stock Trainer requires these arguments. Empty ones select the default splits.
            train_args=train_args or trainer_pb2.TrainArgs(),
            eval_args=eval_args or trainer_pb2.EvalArgs(),
            custom_config={**arguments.check_custom_config(custom_config, _SETTINGS_KEYS), **settings},
        )
