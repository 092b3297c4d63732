"""The adapter between TFX's artifacts and `infer_schema`."""

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
"""Of the Schema artifact: how the data differs from the curated schema, a list of lines."""


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
        statistics = _counted(
            artifact_utils.get_single_instance(input_dict[standard_component_specs.STATISTICS_KEY]),
            json_utils.loads(exec_properties.get(standard_component_specs.EXCLUDE_SPLITS_KEY) or "null"),
        )
        output = artifact_utils.get_single_instance(output_dict[standard_component_specs.SCHEMA_KEY])
        infer_shape = bool(exec_properties.get(standard_component_specs.INFER_FEATURE_SHAPE_KEY, True))
        spec = exec_properties.get(SEQUENCE_SPEC)
        if curated := input_dict.get(CURATED_KEY):
            schema, differences = keep_curated(_read_schema(curated), statistics)
            for line in differences:
                logging.getLogger(__name__).warning("the data differs from the curated schema: %s", line)
            output.set_json_value_custom_property(DIFFERENCES_PROPERTY, differences)
        else:
            given = SequenceSpec.from_json(spec) if spec else None
            schema = infer_schema(statistics, given, infer_shape)
            if given is not None:
                _tell_carried(schema, given)
        io_utils.write_pbtxt_file(os.path.join(output.uri, SCHEMA_FILE), schema)


def _tell_carried(schema: schema_pb2.Schema, given: SequenceSpec) -> None:
    """Warns of what the data has and the spec does not name."""
    if unnamed := [name for name in from_schema(schema).features if name not in given.features]:
        logging.getLogger(__name__).warning(
            "the spec does not name the features %s of the data, so they are carried along and no model reads them; "
            "name one in the spec if it should be an input",
            unnamed,
        )


def _counted(
    statistics: types.Artifact, excluded: list[str] | None
) -> dict[str, statistics_pb2.DatasetFeatureStatisticsList]:
    """The statistics of the splits that count, by the name of the split."""
    splits = artifact_utils.decode_split_names(statistics.split_names)
    if excluded is None:
        excluded = [split for split in splits if split != "train"] if "train" in splits else []
    if unknown := sorted(set(excluded) - set(splits)):
        raise ValueError(f"`exclude_splits` names {unknown}, but the statistics have the splits {splits}")
    counted = [split for split in splits if split not in excluded]
    return {split: load_statistics(statistics, split) for split in counted}


def _read_schema(artifacts: list[types.Artifact]) -> schema_pb2.Schema:
    path = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(artifacts))
    with fileio.open(path, "rb") as file:
        return parse_schema(file.read(), path)
