"""The SequenceTransform component."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.components.transform import component as stock
from tfx.dsl.components.base import executor_spec
from tfx.proto import transform_pb2
from tfx.utils import io_utils

from tfx_sequence.components.sequence_transform import executor, preprocessing
from tfx_sequence.components.sequence_transform.config import NumberConfig, VocabularyConfig
from tfx_sequence.schemas.spec import Frozen

_DEFAULT_PREPROCESSING_FN = f"{preprocessing.__name__}.{preprocessing.preprocessing_fn.__name__}"


# What a file holds must change the properties, or TFX takes an earlier run's output for the one of a changed file.
_FILES_KEY = "vocabulary_files"


class SequenceTransform(stock.Transform):
    """Turns SequenceExamples into SequenceExamples of ids and numbers, with the graph that did it.

    It stands in for stock Transform: the same channels, the same artifacts. What differs: the examples in and out are
    SequenceExamples; ids start at 1 and 0 is padding; the preprocessing_fn is made from the schema unless one is given.

    Args:
      examples: A channel of `Examples` with payload format FORMAT_TF_SEQUENCE_EXAMPLE.
      schema: A channel of `Schema` with TensorRepresentations, as SequenceSchemaGen makes it. Its kinds and roles say
        what becomes of each feature.
      transform: String feature to the settings of its vocabulary; see `VocabularyConfig`.
      numbers: Number feature to what becomes of it; see `NumberConfig`. Others stay as they are.
      module_file: As stock has it; replaces the default preprocessing_fn.
      preprocessing_fn: As stock has it; replaces the default preprocessing_fn.
      splits_config: As stock has it: by default `train` is analysed and all splits are transformed.
      analyzer_cache: As stock has it.
      materialize: As stock has it.
      disable_analyzer_cache: As stock has it.
      custom_config: As stock has it. `sequence_spec`, `transform` and `numbers` are added to it.
      disable_statistics: As stock has it.
      stats_options_updater_fn: As stock has it.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(  # noqa: D107
        self,
        examples: types.BaseChannel,
        schema: types.BaseChannel,
        transform: Mapping[str, VocabularyConfig] | None = None,
        numbers: Mapping[str, NumberConfig] | None = None,
        module_file: str | None = None,
        preprocessing_fn: str | None = None,
        splits_config: transform_pb2.SplitsConfig | None = None,
        analyzer_cache: types.BaseChannel | None = None,
        materialize: bool = True,
        disable_analyzer_cache: bool = False,
        custom_config: dict[str, Any] | None = None,
        disable_statistics: bool = False,
        stats_options_updater_fn: str | None = None,
    ):
        settings: dict[str, Any] = {
            preprocessing.TRANSFORM_KEY: _as_json(transform or {}),
            preprocessing.NUMBERS_KEY: _as_json(numbers or {}),
        }
        if files := _digests(transform or {}):
            settings[_FILES_KEY] = files
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
            custom_config={**(custom_config or {}), **settings},
            disable_statistics=disable_statistics,
            stats_options_updater_fn=stats_options_updater_fn,
        )


def _as_json(settings: Mapping[str, Frozen]) -> dict[str, Any]:
    return {name: value.model_dump(mode="json", exclude_unset=True) for name, value in settings.items()}


def _digests(vocabularies: Mapping[str, VocabularyConfig]) -> dict[str, str]:
    """Path to SHA-256 of every vocabulary file that is given."""
    paths = {vocabulary.file for vocabulary in vocabularies.values() if vocabulary.file is not None}
    return {path: hashlib.sha256(io_utils.read_bytes_file(path)).hexdigest() for path in sorted(paths)}
