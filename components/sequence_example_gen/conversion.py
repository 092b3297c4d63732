"""TFRecord files of SequenceExamples without a pipeline of components."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.config_checks import check_settings
from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.files.source import find_files
from tfx_sequence.components.sequence_example_gen.ingestion.ingest import ingest
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.request import InputFile, Request
from tfx_sequence.schemas.contract import SPLIT_PREFIX
from tfx_sequence.schemas.spec import SequenceSpec

WHOLE = "all"
"""The name of the one split when there are no splits."""


class OutputExistsError(FileExistsError):
    """There is something where files are to be written."""


def convert(
    patterns: Iterable[str] | Mapping[str, Iterable[str]],
    output: str,
    *,
    spec: SequenceSpec,
    read: ReadConfig,
    split: SplitConfig | None = None,
    write: WriteConfig | None = None,
    make_pipeline: Callable[[], beam.Pipeline] = beam.Pipeline,
) -> ReadCounts:
    """Reads files and writes what SequenceExampleGen would.

    Args:
      patterns: The files, as paths or globs; of a file that several match, one copy is read. Or, for data that comes
        split, such files for each split.
      output: The folder to write to, which must be empty or missing: the files themselves, or if there are splits a
        folder `Split-<name>` for each; with `on_bad_record` = 'reject' also `Rejects`.
      spec: What a record is.
      read: How to read.
      split: How to divide the records; not at all if None. Not for data that comes split.
      write: How to write.
      make_pipeline: What makes the Beam pipeline.

    Returns:
      What became of the records.

    Raises:
      ValueError: if the settings do not fit each other.
      OutputExistsError: if there is something in the output folder.
      NoInputError: if a pattern matches no file.
      BadRecordError: if a record is bad and may not be, or too many are.
      EmptySplitError: if there is no record, or none for training.
    """
    given = isinstance(patterns, Mapping)
    if given and split:
        raise ValueError("`split` divides the files of one split, but `patterns` names splits")
    if storage.match(storage.join(output, "*")):
        raise OutputExistsError(f"the output folder {output!r} is not empty; name a new one, or empty it")
    check_settings(spec, read, split)
    by_split = dict(patterns) if isinstance(patterns, Mapping) else {WHOLE: patterns}
    names = list(split.shares if split else by_split)
    return ingest(
        Request(
            spec=spec,
            read=read,
            split=split,
            write=write or WriteConfig(),
            files=tuple(
                InputFile(path=path, split=None if split else name)
                for name, some in by_split.items()
                for path in dict.fromkeys(path for pattern in some for path in find_files(pattern))
            ),
            splits={
                name: storage.join(output, f"{SPLIT_PREFIX}{name}") if split or given else output for name in names
            },
            output=output,
        ),
        make_pipeline,
    )
