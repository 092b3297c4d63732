"""Validates data of any format: reads the data, compares it with a schema and with other data, and returns a report."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_sequence.components.sequence_example_gen.ingestion.read_counts import ReadCounts
from tfx_sequence.components.sequence_example_validator.examination.data_report import AnomalyReport, DataReport
from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
from tfx_sequence.components.sequence_example_validator.examination.examine import examine
from tfx_sequence.components.sequence_example_validator.verdict import FailOn
from tfx_sequence.pipeline.datasets.dataset import Dataset, make_split_sort_key
from tfx_sequence.pipeline.datasets.dataset_records import RecordFiles, convert_to_records
from tfx_sequence.pipeline.datasets.schema_inference import infer_schema_of_files
from tfx_sequence.pipeline.terminal.session import CommandError
from tfx_sequence.schemas import contract
from tfx_sequence.schemas.records.rejects import Reject
from tfx_sequence.schemas.tfmd.convert import list_undescribed, to_schema
from tfx_sequence.schemas.tfmd.feature import SchemaError

_MAX_SHOWN_REJECTS = 5
"""The maximum number of bad records, or of damaged files, that an anomaly describes. There is one anomaly per reason.
Other records are only counted."""

_FAILING_SEVERITIES: dict[FailOn, tuple[str, ...]] = {
    "error": ("ERROR",),
    "warning": ("ERROR", "WARNING"),
    "never": (),
}
"""The value of `--fail-on` to the severities that count as failures."""

_Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
"""Split name to statistics."""


def validate(
    dataset: Dataset,
    baseline: Dataset | None,
    schema: schema_pb2.Schema | None,
    fail_on: FailOn,
    batch_size: int,
    folder: str,
    show_message: Callable[[str], None],
) -> DataReport:
    """Validates a data set.

    Args:
      dataset: The data set.
      baseline: Another data set, which the data set is compared with. None if there is no other data set.
      schema: The schema that records should match. If None, a schema is inferred from train.
      fail_on: The lowest severity that counts as a failure.
      batch_size: The number of records per batch, which is used to compute the share of padding.
      folder: An empty folder for temporary files.
      show_message: A function that shows a message about the progress.

    Returns:
      The report, with statistics of the data and the anomalies.

    Raises:
      CommandError: if the baseline has several splits, but lacks one of the data set.
    """
    if baseline is not None:
        _check_pairs(dataset.split_names, baseline.split_names)
    show_message("Reading the data ...")
    records = convert_to_records(dataset, os.path.join(folder, "data"))
    statistics: _Statistics = {}
    if schema is None:
        show_message("Inferring a schema ...")
        schema, statistics = _infer_schema(records, dataset.open_features)
        records = dataclasses.replace(records, left_out={**records.left_out, **list_undescribed(schema)})
    baseline_statistics = None
    if baseline is not None:
        show_message("Reading the data to compare with ...")
        # If the features of the baseline are not given, it is read with the features of the data set.
        baseline = dataclasses.replace(baseline, spec=baseline.spec or records.spec)
        baseline_records = convert_to_records(baseline, os.path.join(folder, "against"))
        baseline_statistics = _compute_baseline(baseline_records, schema, records.splits)
    show_message("Looking at every record ...")
    report = examine(
        records.splits,
        schema,
        baseline_statistics,
        fail_on=fail_on,
        severities=dataset.severities,
        batch_size=batch_size,
        statistics=statistics,
    )
    return _add_reading_anomalies(report, records, dataset.severities, fail_on)


def _infer_schema(records: RecordFiles, open_features: Sequence[str]) -> tuple[schema_pb2.Schema, _Statistics]:
    """Infers a schema, and returns it with the statistics of each split from which it was inferred.

    If the records contradict the given features, the schema of the given features is returned, without statistics. The
    contradictions are then reported as anomalies.
    """
    try:
        return infer_schema_of_files(records.splits, records.spec, open_features)
    except SchemaError:
        if records.spec is None:
            raise
        return to_schema(records.spec), {}


def _check_pairs(names: Sequence[str], baseline_names: Sequence[str]) -> None:
    """Checks that each split of the data has one to be compared with. A baseline of one split is for all of them."""
    missing = [name for name in names if name not in baseline_names]
    if len(baseline_names) > 1 and missing:
        raise CommandError(
            f"the data has the splits {', '.join(names)}, but the data to compare with has {', '.join(baseline_names)} "
            f"and no {missing[0]!r}; give the same splits, or a single one to compare all splits with"
        )


def _compute_baseline(records: RecordFiles, schema: schema_pb2.Schema, splits: Mapping[str, list[str]]) -> _Statistics:
    """Computes the statistics of the baseline.

    Args:
      records: The records of the baseline.
      schema: The schema of the data set.
      splits: The splits of the data set.

    Returns:
      Split name to the statistics to compare the split with. If the baseline has only one split, all splits of the data
      set are compared with it. If it has several, splits of the same name are compared.
    """
    statistics = {split: compute_statistics(paths, schema) for split, paths in records.splits.items()}
    if len(statistics) == 1:
        (only_statistics,) = statistics.values()
        return dict.fromkeys(splits, only_statistics)
    return statistics


def _add_reading_anomalies(
    report: DataReport, records: RecordFiles, severities: Mapping[str, str], fail_on: FailOn
) -> DataReport:
    """Returns the report with the anomalies that were found while reading, before all other anomalies."""
    anomalies = [
        *_report_damaged_files(records.counts),
        *_report_rejects(records.counts, severities),
        *_report_left_out(records.left_out),
    ]
    failures = []
    for anomaly in anomalies:
        if anomaly.severity in _FAILING_SEVERITIES[fail_on]:
            failures.append(f"{anomaly.what}: {anomaly.description}")
    return report.model_copy(
        update={
            "splits": dict(sorted(report.splits.items(), key=make_split_sort_key)),
            "anomalies": (*anomalies, *report.anomalies),
            "failures": (*failures, *report.failures),
        }
    )


def _report_rejects(counts: ReadCounts | None, severities: Mapping[str, str]) -> Iterator[AnomalyReport]:
    """Yields one anomaly for each reason for which records were rejected."""
    if counts is None:
        return
    for reason, count in sorted(counts.rejected.items()):
        severity = severities.get(reason, "error")
        if severity == "off":
            continue
        rejects = [reject for reject in counts.rejects if str(reject.reason) == reason]
        yield AnomalyReport(
            split="",
            feature="",
            severity=severity.upper(),
            what=f"Rejected: {reason.replace('_', ' ')}",
            description=(
                f"{count} of {counts.counts[contract.RECORDS_READ]} records: {_describe_rejects(rejects, count)}."
            ),
        )


def _report_damaged_files(counts: ReadCounts | None) -> Iterator[AnomalyReport]:
    """Yields one anomaly that names the damaged files, if there are any."""
    if counts is None or not counts.damaged_files:
        return
    descriptions = [str(damaged_file) for damaged_file in counts.damaged_files[:_MAX_SHOWN_REJECTS]]
    num_hidden = len(counts.damaged_files) - len(descriptions)
    if num_hidden:
        descriptions.append(f"and {num_hidden} more")
    yield AnomalyReport(
        split="",
        feature="",
        severity="ERROR",
        what="Damaged files",
        description=f"{len(counts.damaged_files)} of {counts.num_files} files: {'; '.join(descriptions)}.",
    )


def _describe_rejects(rejects: Sequence[Reject], count: int) -> str:
    """Returns the places and messages of the first rejects, and how many more there are.

    Args:
      rejects: The first rejects. If there are very many, not all of them were kept.
      count: The number of all rejects.
    """
    shown_rejects = rejects[:_MAX_SHOWN_REJECTS]
    descriptions = [f"{_format_place(reject)}: {reject.message}" for reject in shown_rejects]
    num_hidden = count - len(shown_rejects)
    if num_hidden > 0:
        descriptions.append(f"and {num_hidden} more")
    return "; ".join(descriptions)


def _format_place(reject: Reject) -> str:
    """Returns the file and the position of a record: `train.jsonl, line 3`."""
    file = (reject.file or "").rpartition("/")[2]
    for unit, number in (("line", reject.line), ("record", reject.record), ("row", reject.row)):
        if number is not None:
            return f"{file}, {unit} {number}"
    return file


def _report_left_out(left_out: Mapping[str, str]) -> Iterator[AnomalyReport]:
    """Yields one anomaly for each field of the data that cannot be a feature."""
    for name, reason in left_out.items():
        yield AnomalyReport(
            split="",
            feature=name,
            severity="WARNING",
            what="Left out",
            description=f"It {reason}, so it was not checked. To include it, name all features.",
        )
