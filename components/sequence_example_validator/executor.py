"""The adapter between TFX's artifacts and the validation, with the verdict at its end."""

from __future__ import annotations

import json
import os
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
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
from tfx_sequence.components.sequence_example_validator.split_anomalies import Statistics, validate_split
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.tfmd.convert import from_schema
from tfx_sequence.schemas.tfmd.parts import parse_schema

EXAMPLES_KEY = standard_component_specs.EXAMPLES_KEY
BASELINE_KEY = "baseline_statistics"
SERVING_KEY = "serving_statistics"
FAIL_ON_KEY = "fail_on"
SEVERITIES_KEY = "severities"

RECORDS_FILE = "records.json"
"""Beside stock's file of anomalies in each split: what was found in the records, as `FindingCounts` in JSON."""

_Inputs = dict[str, list[types.Artifact]]


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads ExampleStatistics, a Schema and what else is given; writes ExampleAnomalies in stock's form."""

    def Do(
        self, input_dict: _Inputs, output_dict: _Inputs, exec_properties: dict[str, Any]
    ) -> execution_result_pb2.ExecutorOutput:
        """Validates each split, writes all that was found, then fails where `fail_on` says so.

        Raises:
          ValueError: if `exclude_splits` names a split that the statistics do not have, or the examples are not
            SequenceExamples or lack a split, or a split has nothing to be compared with.
          SchemaError: if the schema is not one of sequences.
          ExamplesInvalidError: if an anomaly is at least as severe as `fail_on`.
        """
        statistics = artifact_utils.get_single_instance(input_dict[standard_component_specs.STATISTICS_KEY])
        splits = _splits(statistics, exec_properties[standard_component_specs.EXCLUDE_SPLITS_KEY])
        schema = _read_schema(input_dict[standard_component_specs.SCHEMA_KEY])
        output = artifact_utils.get_single_instance(output_dict[standard_component_specs.ANOMALIES_KEY])
        output.split_names = artifact_utils.encode_split_names(splits)
        output.span = statistics.span
        tallies = self._check_records(input_dict.get(EXAMPLES_KEY) or [], splits, schema, output)
        found = {
            split: validate_split(
                Statistics(
                    _load(statistics, split),
                    baseline=_load_other(input_dict, BASELINE_KEY, split),
                    serving=_load_other(input_dict, SERVING_KEY, split),
                ),
                schema,
                tallies.get(split),
                json.loads(exec_properties[SEVERITIES_KEY]),
            )
            for split in splits
        }
        _write(found, output)
        if failures := verdict.describe_failures(found, exec_properties[FAIL_ON_KEY]):
            raise verdict.ExamplesInvalidError(verdict.message(failures, self._keep(found, output.uri)))
        result = execution_result_pb2.ExecutorOutput()
        result.output_artifacts[standard_component_specs.ANOMALIES_KEY].artifacts.append(output.mlmd_artifact)
        return result

    def _check_records(
        self, examples: list[types.Artifact], splits: list[str], schema: schema_pb2.Schema, output: types.Artifact
    ) -> dict[str, FindingCounts]:
        if not examples:
            return {}
        files = [file for artifact in examples for file in _files(artifact, splits)]
        outputs = {split: os.path.join(artifact_utils.get_split_uri([output], split), RECORDS_FILE) for split in splits}
        for path in outputs.values():
            fileio.makedirs(os.path.dirname(path))
        return check_files(files, schema, outputs, self._make_beam_pipeline)

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


def _read_schema(schemas: list[types.Artifact]) -> schema_pb2.Schema:
    path = io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(schemas))
    with fileio.open(path, "rb") as file:
        schema = parse_schema(file.read(), path)
    # A schema that does not describe sequences would find nothing but "New column" in every one of them.
    from_schema(schema)
    return schema


def _load(statistics: types.Artifact, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    return artifacts.load_statistics(statistics, split)


def _load_other(inputs: _Inputs, key: str, split: str) -> statistics_pb2.DatasetFeatureStatisticsList | None:
    """The statistics to compare a split with: those of the split of its name, or of the only split there is."""
    if not inputs.get(key):
        return None
    statistics = artifact_utils.get_single_instance(inputs[key])
    splits = artifact_utils.decode_split_names(statistics.split_names)
    if split not in splits and len(splits) > 1:
        raise ValueError(
            f"the split {split!r} has nothing to be compared with: `{key}` have the splits {splits}. Exclude it, or "
            "give statistics that have it, or that have one split only"
        )
    return _load(statistics, split if split in splits else splits[0])


def _files(examples: types.Artifact, splits: list[str]) -> list[ExampleFile]:
    given = artifacts.get_payload_format(examples)
    if given != example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE:
        name = example_gen_pb2.PayloadFormat.Name(given)
        raise ValueError(
            f"SequenceExampleValidator reads FORMAT_TF_SEQUENCE_EXAMPLE, but the examples in {examples.uri} are marked "
            f"{name}. If they are SequenceExamples, have ExampleGen say so (output_data_format)"
        )
    has = artifact_utils.decode_split_names(examples.split_names)
    if missing := [split for split in splits if split not in has]:
        raise ValueError(f"the statistics have the splits {splits}, but the examples in {examples.uri} lack {missing}")
    return [
        ExampleFile(split, path)
        for split in splits
        for path in sorted(fileio.glob(os.path.join(artifact_utils.get_split_uri([examples], split), "*")))
    ]


def _write(found: dict[str, anomalies_pb2.Anomalies], output: types.Artifact) -> None:
    """Writes one file a split, and the property that says which splits are clean, as stock does."""
    blessed = {}
    for split, anomalies in found.items():
        folder = artifact_utils.get_split_uri([output], split)
        writer_utils.write_anomalies(os.path.join(folder, artifacts.ANOMALIES_FILE), anomalies)
        clean = not anomalies.anomaly_info and not anomalies.HasField("dataset_anomaly_info")
        blessed[split] = artifacts.BLESSED_VALUE if clean else artifacts.NOT_BLESSED_VALUE
    output.set_json_value_custom_property(artifacts.ARTIFACT_PROPERTY_BLESSED_KEY, blessed)
