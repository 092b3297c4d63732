"""Defines the driver of SequenceExampleGen, which resolves spans and fingerprints the input files before each run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tfx.proto import example_gen_pb2, range_config_pb2

from tfx_sequence.components.compat.example_gen import FileBasedDriver, FileBasedInputProcessor, has_span
from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.files.input_fingerprint import fingerprint_inputs
from tfx_sequence.components.sequence_example_gen.readers.table import READERS
from tfx_sequence.schemas.contract import READ_CONFIG

Splits = Iterable[example_gen_pb2.Input.Split]


class InputProcessor(FileBasedInputProcessor):
    """Resolves spans as stock TFX does, and fingerprints the files that the executor reads.

    The stock fingerprint has no names and whole seconds, and the stock patterns are not those of the executor.

    Args:
      input_base: The folder that the patterns are relative to.
      splits: The inputs and their patterns.
      range_config: The span to read, or None for the latest one.
      with_siblings: Whether all files in the folders of matched files count.
    """

    def __init__(
        self,
        input_base: str,
        splits: Splits,
        range_config: range_config_pb2.RangeConfig | None,
        with_siblings: bool,
    ) -> None:
        super().__init__(input_base, splits, range_config)
        self._folder = input_base
        self._inputs = list(splits)
        self._with_siblings = with_siblings

    def resolve_span_and_version(self) -> tuple[int, int | None]:
        """Returns the span and the version to read: 0 and None if the patterns have no place for a span."""
        if not has_span(self._inputs):
            # The stock method would look at the files by stock patterns, to compute the stock fingerprint.
            return 0, None
        span, version = super().resolve_span_and_version()
        return span, version

    def get_input_fingerprint(self, span: int, version: int | None) -> str:
        """Returns the fingerprint of the files of a span and a version."""
        patterns = {
            split.name: self.get_pattern_for_span_version(split.pattern, span, version) for split in self._inputs
        }
        return fingerprint_inputs(self._folder, patterns, self._with_siblings)


class Driver(FileBasedDriver):
    """The stock driver with the `InputProcessor` of this module."""

    _with_siblings = True

    def resolve_exec_properties(
        self, exec_properties: dict[str, Any], pipeline_info: Any, component_info: Any
    ) -> dict[str, Any]:
        """Adds the span, the version and the fingerprint of the input files to the properties of an execution."""
        read = ReadConfig.model_validate_json(exec_properties[READ_CONFIG])
        self._with_siblings = may_read_siblings(read)
        return dict(super().resolve_exec_properties(exec_properties, pipeline_info, component_info))

    def get_input_processor(
        self,
        splits: Splits,
        range_config: range_config_pb2.RangeConfig | None = None,
        input_base_uri: str | None = None,
    ) -> InputProcessor:
        """Makes the object that resolves the span and computes the fingerprint."""
        return InputProcessor(input_base_uri or "", splits, range_config, self._with_siblings)


def fingerprint_latest_input(
    folder: str,
    inputs: example_gen_pb2.Input,
    range_config: range_config_pb2.RangeConfig | None,
    read: ReadConfig,
) -> str:
    """Fingerprints the files that an execution would read now, or returns an empty text if there are none yet.

    It becomes an execution property. A runner that does not use the driver of this module, such as Kubeflow Pipelines,
    compares the property with that of earlier executions.
    """
    try:
        processor = InputProcessor(folder, inputs.splits, range_config, may_read_siblings(read))
        span, version = processor.resolve_span_and_version()
        return processor.get_input_fingerprint(span, version)
    except (OSError, ValueError):
        # The pipeline may be made where its data is not. The run then says what is missing.
        return ""


def resolve_patterns(folder: str, patterns: Mapping[str, str], span: int | None) -> dict[str, str]:
    """Replaces the places for a span and a version in patterns by those that an execution would read now.

    Args:
      folder: The folder that the patterns are relative to.
      patterns: Name of the input to its pattern.
      span: The span, or None for the latest one. A date is the number of days since 1970-01-01.

    Returns:
      Name of the input to its pattern, in which no place for a span or a version is left.

    Raises:
      ValueError: if the patterns have wrong or different places, if there is no file for the span, or if the inputs do
        not have the same latest span and version.
    """
    splits = [example_gen_pb2.Input.Split(name=name, pattern=pattern) for name, pattern in patterns.items()]
    processor = InputProcessor(folder, splits, make_range_config(span), with_siblings=False)
    number, version = processor.resolve_span_and_version()
    return {
        name: processor.get_pattern_for_span_version(pattern, number, version) for name, pattern in patterns.items()
    }


def make_range_config(span: int | None) -> range_config_pb2.RangeConfig | None:
    """Returns the range of one span for stock TFX, or None for the latest span."""
    if span is None:
        return None
    static_range = range_config_pb2.StaticRange(start_span_number=span, end_span_number=span)
    return range_config_pb2.RangeConfig(static_range=static_range)


def may_read_siblings(read: ReadConfig) -> bool:
    """Returns whether the reader may read other files in the folder of a file. It may if nothing is known about it."""
    return read.format not in READERS.rows or READERS.rows[read.format].by_folder
