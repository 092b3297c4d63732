"""From input files to the files of an Examples artifact, as one Beam pipeline.

::

    files -> read: check, encode, place, sort -> runs on disk  -> merge and write each group of shards
                                              -> tally of what was accepted and rejected

A bad record never raises inside the pipeline, where Beam would bury the message. It is part of the tally, and the
caller raises when the pipeline has finished. Shards are only written if the tally allows it.
"""

from __future__ import annotations

from collections.abc import Callable

import apache_beam as beam

from tfx_sequence.components.sequence_example_gen import storage
from tfx_sequence.components.sequence_example_gen.read_stage import RUNS, ReadFile
from tfx_sequence.components.sequence_example_gen.request import Request
from tfx_sequence.components.sequence_example_gen.tally import Tally
from tfx_sequence.components.sequence_example_gen.write_stage import groups, write_group

REJECTS = "Rejects"
"""The folder of the rejects, beside those of the splits."""


def ingest(request: Request, make_pipeline: Callable[[], beam.Pipeline]) -> Tally:
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


def _run(request: Request, make_pipeline: Callable[[], beam.Pipeline]) -> Tally:
    for folder in (request.staging, *request.splits.values()):
        storage.make_folder(folder)
    report = storage.join(request.staging, "tally.json")
    with make_pipeline() as pipeline:
        results = (
            pipeline
            | "Files" >> beam.Create(list(enumerate(request.files)))
            | "Read" >> beam.ParDo(ReadFile(request)).with_outputs(RUNS, main="tallies")
        )
        tally = results["tallies"] | "Tally" >> beam.CombineGlobally(Tally.merge)
        _ = tally | "Report" >> beam.Map(lambda tally: storage.write_text(report, tally.model_dump_json()))
        no_runs = pipeline | "Groups" >> beam.Create([(group, None) for group in groups(request)])
        _ = (
            (results[RUNS], no_runs)
            | "Join" >> beam.Flatten()
            | "Gather" >> beam.GroupByKey()
            | "Write" >> beam.Map(write_group, beam.pvalue.AsSingleton(tally), request)
        )
    return Tally.model_validate_json(storage.read_text(report))


def _write_rejects(folder: str, tally: Tally) -> None:
    storage.make_folder(folder)
    lines = "".join(f"{reject.model_dump_json(exclude_none=True)}\n" for reject in tally.rejects)
    storage.write_text(storage.join(folder, "rejects.jsonl"), lines)
