"""Defines the executor of SequenceExampleGen, which runs the ingestion and describes the output artifact."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.types import standard_component_specs as keys
from tfx.utils import proto_utils

from tfx_sequence.components.compat import artifacts
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.files.source import find_files
from tfx_sequence.components.sequence_example_gen.ingestion.ingest import ingest, remove_abandoned_outputs
from tfx_sequence.components.sequence_example_gen.ingestion.request import IngestionRequest, InputFile
from tfx_sequence.components.sequence_example_gen.readers.table import makes_pieces
from tfx_sequence.schemas.contract import (
    IN_PIECES,
    READ_CONFIG,
    SEQUENCE_SPEC,
    SPLIT_CONFIG,
    TRUNCATED_TO,
    WRITE_CONFIG,
)
from tfx_sequence.schemas.spec import SequenceSpec


class Executor(base_beam_executor.BaseBeamExecutor):
    """The executor that reads sequence data and writes an Examples artifact of SequenceExamples."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the ingestion.

        Raises:
          NoInputError: if a pattern matches no file.
          BadRecordError: if there is a bad record and none is allowed, or if there are too many of them.
          DamagedFilesError: if there are more damaged files than the settings allow.
          EmptySplitError: if no record was accepted, or if the split `train` has no record.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict[keys.EXAMPLES_KEY])
        examples.split_names = artifact_utils.encode_split_names(list_splits(exec_properties))
        request = make_request(exec_properties, examples)
        remove_abandoned_outputs(os.path.dirname(examples.uri.rstrip("/")))
        read_counts = ingest(request, self._make_beam_pipeline)
        # Without these properties, stock readers would assume that the records are tf.Examples.
        artifacts.set_payload_format(examples, exec_properties[keys.OUTPUT_DATA_FORMAT_KEY])
        file_format = artifacts.to_file_format_str(exec_properties[keys.OUTPUT_FILE_FORMAT_KEY])
        artifacts.set_file_format(examples, file_format)
        for name, count in read_counts.counts.items():
            examples.set_int_custom_property(name, count)
        # A transform must not take the place where a record was cut for the begin or the end of its sequence.
        if makes_pieces(request.read):
            examples.set_int_custom_property(IN_PIECES, 1)
        if request.read.truncated_to is not None:
            examples.set_int_custom_property(TRUNCATED_TO, request.read.truncated_to)


def list_splits(properties: Mapping[str, Any]) -> list[str]:
    """Lists the names of the output splits of an execution, by the rules of stock ExampleGen."""
    outputs = example_gen_pb2.Output()
    proto_utils.json_to_proto(properties[keys.OUTPUT_CONFIG_KEY], outputs)
    return list(artifacts.generate_output_split_names(_parse_inputs(properties), outputs))


def make_request(properties: Mapping[str, Any], examples: types.Artifact) -> IngestionRequest:
    """Makes the request of an execution.

    Args:
      properties: The execution properties.
      examples: The output artifact, with its split names.

    Raises:
      NoInputError: if a pattern matches no file.
    """
    splits = artifact_utils.decode_split_names(examples.split_names)
    split_json = properties.get(SPLIT_CONFIG)
    split = SplitConfig.model_validate_json(split_json) if split_json else None
    return IngestionRequest(
        spec=SequenceSpec.from_json(properties[SEQUENCE_SPEC]),
        read=ReadConfig.model_validate_json(properties[READ_CONFIG]),
        split=split,
        write=WriteConfig.model_validate_json(properties[WRITE_CONFIG]),
        files=_find_input_files(properties, is_already_split=split is None),
        split_folders={name: artifact_utils.get_split_uri([examples], name) for name in splits},
        output=examples.uri,
    )


def _parse_inputs(properties: Mapping[str, Any]) -> example_gen_pb2.Input:
    inputs = example_gen_pb2.Input()
    proto_utils.json_to_proto(properties[keys.INPUT_CONFIG_KEY], inputs)
    return inputs


def _find_input_files(properties: Mapping[str, Any], is_already_split: bool) -> tuple[InputFile, ...]:
    """Finds the files of all inputs. If the data is already split, each input is a split."""
    folder = properties[keys.INPUT_BASE_KEY]
    files = []
    for item in _parse_inputs(properties).splits:
        split = item.name if is_already_split else None
        for path in find_files(item.pattern, folder):
            files.append(InputFile(path=path, split=split))
    return tuple(files)
