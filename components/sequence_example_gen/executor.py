"""The executor of SequenceExampleGen: artifacts and properties in, one request in, properties out."""

from __future__ import annotations

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
from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.files.source import find_files
from tfx_sequence.components.sequence_example_gen.ingestion.ingest import ingest
from tfx_sequence.components.sequence_example_gen.ingestion.request import InputFile, Request
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.spec import SequenceSpec


class Executor(base_beam_executor.BaseBeamExecutor):
    """Reads sequence data and writes an Examples artifact of SequenceExamples."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the ingestion.

        Raises:
          NoInputError: if a pattern matches no file.
          BadRecordError: if a record is bad and may not be, or too many are.
          EmptySplitError: if there is no record, or none for training.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict[keys.EXAMPLES_KEY])
        tally = ingest(make_request(exec_properties, examples), self._make_beam_pipeline)
        artifacts.set_payload_format(examples, exec_properties[keys.OUTPUT_DATA_FORMAT_KEY])
        file_format = artifacts.to_file_format_str(exec_properties[keys.OUTPUT_FILE_FORMAT_KEY])
        artifacts.set_file_format(examples, file_format)
        for name, count in tally.counts.items():
            examples.set_int_custom_property(name, count)


def make_request(properties: Mapping[str, Any], examples: types.Artifact) -> Request:
    """The request of an execution. Sets the artifact's split names.

    Raises:
      NoInputError: if a pattern matches no file.
    """
    inputs, outputs = example_gen_pb2.Input(), example_gen_pb2.Output()
    proto_utils.json_to_proto(properties[keys.INPUT_CONFIG_KEY], inputs)
    proto_utils.json_to_proto(properties[keys.OUTPUT_CONFIG_KEY], outputs)
    names = artifacts.generate_output_split_names(inputs, outputs)
    examples.split_names = artifact_utils.encode_split_names(names)
    split = properties.get(contract.SPLIT_CONFIG)
    return Request(
        spec=SequenceSpec.from_json(properties[contract.SEQUENCE_SPEC]),
        read=ReadConfig.model_validate_json(properties[contract.READ_CONFIG]),
        split=SplitConfig.model_validate_json(split) if split else None,
        write=WriteConfig.model_validate_json(properties[contract.WRITE_CONFIG]),
        files=_files(properties[keys.INPUT_BASE_KEY], inputs, given=not split),
        splits={name: artifact_utils.get_split_uri([examples], name) for name in names},
        output=examples.uri,
    )


def _files(base: str, inputs: example_gen_pb2.Input, given: bool) -> tuple[InputFile, ...]:
    return tuple(
        InputFile(path=path, split=split.name if given else None)
        for split in inputs.splits
        for path in find_files(storage.join(base, split.pattern))
    )
