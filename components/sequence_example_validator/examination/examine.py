"""Examines the records and the statistics of a data set without a TFX pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo
from tensorflow_metadata.proto.v0.schema_pb2 import Schema
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from tfx_sequence.components.sequence_example_validator.examination.data_report import AnomalyReport, DataReport
from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
from tfx_sequence.components.sequence_example_validator.examination.distances import measure_distances
from tfx_sequence.components.sequence_example_validator.examination.number_reports import report_numbers
from tfx_sequence.components.sequence_example_validator.examination.split_reports import report_splits
from tfx_sequence.components.sequence_example_validator.severity import check_severities
from tfx_sequence.components.sequence_example_validator.split_anomalies import SplitStatistics, validate_split
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.components.sequence_example_validator.verdict import FailOn, describe_failures
from tfx_sequence.schemas.checks.arrow_columns import list_feature_names
from tfx_sequence.schemas.checks.decoding import BatchDecoder
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.checks.profile import Profile
from tfx_sequence.schemas.checks.record_checker import RecordChecker
from tfx_sequence.schemas.checks.uniqueness import KeyIndex, KeyPlace
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.tfmd.feature import SchemaError


def examine(
    splits: Mapping[str, Sequence[str]],
    schema: Schema,
    baseline: Mapping[str, DatasetFeatureStatisticsList] | None = None,
    fail_on: FailOn = "error",
    severities: Mapping[str, str] | None = None,
    batch_size: int = 32,
    statistics: Mapping[str, DatasetFeatureStatisticsList] | None = None,
) -> DataReport:
    """Examines each record of a data set and the statistics of its splits.

    Args:
      splits: A dict of split name to the paths of TFRecord files, as `find_splits` returns it.
      schema: The schema that the records must match. `infer_schema` can make it from the statistics of train that
        `compute_statistics` returns.
      baseline: A dict of split name to the statistics of similar data to compare the split with.
      fail_on: The minimum severity of a failure.
      severities: A dict of rule to severity. See `SequenceExampleValidator`.
      batch_size: The number of records per batch, to compute the share of padding.
      statistics: A dict of split name to the split's statistics. Statistics that are not given are computed.

    Raises:
      SchemaError: if the schema does not describe sequences, or the data has none of its features.
      ValueError: if a rule or severity does not exist.
    """
    severities = severities or {}
    baseline = baseline or {}
    known_statistics = statistics or {}
    check_severities(severities)
    checker = RecordChecker(schema)
    profiles = {split: Profile(checker.spec) for split in splits}
    findings = _check_records(splits, checker, profiles)
    _check_that_schema_fits(splits, profiles)
    anomalies: dict[str, Anomalies] = {}
    numbers = {}
    distances = {}
    for split, paths in splits.items():
        current = known_statistics.get(split) or compute_statistics(paths, schema)
        split_statistics = SplitStatistics(current, baseline.get(split))
        anomalies[split] = validate_split(split_statistics, schema, findings[split], severities)
        numbers[split] = report_numbers(current, checker.spec)
        if split in baseline:
            distances[split] = measure_distances(schema, current, baseline[split])
    return DataReport(
        features=checker.spec.features,
        batch_size=batch_size,
        splits=report_splits(profiles, numbers, batch_size, distances),
        anomalies=tuple(report for split in splits for report in _report_anomalies(split, anomalies[split])),
        failures=tuple(describe_failures(anomalies, fail_on)),
    )


def _check_records(
    splits: Mapping[str, Sequence[str]], checker: RecordChecker, profiles: Mapping[str, Profile]
) -> dict[str, FindingCounts]:
    """Reads each record once, checks it, and counts it in the profile of its split.

    Args:
      splits: A dict of split name to the paths of TFRecord files.
      checker: The checker of single records.
      profiles: A dict of split name to the profile to which the records are added.

    Returns:
      A dict of split name to its findings, including keys that occur more than once in the data set.
    """
    findings: dict[str, list[FindingCounts]] = {split: [] for split in splits}
    index = KeyIndex()
    files = [(split, path) for split, paths in splits.items() for path in paths]
    for split, path in files:
        position = 0
        try:
            for records in read_batches(path):
                result = checker.check(records, path, position)
                position += len(records)
                findings[split].append(result.findings)
                for columns in result.columns:
                    profiles[split].add(columns)
                for key, record in result.keys:
                    index.add(key, KeyPlace(split, path, record))
        except BadRecordError as error:
            # The rest of the file cannot be read. It counts as one finding.
            findings[split].append(FindingCounts.for_reason(error.reject.reason, "", 1, (error.reject,)))
    key_feature = checker.key_features[0] if checker.key_features else ""
    for split, findings_of_key in index.find_repeated(key_feature):
        findings[split].append(findings_of_key)
    return {split: FindingCounts.sum(counts) for split, counts in findings.items()}


def _check_that_schema_fits(splits: Mapping[str, Sequence[str]], profiles: Mapping[str, Profile]) -> None:
    """Checks that at least one record has at least one feature of the schema.

    If this is not the case, the schema belongs to other data. One error that says so is clearer than many anomalies.

    Raises:
      SchemaError: if there are records, and none has a feature of the schema.
    """
    record_counts = sum((profile.record_counts for profile in profiles.values()), Counter[str]())
    splits_with_records = [split for split, profile in profiles.items() if profile.num_records]
    if record_counts.total() or not splits_with_records:
        return
    paths = splits[splits_with_records[0]]
    first_records = next(records for path in paths for records in read_batches(path))
    _, batch = next(iter(BatchDecoder().decode(first_records)))
    names = [] if isinstance(batch, Reject) else list_feature_names(batch)
    schema_names = ", ".join(next(iter(profiles.values())).record_counts)
    raise SchemaError(
        f"the schema has other features than the data: the schema has {schema_names}; the data has "
        f"{', '.join(names) or 'none'}"
    )


def _report_anomalies(split: str, anomalies: Anomalies) -> list[AnomalyReport]:
    """Reports the anomalies of a split by feature, and after them the anomaly of the data set."""
    reports = []
    for key, info in sorted(anomalies.anomaly_info.items()):
        feature = info.path.step[-1] if info.path.step else key
        reports.append(_report_anomaly(split, feature, info))
    if anomalies.HasField("dataset_anomaly_info"):
        reports.append(_report_anomaly(split, "", anomalies.dataset_anomaly_info))
    return reports


def _report_anomaly(split: str, feature: str, info: AnomalyInfo) -> AnomalyReport:
    return AnomalyReport(
        split=split,
        feature=feature,
        severity=AnomalyInfo.Severity.Name(info.severity),
        what=info.short_description,
        description=info.description,
    )
