"""A look at data of any format: read, compared with its schema and with other data, reported."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_validator.examination.data_report import AnomalyReport, DataReport
from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
from tfx_sequence.components.sequence_example_validator.examination.examine import examine
from tfx_sequence.components.sequence_example_validator.verdict import FailOn
from tfx_sequence.pipeline.datasets.dataset import Data, train_first
from tfx_sequence.pipeline.datasets.dataset_records import Records, as_records
from tfx_sequence.pipeline.datasets.schema_files import infer
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError

_NAMED = 5

_Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]


def validate(
    data: Data,
    against: Data | None,
    schema: schema_pb2.Schema | None,
    fail_on: FailOn,
    batch_size: int,
    folder: str,
    say: Callable[[str], None],
) -> DataReport:
    """Looks at data.

    Args:
      data: The data.
      against: What it should be like; None if that is not known.
      schema: What its records should be; what those of train are if None.
      fail_on: The least severity that counts as a failure.
      batch_size: Records in a batch, for what is said of padding.
      folder: An empty folder for files that are not TFRecords.
      say: Told what goes on.
    """
    say("Reading the data ...")
    records = as_records(data, os.path.join(folder, "data"))
    statistics: _Statistics = {}
    if schema is None:
        say("Inferring a schema ...")
        schema, statistics = _schema(records)
    baseline = None
    if against:
        say("Reading the data to compare with ...")
        baseline = _baseline(against, records.spec, schema, records.splits, os.path.join(folder, "against"))
    say("Looking at every record ...")
    report = examine(
        records.splits,
        schema,
        baseline,
        fail_on=fail_on,
        severities=data.severities,
        batch_size=batch_size,
        statistics=statistics,
    )
    found = [*_rejects(records.tally, data.severities), *_left_out(records.left_out)]
    counted = {"error": ("ERROR",), "warning": ("ERROR", "WARNING"), "never": ()}[fail_on]
    failures = [f"{anomaly.what}: {anomaly.description}" for anomaly in found if anomaly.severity in counted]
    return report.model_copy(
        update={
            "splits": dict(sorted(report.splits.items(), key=train_first)),
            "anomalies": (*found, *report.anomalies),
            "failures": (*failures, *report.failures),
        }
    )


def _schema(records: Records) -> tuple[schema_pb2.Schema, _Statistics]:
    """What train is; if its records do not agree on that, what they were said to be."""
    try:
        return infer(records.splits, records.spec)
    except SchemaError:
        if records.spec is None:
            raise
        return to_schema(records.spec), {}


def _baseline(
    against: Data, spec: SequenceSpec | None, schema: schema_pb2.Schema, splits: Mapping[str, list[str]], folder: str
) -> _Statistics:
    """The statistics that each split is compared with: those of the split of its name, or of the only one there is."""
    records = as_records(dataclasses.replace(against, spec=against.spec or spec), folder)
    statistics = {split: compute_statistics(paths, schema) for split, paths in records.splits.items()}
    if len(statistics) == 1:
        (only,) = statistics.values()
        return dict.fromkeys(splits, only)
    return statistics


def _rejects(tally: ReadCounts | None, severities: Mapping[str, str]) -> Iterator[AnomalyReport]:
    """The records that could not be read, reason by reason."""
    if tally is None:
        return
    for reason, count in sorted(tally.rejected.items()):
        severity = severities.get(reason, "error")
        if severity == "off":
            continue
        named = [reject for reject in tally.rejects if str(reject.reason) == reason][:_NAMED]
        more = f"; and {count - len(named)} more" if count > len(named) else ""
        shown = "; ".join(f"{_place(reject)}: {reject.message}" for reject in named)
        yield AnomalyReport(
            split="",
            feature="",
            severity=severity.upper(),
            what=f"Rejected: {reason.replace('_', ' ')}",
            description=f"{count} of {tally.counts['records_read']} records: {shown}{more}.",
        )


def _place(reject: Reject) -> str:
    """Where a record is: `train.jsonl, line 3`."""
    file = (reject.file or "").rpartition("/")[2]
    if reject.line is not None:
        return f"{file}, line {reject.line}"
    for what, number in (("record", reject.record), ("row", reject.row)):
        if number is not None:
            return f"{file}, {what} {number}"
    return file


def _left_out(left_out: Mapping[str, str]) -> Iterator[AnomalyReport]:
    for name, reason in left_out.items():
        yield AnomalyReport(
            split="",
            feature=name,
            severity="WARNING",
            what="Left out",
            description=f"It {reason}, so it was not looked at. Name the features to have it in.",
        )
