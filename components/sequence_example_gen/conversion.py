"""Converts files of sequences to TFRecord files of SequenceExamples, without a pipeline of components."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

import apache_beam as beam

from tfx_sequence.components.compat.local_beam import make_local_pipeline
from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
from tfx_sequence.components.sequence_example_gen.config_checks import check_settings
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.files.output_folder import check_is_empty, write_folder
from tfx_sequence.components.sequence_example_gen.files.source import find_files
from tfx_sequence.components.sequence_example_gen.ingestion.ingest import ingest
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.request import IngestionRequest, InputFile
from tfx_sequence.schemas.contract import SPLIT_PREFIX
from tfx_sequence.schemas.records.shards import check_files
from tfx_sequence.schemas.spec import SequenceSpec

ONLY_SPLIT = "all"
"""The name of the only split, if the records are not divided over splits."""


def convert(
    patterns: Iterable[str] | Mapping[str, Iterable[str]],
    output: str,
    *,
    spec: SequenceSpec,
    read: ReadConfig,
    split: SplitConfig | None = None,
    write: WriteConfig | None = None,
    make_pipeline: Callable[[], beam.Pipeline] = make_local_pipeline,
) -> ReadCounts:
    """Reads files and writes the same TFRecord files as SequenceExampleGen.

    The files are written to a folder beside `output`, which is renamed when all of them are complete. If anything
    fails, `output` is as it was before.

    Args:
      patterns: The paths or globs of the files. A file that several of them match is read once. For data that is
        already split, a dict of split name to the paths or globs of the split.
      output: The folder to write to, which must be missing or hold nothing at all. The TFRecord files are written
        into it, or into one folder `Split-<name>` per split. With `on_bad_record` = 'reject', a folder
        `Rejects` is written as well.
      spec: The features of a record.
      read: The settings for reading.
      split: The settings that divide the records over splits. If None, the records are not divided. Must be None for
        data that is already split.
      write: The settings for writing. If None, the default settings.
      make_pipeline: Makes the Beam pipeline. By default, the pipeline runs in this process.

    Returns:
      The numbers of records that were read, accepted, rejected and written.

    Raises:
      ValueError: if the settings do not fit each other.
      OutputExistsError: if the output folder is not empty.
      NoInputError: if a pattern matches no file.
      IncompleteDataError: if a file of `<name>-00000-of-00040` to `<name>-00039-of-00040` is missing.
      BadRecordError: if there is a bad record and none is allowed, or if there are too many of them.
      DamagedFilesError: if there are more damaged files than the settings allow.
      EmptySplitError: if no record was accepted, or if the split `train` has no record.
    """
    patterns_by_split = dict(patterns) if isinstance(patterns, Mapping) else None
    if patterns_by_split is not None and split:
        raise ValueError("`split` divides the files of one split, but `patterns` names splits")
    check_is_empty(output)
    check_settings(spec, read, split)
    if patterns_by_split is not None:
        splits = _check_split_names(patterns_by_split)
        files = []
        for name, patterns_of_split in patterns_by_split.items():
            files += _find_input_files(patterns_of_split, name)
    elif split:
        splits = list(split.shares)
        files = _find_input_files(patterns, None)
    else:
        splits = []
        files = _find_input_files(patterns, ONLY_SPLIT)
    with write_folder(output) as folder:
        request = IngestionRequest(
            spec=spec,
            read=read,
            split=split,
            write=write or WriteConfig(),
            files=tuple(files),
            split_folders=_name_split_folders(folder, splits) if splits else {ONLY_SPLIT: folder},
            output=folder,
        )
        return ingest(request, make_pipeline)


def _find_input_files(patterns: Iterable[str], split: str | None) -> list[InputFile]:
    paths = [path for pattern in patterns for path in find_files(pattern)]
    # `find_files` accepts the name of one file of several. Names of several files must name all of them.
    if len(paths) > 1:
        check_files(paths, file_system.exists)
    return [InputFile(path=path, split=split) for path in dict.fromkeys(paths)]


def _check_split_names(splits: Iterable[str]) -> list[str]:
    """Returns the names of splits, if each of them can be part of the name of a folder."""
    names = list(splits)
    for name in names:
        # The name of a split may come from the name of a file, so white space is allowed here.
        if not name or re.search(r"[/\\\x00]", name):
            raise ValueError(
                f"the split name {name!r} would be part of the name of a folder, so it must not be empty or contain / "
                "or \\"
            )
    return names


def _name_split_folders(output: str, splits: Iterable[str]) -> dict[str, str]:
    return {name: file_system.join(output, f"{SPLIT_PREFIX}{name}") for name in splits}
