"""Defines the executor of SequenceExampleValidator, which reads artifacts and writes anomalies.

The validation itself is in `split_anomalies` (one split) and `record_stage` (the records of all splits).
"""

from __future__ import annotations

import json
import os
from typing import Any

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList
from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2
from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils, standard_component_specs
from tfx.utils import io_utils, json_utils, writer_utils

from tfx_sequence.components.compat import artifacts
from tfx_sequence.components.sequence_example_validator import verdict
from tfx_sequence.components.sequence_example_validator.record_stage import ExampleFile, check_files
from tfx_sequence.components.sequence_example_validator.split_anomalies import SplitStatistics, validate_split
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.records.shards import check_shards
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import parse_schema

EXAMPLES_KEY = standard_component_specs.EXAMPLES_KEY
BASELINE_KEY = "baseline_statistics"
SERVING_KEY = "serving_statistics"
FAIL_ON_KEY = "fail_on"
SEVERITIES_KEY = "severities"

RECORDS_FILE = "records.json"
"""The name of the file with the findings in a split's records (`FindingCounts` in JSON), beside the anomalies file."""

_Inputs = dict[str, list[types.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads ExampleStatistics, a Schema and the optional inputs, and writes ExampleAnomalies in stock's format."""

    def Do(
        self, input_dict: _Inputs, output_dict: _Inputs, exec_properties: dict[str, Any]
    ) -> execution_result_pb2.ExecutorOutput:
        """Validates each split, writes all anomalies, and then fails if an anomaly is at least as severe as `fail_on`.

        Raises:
          ValueError: if `exclude_splits` names a split that the statistics do not have, if the examples are not
            SequenceExamples or lack a split, or if the baseline or serving statistics lack a split.
          SchemaError: if the schema does not describe sequences.
          ExamplesInvalidError: if an anomaly is at least as severe as `fail_on`.
        """
        statistics = artifact_utils.get_single_instance(input_dict[standard_component_specs.STATISTICS_KEY])
        splits = _list_splits(statistics, exec_properties[standard_component_specs.EXCLUDE_SPLITS_KEY])
        schema = _read_schema(input_dict[standard_component_specs.SCHEMA_KEY])
        severities = json.loads(exec_properties[SEVERITIES_KEY])
        output = artifact_utils.get_single_instance(output_dict[standard_component_specs.ANOMALIES_KEY])
        output.split_names = artifact_utils.encode_split_names(splits)
        output.span = statistics.span
        findings_by_split = self._check_records(input_dict.get(EXAMPLES_KEY) or [], splits, schema, output)
        anomalies_by_split = {}
        for split in splits:
            split_statistics = SplitStatistics(
                artifacts.load_statistics(statistics, split),
                baseline=_load_other_statistics(input_dict, BASELINE_KEY, split),
                serving=_load_other_statistics(input_dict, SERVING_KEY, split),
            )
            findings = findings_by_split.get(split)
            anomalies_by_split[split] = validate_split(split_statistics, schema, findings, severities)
        _write_anomalies(anomalies_by_split, output)
        if failures := verdict.describe_failures(anomalies_by_split, exec_properties[FAIL_ON_KEY]):
            folder = self._write_lasting_copy(anomalies_by_split) or output.uri
            raise verdict.ExamplesInvalidError(verdict.format_message(failures, folder))
        result = execution_result_pb2.ExecutorOutput()
        result.output_artifacts[standard_component_specs.ANOMALIES_KEY].artifacts.append(output.mlmd_artifact)
        return result

    def _check_records(
        self, examples: list[types.Artifact], splits: list[str], schema: Schema, output: types.Artifact
    ) -> dict[str, FindingCounts]:
        """Checks the records of the splits. Without examples, returns an empty dict."""
        if not examples:
            return {}
        files = []
        for artifact in examples:
            files += _list_files(artifact, splits)
        findings_paths = {}
        for split in splits:
            folder = artifact_utils.get_split_uri([output], split)
            fileio.makedirs(folder)
            findings_paths[split] = os.path.join(folder, RECORDS_FILE)
        return check_files(files, schema, findings_paths, self._make_beam_pipeline)

    def _write_lasting_copy(self, anomalies_by_split: dict[str, Anomalies]) -> str | None:
        """Writes the anomalies as text to a folder that remains after a failure.

        If an execution raises an error, TFX's launcher removes its outputs, but not its stateful working directory.

        Returns:
          The folder, or None if the executor runs without a launcher.
        """
        folder: str | None = self._context.stateful_working_dir if self._context else None
        if folder:
            for split, anomalies in anomalies_by_split.items():
                io_utils.write_pbtxt_file(os.path.join(folder, f"{split}.pbtxt"), anomalies)
        return folder


def _list_splits(statistics: types.Artifact, excluded_json: str) -> list[str]:
    """Lists the splits to validate.

    Raises:
      ValueError: if an excluded split does not exist.
    """
    splits: list[str] = artifact_utils.decode_split_names(statistics.split_names)
    excluded = json_utils.loads(excluded_json)
    if unknown := sorted(set(excluded) - set(splits)):
        raise ValueError(f"`exclude_splits` names {unknown}, but the statistics have the splits {splits}")
    return [split for split in splits if split not in excluded]


def _read_schema(schemas: list[types.Artifact]) -> Schema:
    path = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(schemas))
    with fileio.open(path, "rb") as file:
        schema = parse_schema(file.read(), path)
    # By a schema that does not describe sequences, every feature of theirs would be a "New column" and no more.
    from_schema(schema)
    return schema


def _load_other_statistics(inputs: _Inputs, key: str, split: str) -> DatasetFeatureStatisticsList | None:
    """Loads the statistics to compare a split with, or returns None if there is no such input.

    A split is compared with the split of the same name. If there is no such split, it is compared with the only split.

    Raises:
      ValueError: if the other statistics have several splits, and none has the same name.
    """
    if not inputs.get(key):
        return None
    statistics = artifact_utils.get_single_instance(inputs[key])
    splits = artifact_utils.decode_split_names(statistics.split_names)
    if split not in splits and len(splits) > 1:
        raise ValueError(
            f"the split {split!r} has nothing to be compared with: `{key}` have the splits {splits}. Exclude it "
            "with `exclude_splits`, or give statistics that have this split or only one split"
        )
    return artifacts.load_statistics(statistics, split if split in splits else splits[0])


def _list_files(examples: types.Artifact, splits: list[str]) -> list[ExampleFile]:
    """Lists the files of the splits in an artifact of Examples.

    Raises:
      ValueError: if the examples are not SequenceExamples, or lack a split.
      IncompleteDataError: if a split lacks files.
    """
    payload_format = artifacts.get_payload_format(examples)
    if payload_format != example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE:
        name = example_gen_pb2.PayloadFormat.Name(payload_format)
        raise ValueError(
            f"SequenceExampleValidator reads FORMAT_TF_SEQUENCE_EXAMPLE, but the examples in {examples.uri} are marked "
            f"{name}. If they are SequenceExamples, set output_data_format in ExampleGen"
        )
    splits_of_examples = artifact_utils.decode_split_names(examples.split_names)
    if missing := [split for split in splits if split not in splits_of_examples]:
        raise ValueError(f"the statistics have the splits {splits}, but the examples in {examples.uri} lack {missing}")
    files = []
    for split in splits:
        pattern = os.path.join(artifact_utils.get_split_uri([examples], split), "*")
        paths = sorted(fileio.glob(pattern))
        check_shards(paths)
        files += [ExampleFile(split, path) for path in paths]
    return files


def _write_anomalies(anomalies_by_split: dict[str, Anomalies], output: types.Artifact) -> None:
    """Writes one file per split, and sets the property that says which splits have no anomaly, as stock does."""
    blessed = {}
    for split, anomalies in anomalies_by_split.items():
        folder = artifact_utils.get_split_uri([output], split)
        writer_utils.write_anomalies(os.path.join(folder, artifacts.ANOMALIES_FILE), anomalies)
        is_clean = not anomalies.anomaly_info and not anomalies.HasField("dataset_anomaly_info")
        blessed[split] = artifacts.BLESSED_VALUE if is_clean else artifacts.NOT_BLESSED_VALUE
    output.set_json_value_custom_property(artifacts.ARTIFACT_PROPERTY_BLESSED_KEY, blessed)
