"""The whole pipeline: from files of sequences to a pushed model."""

from __future__ import annotations

import tensorflow_data_validation as tfdv
from tfx import v1 as tfx

from tfx_sequence.components.sequence_evaluator import make_eval_config
from tfx_sequence.components.sequence_example_gen import ReadConfig, SequenceExampleGen
from tfx_sequence.components.sequence_example_validator import SequenceExampleValidator
from tfx_sequence.components.sequence_schema_gen import SequenceSchemaGen
from tfx_sequence.components.sequence_trainer import SequenceTrainer
from tfx_sequence.components.sequence_transform import SequenceTransform
from tfx_sequence.pipeline.config import Config, DataConfig
from tfx_sequence.pipeline.own_code import dotted, fingerprint


def create_pipeline(config: Config) -> tfx.dsl.Pipeline:
    """The pipeline that a config describes; any TFX runner can run it.

    ::

        files -> SequenceExampleGen -> StatisticsGen -> SequenceSchemaGen -> SequenceExampleValidator
              -> SequenceTransform -> SequenceTrainer -> Evaluator -> Pusher

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
        preprocessing_fn=own and dotted(own),
        custom_config={"code": fingerprint([own])},
    )
    # The validator's verdict is for everything after it, though nothing reads its output.
    transform.add_upstream_node(validator)
    trainer = SequenceTrainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        model=config.model,
        training=config.training,
        custom_config={"code": fingerprint([config.training.model_fn])},
    )
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        eval_config=make_eval_config(spec, config.evaluation.min_accuracy),
        example_splits=list(config.evaluation.splits),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=config.serving_dir)
        ),
    )
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
            trainer,
            evaluator,
            pusher,
        ],
        enable_cache=config.pipeline.cache,
        beam_pipeline_args=config.pipeline.beam_args,
    )


def _input_config(data: DataConfig) -> tfx.proto.Input:
    """One input for files that are to be split, or one for each given split."""
    patterns = {"single_split": data.files} if isinstance(data.files, str) else data.files
    return tfx.proto.Input(
        splits=[tfx.proto.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    )
