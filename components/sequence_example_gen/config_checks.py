"""Checks that the settings of SequenceExampleGen fit each other, before any data is read."""

from __future__ import annotations

from tfx_sequence.components.sequence_example_gen.config import UTF_8, ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.placement import find_split_features
from tfx_sequence.components.sequence_example_gen.readers.table import READERS, SEQUENCE_EXAMPLE, find_row
from tfx_sequence.schemas.spec import SequenceSpec


def check_settings(spec: SequenceSpec, read: ReadConfig, split: SplitConfig | None) -> None:
    """Checks the settings without reading data.

    Raises:
      ValueError: if a setting does not fit the spec or another setting.
    """
    _check_nested_features(spec, read.format)
    if read.encoding != UTF_8 and find_row(read.format).is_binary:
        raise ValueError(f"`encoding` is for formats of text, but files of the format {read.format!r} are binary")
    reader = FileReader(spec, read)
    input_spec = reader.record_encoder.input_spec
    if split:
        find_split_features(input_spec, split)
        if split.by == "index" and reader.grouping:
            raise ValueError("by = 'index' needs the position of a record in its file, but in long form it has none")
    if read.format == SEQUENCE_EXAMPLE and input_spec != spec:
        raise ValueError(
            "SequenceExamples are written unchanged, so they cannot be cut into pieces or get features for pieces"
        )


def _check_nested_features(spec: SequenceSpec, format_name: str) -> None:
    """Checks that a format can hold nested features if the spec has one.

    Raises:
      ValueError: if it cannot.
    """
    nested = [name for name, feature in spec.features.items() if feature.nested]
    if nested and not find_row(format_name).holds_lists:
        formats_with_lists = [name for name, row in READERS.rows.items() if row.holds_lists]
        raise ValueError(
            f"`{nested[0]}` is nested, but a step has one value in the format {format_name!r}; formats of nested "
            f"features are {', '.join(formats_with_lists)}"
        )
