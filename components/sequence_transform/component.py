"""Defines the SequenceTransform component, which replaces stock Transform in a pipeline for sequences."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tfx import types
from tfx.components.transform import component as stock
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2, transform_pb2
from tfx.utils import io_utils

from tfx_sequence.components import arguments
from tfx_sequence.components.own_code.fingerprint import fingerprint_dotted_names
from tfx_sequence.components.sequence_transform import executor, preprocessing
from tfx_sequence.components.sequence_transform.config import NumberConfig, Settings, VocabularyConfig
from tfx_sequence.schemas import contract

_DEFAULT_PREPROCESSING_FN = f"{preprocessing.__name__}.{preprocessing.preprocessing_fn.__name__}"


class SequenceTransform(stock.Transform):
    """Turns SequenceExamples of raw values into SequenceExamples of ids and numbers, and keeps the graph for serving.

    It replaces stock Transform and has the same channels and artifacts. Three things are different. It reads and
    writes SequenceExamples. Ids start at 1, because 0 is padding. A preprocessing_fn is made from the schema if the
    user does not provide one.

    Args:
      examples: A channel of `Examples` with payload format FORMAT_TF_SEQUENCE_EXAMPLE.
      schema: A channel of `Schema` with TensorRepresentations, as SequenceSchemaGen makes it. The kind and the role of
        each feature determine how it is transformed.
      transform: Name of a string feature to the settings of its vocabulary: a `VocabularyConfig`, or a dict of its
        fields.
      numbers: Name of a number feature to its settings: a `NumberConfig`, or a dict of its fields. Number features
        without an entry are not changed, except that missing numbers are replaced by the mean.
      max_steps: The maximum number of steps of a sequence, in training and serving. Later steps are cut off.
      output_data_format: The format of the transformed examples: FORMAT_TF_SEQUENCE_EXAMPLE or FORMAT_TF_EXAMPLE, the
        flat form that stock Transform writes.
      module_file: As in stock Transform. It replaces the default preprocessing_fn.
      preprocessing_fn: As in stock Transform. It replaces the default preprocessing_fn.
      splits_config: As in stock Transform: by default, `train` is analysed and all splits are transformed.
      analyzer_cache: As in stock Transform.
      materialize: As in stock Transform.
      disable_analyzer_cache: As in stock Transform.
      force_tf_compat_v1: As in stock Transform.
      custom_config: As in stock Transform. Two keys are added to it, both as JSON: `sequence_spec`, the spec of the
        schema, and `sequence_transform`, the `Settings`.
      disable_statistics: As in stock Transform.
      stats_options_updater_fn: As in stock Transform.

    Raises:
      TypeError: if `transform` or `numbers` has the wrong type.
      ValueError: if a setting is not allowed, or `output_data_format` is not one of the two formats.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        transform: Mapping[str, VocabularyConfig | Mapping[str, Any]] | None = None,
        numbers: Mapping[str, NumberConfig | Mapping[str, Any]] | None = None,
        max_steps: int | None = None,
        output_data_format: int = example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE,
        module_file: str | None = None,
        preprocessing_fn: str | None = None,
        splits_config: transform_pb2.SplitsConfig | None = None,
        analyzer_cache: types.BaseChannel | None = None,
        materialize: bool = True,
        disable_analyzer_cache: bool = False,
        force_tf_compat_v1: bool = False,
        custom_config: dict[str, Any] | None = None,
        disable_statistics: bool = False,
        stats_options_updater_fn: str | None = None,
    ):
        settings = Settings(
            transform=arguments.parse_settings_by_name("transform", VocabularyConfig, transform),
            numbers=arguments.parse_settings_by_name("numbers", NumberConfig, numbers),
            max_steps=max_steps,
            flat=_is_flat(output_data_format),
        )
        added_config: dict[str, Any] = {
            contract.TRANSFORM_SETTINGS: settings.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
        }
        # TFX itself hashes a `module_file`, whose functions are not named by dotted paths.
        functions = [] if module_file else [preprocessing_fn, stats_options_updater_fn]
        added_config[contract.CODE] = fingerprint_dotted_names(functions)
        # TFX reuses the output of an earlier run with the same properties. The fingerprints make the properties change
        # when a file changes.
        fingerprints = _fingerprint_files(settings.transform)
        if fingerprints:
            added_config[contract.TRANSFORM_FILES] = fingerprints
        custom_config = arguments.check_custom_config(custom_config, [contract.TRANSFORM_SETTINGS, contract.CODE])
        if not module_file and not preprocessing_fn:
            preprocessing_fn = _DEFAULT_PREPROCESSING_FN
        super().__init__(
            examples=examples,
            schema=schema,
            module_file=module_file,
            preprocessing_fn=preprocessing_fn,
            splits_config=splits_config,
            analyzer_cache=analyzer_cache,
            materialize=materialize,
            disable_analyzer_cache=disable_analyzer_cache,
            force_tf_compat_v1=force_tf_compat_v1,
            custom_config={**custom_config, **added_config},
            disable_statistics=disable_statistics,
            stats_options_updater_fn=stats_options_updater_fn,
        )


def _is_flat(output_data_format: int) -> bool:
    if output_data_format not in (example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE, example_gen_pb2.FORMAT_TF_EXAMPLE):
        raise ValueError(
            f"`output_data_format` is {example_gen_pb2.PayloadFormat.Name(output_data_format)}, expected "
            "FORMAT_TF_SEQUENCE_EXAMPLE or FORMAT_TF_EXAMPLE"
        )
    return output_data_format == example_gen_pb2.FORMAT_TF_EXAMPLE


def _fingerprint_files(vocabularies: Mapping[str, VocabularyConfig]) -> dict[str, str]:
    """Returns the path of each file in the settings to its fingerprint."""
    fingerprints = {}
    for vocabulary in vocabularies.values():
        if vocabulary.file:
            fingerprints[vocabulary.file] = hashlib.sha256(io_utils.read_bytes_file(vocabulary.file)).hexdigest()
    for vocabulary in vocabularies.values():
        if vocabulary.embeddings:
            # Files of vectors have gigabytes, too many to hash. ExampleGen also uses size and time to see whether its
            # input files changed.
            status = tf.io.gfile.stat(vocabulary.embeddings)
            fingerprints[vocabulary.embeddings] = f"{status.length} bytes, modified at {status.mtime_nsec} ns"
    return dict(sorted(fingerprints.items()))
