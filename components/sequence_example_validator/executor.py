"""The adapter between TFX's artifacts and the validation, with the verdict at its end."""

from __future__ import annotations

import os
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tfx import types
from tfx.components.example_validator import executor as stock
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, json_utils, writer_utils

from tfx_sequence.components.sequence_example_validator import verdict
from tfx_sequence.schemas import tfmd

FAIL_ON_KEY = "fail_on"


class Executor(base_executor.BaseExecutor):
    """Reads ExampleStatistics and a Schema, writes ExampleAnomalies in stock ExampleValidator's form."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> execution_result_pb2.ExecutorOutput:
        """Validates each split, writes all that was found, then fails where `fail_on` says so.

        Raises:
          ValueError: if `exclude_splits` names a split that the statistics do not have.
          SchemaError: if the schema is not one of sequences.
          ExamplesInvalidError: if an anomaly is at least as severe as `fail_on`.
        """
        statistics = artifact_utils.get_single_instance(input_dict[standard_component_specs.STATISTICS_KEY])
        schema = _read_schema(input_dict[standard_component_specs.SCHEMA_KEY])
        output = artifact_utils.get_single_instance(output_dict[standard_component_specs.ANOMALIES_KEY])
        splits = _splits(statistics, exec_properties[standard_component_specs.EXCLUDE_SPLITS_KEY])
        found = {
            split: tfdv.validate_statistics(stats_artifact_utils.load_statistics(statistics, split).proto(), schema)
            for split in splits
        }
        _write(found, output, statistics.span)
        if failures := verdict.describe_failures(found, exec_properties[FAIL_ON_KEY]):
            raise verdict.ExamplesInvalidError(verdict.message(failures, self._keep(found, output.uri)))
        result = execution_result_pb2.ExecutorOutput()
        result.output_artifacts[standard_component_specs.ANOMALIES_KEY].artifacts.append(output.mlmd_artifact)
        return result

    def _keep(self, found: dict[str, anomalies_pb2.Anomalies], uri: str) -> str:
        """Writes the anomalies as text to where they outlive the failure; gives the folder.

        A launcher removes the outputs of an execution that raises, but not its stateful working directory.
        """
        folder: str | None = self._context.stateful_working_dir if self._context else None
        if not folder:
            return uri
        for split, anomalies in found.items():
            io_utils.write_pbtxt_file(os.path.join(folder, f"{split}.pbtxt"), anomalies)
        return folder


def _splits(statistics: types.Artifact, excluded_json: str) -> list[str]:
    splits: list[str] = artifact_utils.decode_split_names(statistics.split_names)
    excluded = json_utils.loads(excluded_json)
    if unknown := sorted(set(excluded) - set(splits)):
        raise ValueError(f"`exclude_splits` names {unknown}, but the statistics have the splits {splits}")
    return [split for split in splits if split not in excluded]


def _read_schema(artifacts: list[types.Artifact]) -> schema_pb2.Schema:
    path = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(artifacts))
    with fileio.open(path, "rb") as file:
        schema = tfmd.parse_schema(file.read(), path)
    # A schema that does not describe sequences would find nothing but "New column" in every one of them.
    tfmd.from_schema(schema)
    return schema


def _write(found: dict[str, anomalies_pb2.Anomalies], output: types.Artifact, span: int) -> None:
    """Writes one file a split, and the properties of the artifact, as stock does."""
    output.split_names = artifact_utils.encode_split_names(list(found))
    output.span = span
    blessed = {}
    for split, anomalies in found.items():
        folder = artifact_utils.get_split_uri([output], split)
        writer_utils.write_anomalies(os.path.join(folder, stock.DEFAULT_FILE_NAME), anomalies)
        clean = not anomalies.anomaly_info and not anomalies.HasField("dataset_anomaly_info")
        blessed[split] = stock.BLESSED_VALUE if clean else stock.NOT_BLESSED_VALUE
    output.set_json_value_custom_property(stock.ARTIFACT_PROPERTY_BLESSED_KEY, blessed)
