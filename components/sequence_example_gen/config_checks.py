"""Whether the settings fit each other; asked before anything is read."""

from __future__ import annotations

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.placement import split_features
from tfx_sequence.components.sequence_example_gen.readers.reader import READERS
from tfx_sequence.schemas.spec import SequenceSpec

_OF_LISTS = ("json", "jsonl", "parquet", "sequence_example")
"""The formats of this package that can hold several values in a step."""


def check_settings(spec: SequenceSpec, read: ReadConfig, split: SplitConfig | None) -> None:
    """Checks what can be known without data.

    Raises:
      ValueError: if a setting does not fit the spec, or another setting.
    """
    nested = [name for name, feature in spec.features.items() if feature.nested]
    if nested and read.format in READERS and read.format not in _OF_LISTS:
        raise ValueError(
            f"`{nested[0]}` is nested, but a step has one value in the format {read.format!r}; formats of nested "
            f"features are {', '.join(_OF_LISTS)}"
        )
    reader = FileReader(spec, read)
    if split:
        split_features(reader.intake.content, split)
        if split.by == "index" and reader.grouping:
            raise ValueError("by = 'index' goes by a record's position in its file, but in long form it has none")
    if read.format == "sequence_example" and reader.intake.content != spec:
        raise ValueError("SequenceExamples are kept as they are, so they cannot be cut or given features of pieces")
