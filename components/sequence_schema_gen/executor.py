"""The executor of SequenceSchemaGen, between TFX's artifacts and `infer_schema`."""

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
from tfx_sequence.components.sequence_schema_gen.curate import keep_curated
from tfx_sequence.components.sequence_schema_gen.infer import infer_schema
from tfx_sequence.schemas.contract import SCHEMA_FILE, SEQUENCE_SPEC
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import parse_schema

CURATED_KEY = "curated"

DIFFERENCES_PROPERTY = "differences"
"""The property of the Schema artifact that lists how the data differs from the curated schema, in lines of text."""

_logger = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """Reads ExampleStatistics and, if there is one, a curated Schema; writes one Schema."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs `infer_schema`, or `keep_curated`, on the statistics of the splits that count.

        Raises:
          ValueError: if `exclude_splits` names a split that the statistics do not have.
          SchemaError: see `infer_schema` and `keep_curated`.
        """
        statistics = _load_counted_splits(
            artifact_utils.get_single_instance(input_dict[standard_component_specs.STATISTICS_KEY]),
            json_utils.loads(exec_properties.get(standard_component_specs.EXCLUDE_SPLITS_KEY) or "null"),
        )
        output = artifact_utils.get_single_instance(output_dict[standard_component_specs.SCHEMA_KEY])
        curated = input_dict.get(CURATED_KEY)
        if curated:
            schema, differences = keep_curated(_read_schema(curated), statistics)
            for line in differences:
                _logger.warning("the data differs from the curated schema: %s", line)
            output.set_json_value_custom_property(DIFFERENCES_PROPERTY, differences)
        else:
            spec_json = exec_properties.get(SEQUENCE_SPEC)
            spec = SequenceSpec.from_json(spec_json) if spec_json else None
            infer_shape = bool(exec_properties.get(standard_component_specs.INFER_FEATURE_SHAPE_KEY, True))
            schema = infer_schema(statistics, spec, infer_shape)
            if spec is not None:
                _warn_of_carried(schema, spec)
        io_utils.write_pbtxt_file(os.path.join(output.uri, SCHEMA_FILE), schema)


def _warn_of_carried(schema: schema_pb2.Schema, spec: SequenceSpec) -> None:
    """Logs the features of the data that the spec does not name."""
    unnamed = [name for name in from_schema(schema).features if name not in spec.features]
    if unnamed:
        _logger.warning(
            "the spec does not name the features %s of the data, so they are carried along and no model reads them; "
            "name one in the spec if it should be an input",
            unnamed,
        )


def _load_counted_splits(
    statistics: types.Artifact, excluded: list[str] | None
) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """Loads the statistics of the splits that are not excluded, by the name of the split.

    By default only `train` counts, so that a label that only held-out data has is an anomaly, not part of the schema.
    All splits count if none is called `train`.

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
