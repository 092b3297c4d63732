"""Runs one Beam pipeline that reads input files and writes the files of an Examples artifact.

::

    files -> read: check, encode, place, sort -> runs on disk  -> merge and write each group of shards
                                              -> counts of accepted and rejected records

In long form, the first stage writes runs of rows, and a second stage makes records from the rows. If the split of a
record depends on all records, another stage divides the records over the splits before they are written. The module
`stage_elements` shows an example of the values that pass between the stages.

A bad record does not raise an error inside the pipeline, because Beam would hide the message in its own. It is counted,
and `ingest` raises the error when the pipeline has finished. Shards are only written if the counts allow it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator

import apache_beam as beam

from tfx_sequence.components.owned_folders import hold_folder, remove_if_abandoned
from tfx_sequence.components.sequence_example_gen.files import file_system
from tfx_sequence.components.sequence_example_gen.ingestion.collector import RUNS
from tfx_sequence.components.sequence_example_gen.ingestion.divide_stage import DivideStratum
from tfx_sequence.components.sequence_example_gen.ingestion.file_reader import FileReader
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.read_stages import MakeRecords, ReadFile, ReadRows
from tfx_sequence.components.sequence_example_gen.ingestion.request import (
    IngestionRequest,
    name_staging_folder,
    refuse_shared_files,
)
from tfx_sequence.components.sequence_example_gen.ingestion.write_stage import list_groups, list_shards, write_group
from tfx_sequence.schemas.contract import REJECTS
from tfx_sequence.schemas.records.damage import DamagedFile
from tfx_sequence.schemas.records.rejects import Reject

_COUNTS = "counts"
"""The tag of the main output of a stage, which contains counts."""

_REJECTS_FILE = "rejects.jsonl"

_DAMAGED_FILES_FILE = "damaged_files.jsonl"


def ingest(request: IngestionRequest, make_pipeline: Callable[[], beam.Pipeline]) -> ReadCounts:
    """Reads the files and writes the splits. If anything fails, the written files are deleted.

    Args:
      request: The settings, the files to read and the folders to write to.
      make_pipeline: Makes the Beam pipeline.

    Returns:
      The numbers of records that were read, accepted, rejected and written.

    Raises:
      BadRecordError: if there is a bad record and none is allowed, or if there are too many of them.
      SharedFileError: if a file is in two splits.
      DamagedFilesError: if there are more damaged files than the settings allow.
      EmptySplitError: if no record was accepted, or if the split `train` has no record.
    """
    refuse_shared_files(request.files)
    rejects_folder = file_system.join(request.output, REJECTS)
    with _hold_staging(request):
        try:
            read_counts = _run_pipeline(request, make_pipeline)
            if failure := read_counts.find_failure(request.read, request.split_folders):
                raise failure
            if request.read.on_bad_record == "reject":
                _write_lines(rejects_folder, _REJECTS_FILE, read_counts.rejects)
            if read_counts.damaged_files:
                _write_lines(rejects_folder, _DAMAGED_FILES_FILE, read_counts.damaged_files)
        except BaseException:
            _delete_written_files(request, rejects_folder)
            raise
    return read_counts


def remove_abandoned_outputs(parent: str) -> None:
    """Deletes the local output folders of ingestions that were killed. Their staging folder is there, without a lock.

    Args:
      parent: The folder that contains the output folders.
    """
    if not file_system.is_local(parent) or not os.path.isdir(parent):
        return
    for name in os.listdir(parent):
        output = os.path.join(parent, name)
        remove_if_abandoned(output, held=name_staging_folder(output))


@contextlib.contextmanager
def _hold_staging(request: IngestionRequest) -> Iterator[None]:
    """Makes the staging folder, and deletes it when the block ends. A local one is locked, as a mark of a live run."""
    file_system.make_folder(request.output)
    if file_system.is_local(request.staging):
        with hold_folder(request.staging):
            yield
        return
    try:
        yield
    finally:
        file_system.delete_folder(request.staging)


def _delete_written_files(request: IngestionRequest, rejects_folder: str) -> None:
    """Deletes the files that the ingestion has written, by their names. Other files in the same folders stay."""
    names = (_REJECTS_FILE, _DAMAGED_FILES_FILE)
    written_paths = {*list_shards(request), *(file_system.join(rejects_folder, name) for name in names)}
    for folder in (*request.split_folders.values(), rejects_folder):
        for path in file_system.list_files(folder):
            if path in written_paths:
                file_system.delete_file(path)
        file_system.delete_empty_folder(folder)


def _run_pipeline(request: IngestionRequest, make_pipeline: Callable[[], beam.Pipeline]) -> ReadCounts:
    for folder in request.split_folders.values():
        file_system.make_folder(folder)
    # A pipeline cannot return a value, so it writes the counts to a file.
    counts_file = file_system.join(request.staging, "counts.json")
    with make_pipeline() as pipeline:
        read_counts, runs = _add_read_stages(pipeline, request)
        _ = read_counts | "WriteCounts" >> beam.Map(
            lambda total: file_system.write_text(counts_file, total.model_dump_json())
        )
        # Each group is added once without a run, so that the shards of a group without records are written too.
        groups = pipeline | "Groups" >> beam.Create([(group, None) for group in list_groups(request)])
        _ = (
            (runs, groups)
            | "Join" >> beam.Flatten()
            | "Gather" >> beam.GroupByKey()
            | "Write" >> beam.Map(write_group, beam.pvalue.AsSingleton(read_counts), request)
        )
    return ReadCounts.model_validate_json(file_system.read_text(counts_file))


def _add_read_stages(pipeline: beam.Pipeline, request: IngestionRequest) -> tuple[beam.PCollection, beam.PCollection]:
    """Adds the stages that read the files and place the records.

    Returns:
      The counts of all records, as one element, and the runs as pairs `(group, run)`.
    """
    files = pipeline | "Files" >> beam.Create(list(enumerate(request.files)))
    is_long_form = FileReader(request.spec, request.read).grouping is not None
    results = files | "Read" >> _make_stage(ReadRows(request) if is_long_form else ReadFile(request))
    counts_of_stages = [results[_COUNTS]]
    if is_long_form:
        part_runs = results[RUNS] | "GatherRows" >> beam.GroupByKey()
        results = part_runs | "MakeRecords" >> _make_stage(MakeRecords(request))
        counts_of_stages.append(results[_COUNTS])
    if request.needs_all_records:
        stratum_runs = results[RUNS] | "GatherStrata" >> beam.GroupByKey()
        results = stratum_runs | "Divide" >> _make_stage(DivideStratum(request))
        counts_of_stages.append(results[_COUNTS])
    read_counts = counts_of_stages | "Counts" >> beam.Flatten() | "AddCounts" >> beam.CombineGlobally(ReadCounts.merge)
    return read_counts, results[RUNS]


def _make_stage(work: beam.DoFn) -> beam.PTransform:
    """Makes a stage whose outputs are the counts and the runs."""
    return beam.ParDo(work).with_outputs(RUNS, main=_COUNTS)


def _write_lines(folder: str, file_name: str, values: Iterable[Reject | DamagedFile]) -> None:
    """Writes a file in JSON Lines format, with one line per value."""
    file_system.make_folder(folder)
    lines = "".join(f"{value.model_dump_json(exclude_none=True)}\n" for value in values)
    file_system.write_text(file_system.join(folder, file_name), lines)
