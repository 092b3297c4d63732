"""The whole pipeline: from files of sequences to a pushed model."""

from __future__ import annotations

from typing import Any

import tensorflow_data_validation as tfdv
from tfx import v1 as tfx

from tfx_sequence.components.sequence_evaluator import make_eval_config
from tfx_sequence.components.sequence_example_gen import ReadConfig, SequenceExampleGen
from tfx_sequence.components.sequence_example_validator import SequenceExampleValidator
from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.components.sequence_trainer import SequenceTrainer
from tfx_sequence.components.sequence_transform import SequenceTransform
from tfx_sequence.components.sequence_transform.config import transformed_spec
from tfx_sequence.pipeline.config.own_code import dotted, fingerprint
from tfx_sequence.pipeline.config.tables import Config, DataConfig
from tfx_sequence.schemas import contract

_INFRA_EXAMPLES = 10
"""Records that InfraValidator asks a model about."""


def create_pipeline(config: Config) -> tfx.dsl.Pipeline:
    """The pipeline that a config describes; any TFX runner can run it.

    ::

        files -> SequenceExampleGen -> StatisticsGen -> SequenceSchemaGen -> SequenceExampleValidator
              -> SequenceTransform [-> Tuner] -> SequenceTrainer -> Evaluator [-> InfraValidator] -> Pusher
              [-> BulkInferrer]

    Those in brackets are there if the config asks for them, and so is a Resolver of the latest blessed model, which the
    Evaluator compares the new one with, and whose weights a warm start is from.

    Raises:
      ValueError: if the input is in a Python package that is not installed.
    """
    spec = config.spec
    example_gen = SequenceExampleGen(
        input_base=config.data.folder,
        spec=spec,
        read=ReadConfig(**{name: getattr(config.data, name) for name in ReadConfig.model_fields}),
        split=config.data.split if isinstance(config.data.files, str) else None,
        write=config.data.write,
        input_config=_input_config(config.data),
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx.components.StatisticsGen(
        examples=examples, stats_options=tfdv.StatsOptions(experimental_use_sketch_based_topk_uniques=True)
    )
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = SequenceSchemaGen(statistics=statistics, spec=spec)
    schema = schema_gen.outputs["schema"]
    validator = SequenceExampleValidator(
        statistics=statistics,
        schema=schema,
        examples=examples,
        fail_on=config.validation.fail_on,
        severities=config.validation.severities,
    )
    own = config.pipeline.preprocessing_fn
    transform = SequenceTransform(
        examples=examples,
        schema=schema,
        transform=config.transform,
        numbers=config.numbers,
        max_steps=config.sequence.max_steps,
        preprocessing_fn=own and dotted(own),
        custom_config={contract.CODE: fingerprint([own])},
    )
    # The validator's verdict is for everything after it, though nothing reads its output.
    transform.add_upstream_node(validator)
    tuner = [] if config.tuning is None else [_tuner(config, transform)]
    evaluation = config.evaluation
    compared = any(threshold.worse_by is not None for threshold in evaluation.thresholds.values())
    resolver = [_latest_blessed_model()] if compared or config.training.warm_start else []
    trainer = SequenceTrainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        model=config.model,
        training=config.training.of_trainer,
        base_model=resolver[0].outputs["model"] if config.training.warm_start else None,
        hyperparameters=tuner[0].outputs["best_hyperparameters"] if tuner else None,
        custom_config={contract.CODE: fingerprint([config.training.model_fn, *config.model.own_code])},
    )
    model = trainer.outputs["model"]
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=resolver[0].outputs["model"] if compared else None,
        eval_config=make_eval_config(
            transformed_spec(spec, config.transform),
            evaluation.min_accuracy,
            thresholds=evaluation.thresholds,
            slices=evaluation.slices,
            confidence_intervals=evaluation.confidence_intervals,
            metrics=evaluation.metrics,
        ),
        example_splits=list(evaluation.splits),
    )
    blessing = evaluator.outputs["blessing"]
    infra_validator = [_infra_validator(config, examples, model)] if config.serving.infra_validate else []
    pusher = tfx.components.Pusher(
        model=model,
        model_blessing=blessing,
        infra_blessing=infra_validator[0].outputs["blessing"] if infra_validator else None,
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=config.serving_dir)
        ),
    )
    inferrer = [_bulk_inferrer(config, examples, model, blessing)] if config.serving.infer else []
    return tfx.dsl.Pipeline(
        pipeline_name=config.pipeline.name,
        pipeline_root=config.pipeline.artifacts_dir,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            config.pipeline.metadata_path
        ),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            validator,
            transform,
            *tuner,
            *resolver,
            trainer,
            evaluator,
            *infra_validator,
            pusher,
            *inferrer,
        ],
        enable_cache=config.pipeline.cache,
        beam_pipeline_args=config.pipeline.beam_args,
    )


def _tuner(config: Config, transform: SequenceTransform) -> Any:
    """Stock's, trying settings on the train split."""
    return tfx.components.Tuner(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        tuner_fn="tfx_sequence.components.sequence_trainer.tuner_fn.tuner_fn",
        train_args=tfx.proto.TrainArgs(),
        eval_args=tfx.proto.EvalArgs(),
        custom_config={
            contract.MODEL: config.model.model_dump(mode="json"),
            contract.TRAINING: config.training.of_trainer.model_dump(mode="json"),
            contract.TUNING: config.tuning.model_dump(mode="json") if config.tuning else {},
            contract.CODE: fingerprint([config.training.model_fn, *config.model.own_code]),
        },
    )


def _latest_blessed_model() -> Any:
    return tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")


def _infra_validator(config: Config, examples: Any, model: Any) -> Any:
    """Stock's: it asks the model, in servers that it starts in Docker, about a few records, one a request."""
    return tfx.components.InfraValidator(
        model=model,
        examples=examples,
        serving_spec=tfx.proto.ServingSpec(
            tensorflow_serving=tfx.proto.TensorFlowServing(tags=config.serving.infra_validate),
            local_docker=tfx.proto.LocalDockerConfig(),
        ),
        request_spec=tfx.proto.RequestSpec(
            tensorflow_serving=tfx.proto.TensorFlowServingRequestSpec(signature_names=[contract.SERVING_DEFAULT]),
            split_name=config.evaluation.splits[0],
            num_examples=_INFRA_EXAMPLES,
        ),
    )


def _bulk_inferrer(config: Config, examples: Any, model: Any, blessing: Any) -> Any:
    return tfx.components.BulkInferrer(
        examples=examples,
        model=model,
        model_blessing=blessing,
        data_spec=tfx.proto.DataSpec(example_splits=list(config.serving.infer)),
        model_spec=tfx.proto.ModelSpec(model_signature_name=[contract.BULK_INFERENCE]),
    )


def _input_config(data: DataConfig) -> tfx.proto.Input:
    """One input for files that are to be split, or one for each given split."""
    patterns = {"single_split": data.files} if isinstance(data.files, str) else data.files
    return tfx.proto.Input(
        splits=[tfx.proto.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    )
