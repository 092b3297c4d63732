"""The adapter between TFX's artifacts and `infer_schema`."""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, json_utils

from tfx_sequence.components.sequence_schema_gen.infer import infer_schema
from tfx_sequence.schemas.spec import SequenceSpec

SEQUENCE_SPEC_KEY = "sequence_spec"
SCHEMA_FILE = "schema.pbtxt"


class Executor(base_executor.BaseExecutor):
    """Reads ExampleStatistics, writes one Schema."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs `infer_schema` on the statistics of the splits that count.

        Raises:
          ValueError: if `exclude_splits` names a split that the statistics do not have.
          SchemaError: see `infer_schema`.
        """
        statistics = artifact_utils.get_single_instance(input_dict[standard_component_specs.STATISTICS_KEY])
        splits = artifact_utils.decode_split_names(statistics.split_names)
        excluded: list[str] | None = json_utils.loads(
            exec_properties.get(standard_component_specs.EXCLUDE_SPLITS_KEY) or "null"
        )
        if excluded is None:
            excluded = [split for split in splits if split != "train"] if "train" in splits else []
        if unknown := sorted(set(excluded) - set(splits)):
            raise ValueError(f"`exclude_splits` names {unknown}, but the statistics have the splits {splits}")
        spec = exec_properties.get(SEQUENCE_SPEC_KEY)
        schema = infer_schema(
            {
                split: stats_artifact_utils.load_statistics(statistics, split).proto()
                for split in splits
                if split not in excluded
            },
            SequenceSpec.from_json(spec) if spec else None,
            bool(exec_properties.get(standard_component_specs.INFER_FEATURE_SHAPE_KEY, True)),
        )
        output = artifact_utils.get_single_uri(output_dict[standard_component_specs.SCHEMA_KEY])
        io_utils.write_pbtxt_file(os.path.join(output, SCHEMA_FILE), schema)
