"""From input files to the files of an Examples artifact, as one Beam pipeline.

::

    files -> read: check, encode, place, sort -> runs on disk  -> merge and write each group of shards
                                              -> tally of what was accepted and rejected

In long form, reading gives runs of rows, and a second stage makes records of them. Where a split depends on all
records, another stage divides them over the splits before they are written.

A bad record never raises inside the pipeline, where Beam would bury the message. It is part of the tally, and the
caller raises when the pipeline has finished. Shards are only written if the tally allows it.
"""

from __future__ import annotations

from collections.abc import Callable

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen.files import file_system as storage
from tfx_sequence.components.sequence_example_gen.ingestion.collector import RUNS
from tfx_sequence.components.sequence_example_gen.ingestion.divide_stage import Divide
from tfx_sequence.components.sequence_example_gen.ingestion.group_stage import MakeRecords, ReadRows
from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_gen.ingestion.read_stage import ReadFile
from tfx_sequence.components.sequence_example_gen.ingestion.record_encoder import RecordEncoder
from tfx_sequence.components.sequence_example_gen.ingestion.request import Request
from tfx_sequence.components.sequence_example_gen.ingestion.write_stage import groups, write_group
from tfx_sequence.components.sequence_example_gen.readers.reader import make_reader
from tfx_sequence.schemas.contract import REJECTS


def ingest(request: Request, make_pipeline: Callable[[], beam.Pipeline]) -> ReadCounts:
    """Reads the files and writes the splits. What was written is deleted again if anything fails.

    Raises:
      BadRecordError: if a record is bad and may not be, or too many are.
      EmptySplitError: if there is no record, or none for training.
    """
    written = [*request.splits.values(), storage.join(request.output, REJECTS)]
    try:
        tally = _run(request, make_pipeline)
        if failure := tally.failure(request.read, request.splits):
            raise failure
        if request.read.on_bad_record == "reject":
            _write_rejects(storage.join(request.output, REJECTS), tally)
    except BaseException:
        for folder in written:
            storage.delete_folder(folder)
        raise
    finally:
        storage.delete_folder(request.staging)
    return tally


def _run(request: Request, make_pipeline: Callable[[], beam.Pipeline]) -> ReadCounts:
    for folder in (request.staging, *request.splits.values()):
        storage.make_folder(folder)
    report = storage.join(request.staging, "tally.json")
    with make_pipeline() as pipeline:
        tally, runs = _read(pipeline, request)
        _ = tally | "Report" >> beam.Map(lambda tally: storage.write_text(report, tally.model_dump_json()))
        no_runs = pipeline | "Groups" >> beam.Create([(group, None) for group in groups(request)])
        _ = (
            (runs, no_runs)
            | "Join" >> beam.Flatten()
            | "Gather" >> beam.GroupByKey()
            | "Write" >> beam.Map(write_group, beam.pvalue.AsSingleton(tally), request)
        )
    return ReadCounts.model_validate_json(storage.read_text(report))


def _read(pipeline: beam.Pipeline, request: Request) -> tuple[beam.PCollection, beam.PCollection]:
    """The tally of all records, and their runs by group of shards."""
    files = pipeline | "Files" >> beam.Create(list(enumerate(request.files)))
    long_form = make_reader(request.read, RecordEncoder(request.spec, request.read).content).grouping is not None
    results = files | "Read" >> _stage(ReadRows(request) if long_form else ReadFile(request))
    tallies, runs = [results["tallies"]], results[RUNS]
    if long_form:
        results = runs | "GatherRows" >> beam.GroupByKey() | "MakeRecords" >> _stage(MakeRecords(request))
        tallies, runs = [*tallies, results["tallies"]], results[RUNS]
    if request.by_rank:
        results = runs | "GatherStrata" >> beam.GroupByKey() | "Divide" >> _stage(Divide(request))
        tallies, runs = [*tallies, results["tallies"]], results[RUNS]
    tally = tallies | "Tallies" >> beam.Flatten() | "ReadCounts" >> beam.CombineGlobally(ReadCounts.merge)
    return tally, runs


def _stage(work: beam.DoFn) -> beam.PTransform:
    return beam.ParDo(work).with_outputs(RUNS, main="tallies")


def _write_rejects(folder: str, tally: ReadCounts) -> None:
    storage.make_folder(folder)
    lines = "".join(f"{reject.model_dump_json(exclude_none=True)}\n" for reject in tally.rejects)
    storage.write_text(storage.join(folder, "rejects.jsonl"), lines)
