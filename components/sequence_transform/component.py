"""The SequenceTransform component."""

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
from tfx_sequence.components.sequence_transform import executor, preprocessing
from tfx_sequence.components.sequence_transform.config import NumberConfig, Settings, VocabularyConfig
from tfx_sequence.schemas import contract

_DEFAULT_PREPROCESSING_FN = f"{preprocessing.__name__}.{preprocessing.preprocessing_fn.__name__}"


# What a file holds must change the properties, or TFX takes an earlier run's output for the one of a changed file.


class SequenceTransform(stock.Transform):
    """Turns SequenceExamples into SequenceExamples of ids and numbers, with the graph that did it.

    It stands in for stock Transform: the same channels, the same artifacts. What differs: the examples in and out are
    SequenceExamples; ids start at 1 and 0 is padding; the preprocessing_fn is made from the schema unless one is given.

    Args:
      examples: A channel of `Examples` with payload format FORMAT_TF_SEQUENCE_EXAMPLE.
      schema: A channel of `Schema` with TensorRepresentations, as SequenceSchemaGen makes it. Its kinds and roles say
        what becomes of each feature.
      transform: String feature to the settings of its vocabulary: a `VocabularyConfig`, or a dict of its fields.
      numbers: Number feature to what becomes of it: a `NumberConfig`, or a dict of its fields. Others stay as they are.
      max_steps: Only so many steps of each sequence are kept, the first ones, at training and at serving alike.
      output_data_format: What the transformed examples are: FORMAT_TF_SEQUENCE_EXAMPLE, or FORMAT_TF_EXAMPLE, the flat
        form that stock Transform writes.
      module_file: As stock has it; replaces the default preprocessing_fn.
      preprocessing_fn: As stock has it; replaces the default preprocessing_fn.
      splits_config: As stock has it: by default `train` is analysed and all splits are transformed.
      analyzer_cache: As stock has it.
      materialize: As stock has it.
      disable_analyzer_cache: As stock has it.
      force_tf_compat_v1: As stock has it.
      custom_config: As stock has it. `sequence_spec`, the schema's spec, and `sequence_transform`, the `Settings`, are
        added to it, both as JSON.
      disable_statistics: As stock has it.
      stats_options_updater_fn: As stock has it.
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
            transform=arguments.settings_of_each("transform", VocabularyConfig, transform),
            numbers=arguments.settings_of_each("numbers", NumberConfig, numbers),
            max_steps=max_steps,
            flat=_is_flat(output_data_format),
        )
        added: dict[str, Any] = {
            contract.TRANSFORM_SETTINGS: settings.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
        }
        if files := _fingerprints(settings.transform):
            added[contract.TRANSFORM_FILES] = files
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
            custom_config={**arguments.custom_config(custom_config, [contract.TRANSFORM_SETTINGS]), **added},
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


def _fingerprints(vocabularies: Mapping[str, VocabularyConfig]) -> dict[str, str]:
    """Path to what changes when the file does, for every file that is given."""
    files = {path: _digest(path) for vocabulary in vocabularies.values() if (path := vocabulary.file)}
    files |= {path: _version(path) for vocabulary in vocabularies.values() if (path := vocabulary.embeddings)}
    return dict(sorted(files.items()))


def _digest(path: str) -> str:
    return hashlib.sha256(io_utils.read_bytes_file(path)).hexdigest()


def _version(path: str) -> str:
    # Vectors are gigabytes; ExampleGen tells files apart by this much, too.
    status = tf.io.gfile.stat(path)
    return f"{status.length} bytes, modified at {status.mtime_nsec} ns"
