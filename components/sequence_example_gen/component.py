"""Defines SequenceExampleGen, which reads sequence data in many formats and writes an Examples artifact."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tfx import types
from tfx.components.example_gen.component import FileBasedExampleGen
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2, range_config_pb2
from tfx.types import standard_artifacts
from tfx.types import standard_component_specs as keys
from tfx.types.component_spec import ExecutionParameter
from tfx.types.standard_component_specs import FileBasedExampleGenSpec

from tfx_sequence.components import arguments
from tfx_sequence.components.compat import artifacts
from tfx_sequence.components.own_code.fingerprint import fingerprint_code
from tfx_sequence.components.sequence_example_gen import driver, executor
from tfx_sequence.components.sequence_example_gen.config import (
    ReadConfig,
    SplitConfig,
    WriteConfig,
    check_split_name,
)
from tfx_sequence.components.sequence_example_gen.config_checks import check_settings
from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.schemas.contract import CODE, INPUT_FILES, READ_CONFIG, SEQUENCE_SPEC, SPLIT_CONFIG, WRITE_CONFIG
from tfx_sequence.schemas.spec import SequenceSpec


class SequenceExampleGenSpec(FileBasedExampleGenSpec):
    """The parameters and channels of the stock FileBasedExampleGen, and the settings of this component as JSON."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        **FileBasedExampleGenSpec.PARAMETERS,
        SEQUENCE_SPEC: ExecutionParameter(type=str),
        READ_CONFIG: ExecutionParameter(type=str),
        SPLIT_CONFIG: ExecutionParameter(type=str, optional=True),
        WRITE_CONFIG: ExecutionParameter(type=str),
        CODE: ExecutionParameter(type=str),
        INPUT_FILES: ExecutionParameter(type=str),
    }


class SequenceExampleGen(FileBasedExampleGen):
    """A component that reads sequences, checks them against a spec, and writes them as SequenceExamples by split.

    It is a subclass of the stock FileBasedExampleGen. File patterns may contain `{SPAN}`, `{VERSION}` and
    `{YYYY}-{MM}-{DD}`. Files that have not changed are not read again. Any stock component accepts the output channel
    `examples`. ::

        SequenceExampleGen(
            input_base="data",
            spec=SequenceSpec(features={
                "tokens": Feature(kind="token"),
                "tags": Feature(kind="categorical", role="label"),
            }),
            read=ReadConfig(format="jsonl"),
            split=SplitConfig(shares={"train": 8, "eval": 1, "test": 1}),
        )

    Args:
      input_base: The folder to which the file patterns of `input_config` are relative.
      spec: The features of a record.
      read: The settings for reading: the format, and how bad and long records are treated.
      split: The settings that divide the records over splits. If None and there is one input, two thirds of the records
        go to `train` and one third to `eval`, as in stock ExampleGen. Must be None if there are several inputs, because
        each input is then a split.
      write: The settings for writing: the number of shards, the order and the compression.
      input_config: The name and the file pattern of each input. If None, all files in `input_base` are one input.
      range_config: The span to read. If None, the latest span.

    Raises:
      TypeError: if a setting has the wrong type.
      ValueError: if the settings do not fit each other, or if the name of an input cannot name a split.
    """

    SPEC_CLASS = SequenceExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
    DRIVER_CLASS = driver.Driver

    def __init__(
        self,
        *,
        input_base: str,
        spec: SequenceSpec,
        read: ReadConfig,
        split: SplitConfig | None = None,
        write: WriteConfig | None = None,
        input_config: example_gen_pb2.Input | None = None,
        range_config: range_config_pb2.RangeConfig | None = None,
    ) -> None:
        spec = arguments.parse_settings("spec", SequenceSpec, spec)
        read = arguments.parse_settings("read", ReadConfig, read)
        split = None if split is None else arguments.parse_settings("split", SplitConfig, split)
        write = arguments.parse_settings("write", WriteConfig, write or {})
        input_config = input_config or artifacts.make_default_input_config()
        split = _choose_split(split, input_config)
        check_settings(spec, read, split)
        parameters = {
            keys.INPUT_BASE_KEY: input_base,
            keys.INPUT_CONFIG_KEY: input_config,
            keys.OUTPUT_CONFIG_KEY: _make_output_config(split),
            keys.OUTPUT_DATA_FORMAT_KEY: example_gen_pb2.FORMAT_TF_SEQUENCE_EXAMPLE,
            keys.OUTPUT_FILE_FORMAT_KEY: example_gen_pb2.FORMAT_TFRECORDS_GZIP,
            keys.RANGE_CONFIG_KEY: range_config,
            SEQUENCE_SPEC: spec.to_json(),
            READ_CONFIG: read.model_dump_json(),
            SPLIT_CONFIG: split.model_dump_json() if split else None,
            WRITE_CONFIG: write.model_dump_json(),
            INPUT_FILES: driver.fingerprint_latest_input(input_base, input_config, range_config, read),
            CODE: json.dumps(fingerprint_code([READERS.find_row(read.format).target])),
        }
        channels = {keys.EXAMPLES_KEY: types.Channel(type=standard_artifacts.Examples)}
        # The constructor of FileBasedExampleGen is skipped, because it makes a spec without the parameters added here.
        super(FileBasedExampleGen, self).__init__(spec=SequenceExampleGenSpec(**parameters, **channels))


def _choose_split(split: SplitConfig | None, inputs: example_gen_pb2.Input) -> SplitConfig | None:
    """Returns the settings that divide the records, or the default settings if `split` is None.

    The result is None if there are several inputs, because each input is then a split.

    Raises:
      ValueError: if `split` is given and there are several inputs, or if the name of an input cannot name a split.
    """
    if len(inputs.splits) > 1:
        for item in inputs.splits:
            check_split_name(item.name)
        if split:
            names = ", ".join(item.name for item in inputs.splits)
            raise ValueError(f"`split` is given, but so are several inputs ({names}), each of which is a split")
        return None
    return split or SplitConfig()


def _make_output_config(split: SplitConfig | None) -> example_gen_pb2.Output:
    """Makes the config from which stock code reads the split names. It is empty if the inputs are the splits."""
    if not split:
        return example_gen_pb2.Output()
    output_splits = [
        example_gen_pb2.SplitConfig.Split(name=name, hash_buckets=share) for name, share in split.shares.items()
    ]
    return example_gen_pb2.Output(split_config=example_gen_pb2.SplitConfig(splits=output_splits))
