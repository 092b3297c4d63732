"""Defines the executor of SequenceSchemaGen, which reads and writes TFX artifacts and calls `infer_schema`."""

from __future__ import annotations

import logging
import os
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx import types
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, json_utils

from tfx_sequence.components.compat.artifacts import load_statistics
from tfx_sequence.components.sequence_schema_gen.curate import complete_curated_schema
from tfx_sequence.components.sequence_schema_gen.infer import infer_schema
from tfx_sequence.schemas.contract import SCHEMA_FILE, SEQUENCE_SPEC
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import parse_schema

CURATED_KEY = "curated"
OPEN_FEATURES_KEY = "open_features"

DIFFERENCES_PROPERTY = "differences"
"""The property of the Schema artifact that stores the differences between the data and the curated schema.

The value is a list with one line of text per difference.
"""

_logger = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """Reads ExampleStatistics and optionally a curated Schema, and writes a Schema."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs `complete_curated_schema` if there is a curated schema, and otherwise `infer_schema`.

        Raises:
          ValueError: if `exclude_splits` names a split that the statistics do not have.
          SchemaError: if the statistics are empty, or a schema does not describe sequences, or the spec contradicts the
            statistics.
        """
        statistics_artifact = artifact_utils.get_single_instance(input_dict[standard_component_specs.STATISTICS_KEY])
        excluded_json = exec_properties.get(standard_component_specs.EXCLUDE_SPLITS_KEY) or "null"
        statistics = _load_included_splits(statistics_artifact, json_utils.loads(excluded_json))
        output = artifact_utils.get_single_instance(output_dict[standard_component_specs.SCHEMA_KEY])
        curated = input_dict.get(CURATED_KEY)
        if curated:
            schema, differences = complete_curated_schema(_read_schema(curated), statistics)
            for difference in differences:
                _logger.warning("the data differs from the curated schema: %s", difference)
            output.set_json_value_custom_property(DIFFERENCES_PROPERTY, differences)
        else:
            schema = _infer_schema(statistics, exec_properties)
        io_utils.write_pbtxt_file(os.path.join(output.uri, SCHEMA_FILE), schema)


def _infer_schema(
    statistics: dict[str, statistics_pb2.DatasetFeatureStatisticsList], exec_properties: dict[str, Any]
) -> schema_pb2.Schema:
    """Infers a schema with the spec and the options in the execution properties."""
    spec_json = exec_properties.get(SEQUENCE_SPEC)
    spec = SequenceSpec.from_json(spec_json) if spec_json else None
    infer_shape = bool(exec_properties.get(standard_component_specs.INFER_FEATURE_SHAPE_KEY, True))
    open_features = json_utils.loads(exec_properties.get(OPEN_FEATURES_KEY) or "[]")
    schema = infer_schema(statistics, spec, infer_shape, open_features)
    if spec is not None:
        _warn_about_unnamed_features(schema, spec)
    return schema


def _warn_about_unnamed_features(schema: schema_pb2.Schema, spec: SequenceSpec) -> None:
    """Logs a warning that lists the features of the data that the spec does not name."""
    unnamed = [name for name in from_schema(schema).features if name not in spec.features]
    if unnamed:
        _logger.warning(
            "the spec does not name the features %s of the data, so they have the role 'carried' and no model reads "
            "them; to make a feature an input, name it in the spec",
            unnamed,
        )


def _load_included_splits(
    statistics: types.Artifact, excluded: list[str] | None
) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """Loads the statistics of the splits that are not excluded.

    Args:
      statistics: An artifact of ExampleStatistics.
      excluded: The names of the excluded splits. If None, these are all splits except `train`, or no split if there is
        no `train`. The component's docstring gives the reason.

    Returns:
      A dict of split name to statistics.

    Raises:
      ValueError: if an excluded split does not exist.
    """
    splits = artifact_utils.decode_split_names(statistics.split_names)
    if excluded is None:
        excluded = [split for split in splits if split != "train"] if "train" in splits else []
    unknown = sorted(set(excluded) - set(splits))
    if unknown:
        raise ValueError(f"`exclude_splits` names {unknown}, but the statistics have the splits {splits}")
    return {split: load_statistics(statistics, split) for split in splits if split not in excluded}


def _read_schema(artifacts: list[types.Artifact]) -> schema_pb2.Schema:
    path = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(artifacts))
    with fileio.open(path, "rb") as file:
        return parse_schema(file.read(), path)
