"""Builds a TFX pipeline from a config. It reads sequences, and trains, evaluates and pushes a model."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow_data_validation as tfdv
from tfx import components, types
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.dsl.components.base.base_node import BaseNode
from tfx.dsl.components.common.resolver import Resolver
from tfx.dsl.input_resolution.strategies.latest_blessed_model_strategy import LatestBlessedModelStrategy
from tfx.orchestration.metadata import sqlite_metadata_connection_config
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import bulk_inferrer_pb2, example_gen_pb2, infra_validator_pb2, pusher_pb2, trainer_pb2

from tfx_sequence.components.atomic_pusher.component import AtomicPusher
from tfx_sequence.components.file_patterns import PATTERN_CHARACTERS
from tfx_sequence.components.own_code.fingerprint import fingerprint_code
from tfx_sequence.components.sequence_evaluator import make_eval_config
from tfx_sequence.components.sequence_example_gen import SequenceExampleGen
from tfx_sequence.components.sequence_example_gen.driver import make_range_config
from tfx_sequence.components.sequence_example_validator import SequenceExampleValidator
from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.components.sequence_trainer import SequenceTrainer
from tfx_sequence.components.sequence_transform import SequenceTransform
from tfx_sequence.components.sequence_transform.config import make_transformed_spec
from tfx_sequence.pipeline.config.own_code import to_dotted_path
from tfx_sequence.pipeline.config.tables import Config
from tfx_sequence.schemas import contract

_NUM_INFRA_EXAMPLES = 10
"""The number of records that InfraValidator sends to a model. A few are enough to show that the model loads and
answers."""

_UNDIVIDED = "single_split"
"""TFX's name for an input whose records are yet to be divided into splits."""


class _DataStages(NamedTuple):
    """The components that read, check and transform the data, and the channels that later components read.

    Attributes:
      components: The components, in the order in which the data flows.
      examples: The records as they were read.
      transformed_examples: The transformed records.
      transform_graph: The graph that transformed the records.
    """

    components: list[BaseNode]
    examples: types.BaseChannel
    transformed_examples: types.BaseChannel
    transform_graph: types.BaseChannel


def create_pipeline(config: Config) -> Pipeline:
    """Builds the pipeline that a config describes. Any TFX runner can run the pipeline.

    ::

        files -> SequenceExampleGen -> StatisticsGen -> SequenceSchemaGen -> SequenceExampleValidator
              -> SequenceTransform [-> Tuner] [-> Resolver] -> SequenceTrainer -> Evaluator [-> InfraValidator]
              -> Pusher [-> BulkInferrer]

    The pipeline has a component in brackets only if the config asks for the component. The Resolver finds the latest
    blessed model. The Evaluator compares the new model with that model, and a warm start takes its weights.

    Raises:
      ValueError: if the input is in a Python package that is not installed, or if the root has a character of patterns.
    """
    _check_root(config.pipeline.root)
    data_stages = _make_data_stages(config)
    return Pipeline(
        pipeline_name=config.pipeline.name,
        pipeline_root=config.pipeline.artifacts_dir,
        metadata_connection_config=sqlite_metadata_connection_config(config.pipeline.metadata_path),
        components=[*data_stages.components, *_make_model_stages(config, data_stages)],
        enable_cache=config.pipeline.cache,
        beam_pipeline_args=config.pipeline.beam_args,
    )


def _check_root(root: str) -> None:
    """Checks that the folder of a pipeline is no pattern. Stock components find the files of artifacts by patterns.

    Raises:
      ValueError: if the path has a character that patterns interpret.
    """
    if not PATTERN_CHARACTERS.isdisjoint(root):
        raise ValueError(
            f"pipeline.root is {root!r}, but TFX reads *, ? and [ in it as patterns; name another folder in "
            "pipeline.root"
        )


def _make_data_stages(config: Config) -> _DataStages:
    """Makes the components from SequenceExampleGen to SequenceTransform."""
    example_gen = _make_example_gen(config)
    examples = example_gen.outputs["examples"]
    statistics_gen = _make_statistics_gen(examples)
    statistics = statistics_gen.outputs["statistics"]
    schema_gen = _make_schema_gen(config, statistics)
    schema = schema_gen.outputs["schema"]
    validator = _make_validator(config, statistics, schema, examples)
    transform = _make_transform(config, examples, schema)
    # The validator ends the run if the data is bad. No component reads its output, so no channel makes a component wait
    # for the validator. This does.
    transform.add_upstream_node(validator)
    return _DataStages(
        components=[example_gen, statistics_gen, schema_gen, validator, transform],
        examples=examples,
        transformed_examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
    )


def _make_model_stages(config: Config, data: _DataStages) -> list[BaseNode]:
    """Makes the components from the Tuner to the BulkInferrer, without those that the config does not ask for."""
    examples = data.examples
    transformed_examples = data.transformed_examples
    transform_graph = data.transform_graph

    # A component that the config does not ask for is None, and so is each output channel of such a component.
    tuner = _make_tuner(config, transformed_examples, transform_graph)
    compares_models = any(threshold.worse_by is not None for threshold in config.evaluation.thresholds.values())
    resolver = _make_latest_blessed_model() if compares_models or config.training.warm_start else None
    latest_model = _get_output(resolver, "model")

    base_model = latest_model if config.training.warm_start else None
    hyperparameters = _get_output(tuner, "best_hyperparameters")
    trainer = _make_trainer(config, transformed_examples, transform_graph, base_model, hyperparameters)
    model = trainer.outputs["model"]
    evaluator = _make_evaluator(config, examples, model, latest_model if compares_models else None)
    blessing = evaluator.outputs["blessing"]
    infra_validator = _make_infra_validator(config, examples, model)
    pusher = _make_pusher(config, model, blessing, _get_output(infra_validator, "blessing"))
    bulk_inferrer = _make_bulk_inferrer(config, examples, model, blessing)

    stages = [tuner, resolver, trainer, evaluator, infra_validator, pusher, bulk_inferrer]
    return [stage for stage in stages if stage is not None]


def _get_output(component: BaseNode | None, name: str) -> types.BaseChannel | None:
    """Returns an output channel of a component, or None if the pipeline does not have the component."""
    return component.outputs[name] if component is not None else None


def _make_example_gen(config: Config) -> BaseComponent:
    data = config.data
    # TFX has one input per pattern. The name of an input is the name of its split, or `_UNDIVIDED` if `data.split`
    # divides the records of the only pattern.
    patterns = data.name_patterns(_UNDIVIDED)
    inputs = [example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    return SequenceExampleGen(
        input_base=data.folder,
        spec=config.spec,
        read=data.read_config,
        split=data.split_config,
        write=data.write,
        input_config=example_gen_pb2.Input(splits=inputs),
        range_config=make_range_config(data.span),
    )


def _make_statistics_gen(examples: types.BaseChannel) -> BaseComponent:
    # A sketch estimates the most frequent values and the number of different values. It needs the same memory for any
    # size of the vocabulary.
    options = tfdv.StatsOptions(experimental_use_sketch_based_topk_uniques=True)
    return components.StatisticsGen(examples=examples, stats_options=options)


def _make_schema_gen(config: Config, statistics: types.BaseChannel) -> BaseComponent:
    return SequenceSchemaGen(statistics=statistics, spec=config.spec, open_features=config.open_features)


def _make_validator(
    config: Config, statistics: types.BaseChannel, schema: types.BaseChannel, examples: types.BaseChannel
) -> BaseComponent:
    return SequenceExampleValidator(
        statistics=statistics,
        schema=schema,
        examples=examples,
        fail_on=config.validation.fail_on,
        severities=config.validation.severities,
    )


def _make_transform(config: Config, examples: types.BaseChannel, schema: types.BaseChannel) -> BaseComponent:
    function = config.pipeline.preprocessing_fn
    return SequenceTransform(
        examples=examples,
        schema=schema,
        transform=config.transform,
        numbers=config.numbers,
        max_steps=config.sequence.max_steps,
        preprocessing_fn=to_dotted_path(function) if function else None,
    )


def _make_tuner(
    config: Config, transformed_examples: types.BaseChannel, transform_graph: types.BaseChannel
) -> BaseComponent | None:
    """Makes the stock Tuner, which tries settings on the train split. Returns None if there is no table `[tuning]`."""
    if config.tuning is None:
        return None
    return components.Tuner(
        examples=transformed_examples,
        transform_graph=transform_graph,
        tuner_fn="tfx_sequence.components.sequence_trainer.tuner_fn.tuner_fn",
        # The stock Tuner requires both arguments. Our tuner_fn does not use them: `custom_config` has the epochs.
        train_args=trainer_pb2.TrainArgs(),
        eval_args=trainer_pb2.EvalArgs(),
        custom_config={
            contract.MODEL: config.model.model_dump(mode="json"),
            contract.TRAINING: config.training.trainer_config.model_dump(mode="json"),
            contract.TUNING: config.tuning.model_dump(mode="json"),
            contract.CODE: fingerprint_code([config.training.model_fn, *config.model.own_code]),
        },
    )


def _make_latest_blessed_model() -> BaseNode:
    """Makes a Resolver that finds the latest model that an Evaluator has blessed."""
    return Resolver(
        strategy_class=LatestBlessedModelStrategy,
        model=types.Channel(type=types.standard_artifacts.Model),
        model_blessing=types.Channel(type=types.standard_artifacts.ModelBlessing),
    ).with_id("LatestBlessedModel")


def _make_trainer(
    config: Config,
    transformed_examples: types.BaseChannel,
    transform_graph: types.BaseChannel,
    base_model: types.BaseChannel | None,
    hyperparameters: types.BaseChannel | None,
) -> BaseComponent:
    return SequenceTrainer(
        examples=transformed_examples,
        transform_graph=transform_graph,
        model=config.model,
        training=config.training.trainer_config,
        base_model=base_model,
        hyperparameters=hyperparameters,
    )


def _make_evaluator(
    config: Config,
    examples: types.BaseChannel,
    model: types.BaseChannel,
    baseline_model: types.BaseChannel | None,
) -> BaseComponent:
    """Makes the stock Evaluator, which blesses the model if all metrics are within their bounds."""
    evaluation = config.evaluation
    eval_config = make_eval_config(
        make_transformed_spec(config.spec, config.transform),
        evaluation.min_accuracy,
        thresholds=evaluation.thresholds,
        slices=evaluation.slices,
        confidence_intervals=evaluation.confidence_intervals,
        metrics=evaluation.metrics,
    )
    return components.Evaluator(
        examples=examples,
        model=model,
        baseline_model=baseline_model,
        eval_config=eval_config,
        example_splits=list(evaluation.splits),
    )


def _make_infra_validator(
    config: Config, examples: types.BaseChannel, model: types.BaseChannel
) -> BaseComponent | None:
    """Makes the stock InfraValidator, which loads the model into servers in Docker and sends a few records to each.

    Returns None if the config names no Docker images.
    """
    if not config.serving.infra_validate:
        return None
    return components.InfraValidator(
        model=model,
        examples=examples,
        serving_spec=infra_validator_pb2.ServingSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServing(tags=config.serving.infra_validate),
            local_docker=infra_validator_pb2.LocalDockerConfig(),
        ),
        request_spec=infra_validator_pb2.RequestSpec(
            tensorflow_serving=infra_validator_pb2.TensorFlowServingRequestSpec(
                signature_names=[contract.SERVING_DEFAULT]
            ),
            split_name=config.evaluation.splits[0],
            num_examples=_NUM_INFRA_EXAMPLES,
        ),
    )


def _make_pusher(
    config: Config,
    model: types.BaseChannel,
    blessing: types.BaseChannel,
    infra_blessing: types.BaseChannel | None,
) -> BaseComponent:
    destination = pusher_pb2.PushDestination.Filesystem(base_directory=config.serving_dir)
    return AtomicPusher(
        model=model,
        model_blessing=blessing,
        infra_blessing=infra_blessing,
        push_destination=pusher_pb2.PushDestination(filesystem=destination),
        keep_versions=config.serving.keep_versions,
    ).with_id("Pusher")


def _make_bulk_inferrer(
    config: Config, examples: types.BaseChannel, model: types.BaseChannel, blessing: types.BaseChannel
) -> BaseComponent | None:
    """Makes the stock BulkInferrer, which writes the model's answers. Returns None if the config names no splits."""
    if not config.serving.infer:
        return None
    return components.BulkInferrer(
        examples=examples,
        model=model,
        model_blessing=blessing,
        data_spec=bulk_inferrer_pb2.DataSpec(example_splits=list(config.serving.infer)),
        model_spec=bulk_inferrer_pb2.ModelSpec(model_signature_name=[contract.BULK_INFERENCE]),
    )
