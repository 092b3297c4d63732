"""Builds the whole pipeline of a config: from files of sequences to a pushed model."""

from __future__ import annotations

from typing import Any

import tensorflow_data_validation as tfdv
from tfx import v1 as tfx

from tfx_sequence.components.sequence_evaluator import make_eval_config
from tfx_sequence.components.sequence_example_gen import SequenceExampleGen
from tfx_sequence.components.sequence_example_validator import SequenceExampleValidator
from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.components.sequence_trainer import SequenceTrainer
from tfx_sequence.components.sequence_transform import SequenceTransform
from tfx_sequence.components.sequence_transform.config import transformed_spec
from tfx_sequence.pipeline.config.own_code import fingerprint_modules, to_dotted_path
from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.schemas import contract

_INFRA_EXAMPLES = 10
"""Records that InfraValidator sends to a model: it is to show that the model loads and answers, not how well."""


def create_pipeline(config: Config) -> tfx.dsl.Pipeline:
    """Builds the pipeline that a config describes; any TFX runner can run it.

    ::

        files -> SequenceExampleGen -> StatisticsGen -> SequenceSchemaGen -> SequenceExampleValidator
              -> SequenceTransform [-> Tuner] -> SequenceTrainer -> Evaluator [-> InfraValidator] -> Pusher
              [-> BulkInferrer]

    The components in brackets are there if the config asks for them. So is a Resolver of the latest blessed model,
    which the Evaluator compares the new model with, and whose weights a warm start takes.

    Raises:
      ValueError: if the input is in a Python package that is not installed.
    """
    example_gen = _make_example_gen(config)
    examples = example_gen.outputs["examples"]
    statistics_gen = _make_statistics_gen(examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = _make_schema_gen(config, statistics)
    schema = schema_gen.outputs["schema"]
    validator = _make_validator(config, statistics, schema, examples)
    transform = _make_transform(config, examples, schema)
    # The validator ends the run if the data is bad. Nothing reads its output, so this makes the rest wait for it.
    transform.add_upstream_node(validator)
    transformed, graph = transform.outputs["transformed_examples"], transform.outputs["transform_graph"]

    # Absent stages are None, as their channels are.
    tuner = _make_tuner(config, transformed, graph) if config.tuning is not None else None
    hyperparameters = tuner.outputs["best_hyperparameters"] if tuner else None
    is_compared = any(threshold.worse_by is not None for threshold in config.evaluation.thresholds.values())
    resolver = _make_latest_blessed_model() if is_compared or config.training.warm_start else None
    latest_model = resolver.outputs["model"] if resolver else None

    base_model = latest_model if config.training.warm_start else None
    trainer = _make_trainer(config, transformed, graph, base_model, hyperparameters)
    model = trainer.outputs["model"]
    evaluator = _make_evaluator(config, examples, model, latest_model if is_compared else None)
    blessing = evaluator.outputs["blessing"]
    infra_validator = _make_infra_validator(config, examples, model) if config.serving.infra_validate else None
    infra_blessing = infra_validator.outputs["blessing"] if infra_validator else None
    pusher = _make_pusher(config, model, blessing, infra_blessing)
    bulk_inferrer = _make_bulk_inferrer(config, examples, model, blessing) if config.serving.infer else None

    stages = [example_gen, statistics_gen, schema_gen, validator, transform, tuner, resolver, trainer]
    stages += [evaluator, infra_validator, pusher, bulk_inferrer]
    return tfx.dsl.Pipeline(
        pipeline_name=config.pipeline.name,
        pipeline_root=config.pipeline.artifacts_dir,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            config.pipeline.metadata_path
        ),
        components=[stage for stage in stages if stage is not None],
        enable_cache=config.pipeline.cache,
        beam_pipeline_args=config.pipeline.beam_args,
    )


def _make_example_gen(config: Config) -> Any:
    data = config.data
    # One input whose records are to be divided, under the name that TFX gives it; or one input for each split.
    inputs = [
        tfx.proto.Input.Split(name=name, pattern=pattern)
        for name, pattern in data.name_patterns("single_split").items()
    ]
    return SequenceExampleGen(
        input_base=data.folder,
        spec=config.spec,
        read=data.read_config,
        split=data.split_config,
        write=data.write,
        input_config=tfx.proto.Input(splits=inputs),
    )


def _make_statistics_gen(examples: Any) -> Any:
    # A sketch counts top values and unique values in bounded memory, whatever the size of the vocabulary.
    options = tfdv.StatsOptions(experimental_use_sketch_based_topk_uniques=True)
    return tfx.components.StatisticsGen(examples=examples, stats_options=options)


def _make_schema_gen(config: Config, statistics: Any) -> Any:
    return SequenceSchemaGen(statistics=statistics, spec=config.spec)


def _make_validator(config: Config, statistics: Any, schema: Any, examples: Any) -> Any:
    return SequenceExampleValidator(
        statistics=statistics,
        schema=schema,
        examples=examples,
        fail_on=config.validation.fail_on,
        severities=config.validation.severities,
    )


def _make_transform(config: Config, examples: Any, schema: Any) -> Any:
    function = config.pipeline.preprocessing_fn
    return SequenceTransform(
        examples=examples,
        schema=schema,
        transform=config.transform,
        numbers=config.numbers,
        max_steps=config.sequence.max_steps,
        preprocessing_fn=to_dotted_path(function) if function else None,
        custom_config={contract.CODE: fingerprint_modules([function])},
    )


def _make_tuner(config: Config, transformed: Any, graph: Any) -> Any:
    """Makes the stock Tuner, which tries settings on the train split."""
    return tfx.components.Tuner(
        examples=transformed,
        transform_graph=graph,
        tuner_fn="tfx_sequence.components.sequence_trainer.tuner_fn.tuner_fn",
        train_args=tfx.proto.TrainArgs(),
        eval_args=tfx.proto.EvalArgs(),
        custom_config={
            contract.MODEL: config.model.model_dump(mode="json"),
            contract.TRAINING: config.training.trainer_config.model_dump(mode="json"),
            contract.TUNING: config.tuning.model_dump(mode="json") if config.tuning else {},
            contract.CODE: _fingerprint_model_code(config),
        },
    )


def _make_latest_blessed_model() -> Any:
    return tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")


def _make_trainer(config: Config, transformed: Any, graph: Any, base_model: Any, hyperparameters: Any) -> Any:
    return SequenceTrainer(
        examples=transformed,
        transform_graph=graph,
        model=config.model,
        training=config.training.trainer_config,
        base_model=base_model,
        hyperparameters=hyperparameters,
        custom_config={contract.CODE: _fingerprint_model_code(config)},
    )


def _fingerprint_model_code(config: Config) -> dict[str, str]:
    return fingerprint_modules([config.training.model_fn, *config.model.own_code])


def _make_evaluator(config: Config, examples: Any, model: Any, baseline_model: Any) -> Any:
    """Makes the stock Evaluator, which blesses a model that is within all bounds."""
    evaluation = config.evaluation
    eval_config = make_eval_config(
        transformed_spec(config.spec, config.transform),
        evaluation.min_accuracy,
        thresholds=evaluation.thresholds,
        slices=evaluation.slices,
        confidence_intervals=evaluation.confidence_intervals,
        metrics=evaluation.metrics,
    )
    return tfx.components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline_model,
        eval_config=eval_config,
        example_splits=list(evaluation.splits),
    )


def _make_infra_validator(config: Config, examples: Any, model: Any) -> Any:
    """Makes the stock InfraValidator, which loads the model into servers in Docker and sends each a few records."""
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


def _make_pusher(config: Config, model: Any, blessing: Any, infra_blessing: Any) -> Any:
    destination = tfx.proto.PushDestination.Filesystem(base_directory=config.serving_dir)
    return tfx.components.Pusher(
        model=model,
        model_blessing=blessing,
        infra_blessing=infra_blessing,
        push_destination=tfx.proto.PushDestination(filesystem=destination),
    )


def _make_bulk_inferrer(config: Config, examples: Any, model: Any, blessing: Any) -> Any:
    return tfx.components.BulkInferrer(
        examples=examples,
        model=model,
        model_blessing=blessing,
        data_spec=tfx.proto.DataSpec(example_splits=list(config.serving.infer)),
        model_spec=tfx.proto.ModelSpec(model_signature_name=[contract.BULK_INFERENCE]),
    )
