"""Looks at a data set on its own, without a TFX pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from tfx_sequence.components.sequence_example_validator.examination.data_report import AnomalyReport, DataReport
from tfx_sequence.components.sequence_example_validator.examination.data_statistics import compute_statistics
from tfx_sequence.components.sequence_example_validator.examination.distances import measure_distances
from tfx_sequence.components.sequence_example_validator.examination.number_reports import number_reports
from tfx_sequence.components.sequence_example_validator.examination.split_reports import describe_splits
from tfx_sequence.components.sequence_example_validator.severity import check_severities
from tfx_sequence.components.sequence_example_validator.split_anomalies import Statistics, validate_split
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.components.sequence_example_validator.verdict import FailOn, describe_failures
from tfx_sequence.schemas.checks.arrow_columns import feature_names
from tfx_sequence.schemas.checks.decoding import BatchDecoder
from tfx_sequence.schemas.checks.findings import FindingCounts
from tfx_sequence.schemas.checks.profile import Profile
from tfx_sequence.schemas.checks.record_checker import RecordChecker
from tfx_sequence.schemas.checks.uniqueness import KeyIndex, Use
from tfx_sequence.schemas.records.rejects import BadRecordError, Reject
from tfx_sequence.schemas.tfmd.feature import SchemaError


def examine(
    splits: Mapping[str, Sequence[str]],
    schema: schema_pb2.Schema,
    baseline: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList] | None = None,
    fail_on: FailOn = "error",
    severities: Mapping[str, str] | None = None,
    batch_size: int = 32,
    statistics: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList] | None = None,
) -> DataReport:
    """Looks at every record of a data set, and at its statistics.

    Args:
      splits: Split name to TFRecord files, as `find_splits` gives them.
      schema: What the records should be; `infer_schema` makes one of what `compute_statistics` gives for train.
      baseline: Split name to the statistics of what the split should be like.
      fail_on: The least severity of a failure.
      severities: Rule to severity; see `SequenceExampleValidator`.
      batch_size: The records of a batch, for what is said of padding.
      statistics: Split name to its own statistics, where they are known already.

    Raises:
      SchemaError: if the schema is not one of sequences, or is one of other features than the data has.
      ValueError: if a rule or severity is unknown.
    """
    check_severities(severities or {})
    checker = RecordChecker(schema)
    profiles = {split: Profile(checker.spec) for split in splits}
    tallies = _check(splits, checker, profiles)
    _refuse_others(splits, profiles)
    known = {
        split: (statistics or {}).get(split) or compute_statistics(paths, schema) for split, paths in splits.items()
    }
    usual = baseline or {}
    found = {
        split: validate_split(Statistics(known[split], usual.get(split)), schema, tallies[split], severities or {})
        for split in splits
    }
    distances = {split: measure_distances(schema, known[split], usual[split]) for split in splits if split in usual}
    numbers = {split: number_reports(known[split], checker.spec) for split in splits}
    return DataReport(
        features=checker.spec.features,
        batch_size=batch_size,
        splits=describe_splits(profiles, numbers, batch_size, distances),
        anomalies=tuple(report for split in found for report in _anomalies(split, found[split])),
        failures=tuple(describe_failures(found, fail_on)),
    )


def _refuse_others(splits: Mapping[str, Sequence[str]], profiles: Mapping[str, Profile]) -> None:
    """Raises if there are records, and none of them has any feature of the schema."""
    present = sum((profile.present for profile in profiles.values()), Counter[str]())
    read = [split for split, profile in profiles.items() if profile.records]
    if present.total() or not read:
        return
    records = next(records for path in splits[read[0]] for records in read_batches(path))
    _, batch = next(iter(BatchDecoder().decode(records)))
    names = [] if isinstance(batch, Reject) else feature_names(batch)
    wanted = ", ".join(next(iter(profiles.values())).present)
    raise SchemaError(
        f"the schema is of other features than the data: it has {wanted}; the data has {', '.join(names) or 'none'}"
    )


def _check(
    splits: Mapping[str, Sequence[str]], checker: RecordChecker, profiles: Mapping[str, Profile]
) -> dict[str, FindingCounts]:
    """Reads every record once: checks it, counts it in, and notes its key."""
    tallies: dict[str, list[FindingCounts]] = {split: [] for split in splits}
    index = KeyIndex()
    for split, path in ((split, path) for split, paths in splits.items() for path in paths):
        position = 0
        try:
            for records in read_batches(path):
                checked = checker.check(records, path, position)
                position += len(records)
                tallies[split].append(checked.findings)
                for columns in checked.columns:
                    profiles[split].add(columns)
                for key, record in checked.keys:
                    index.add(key, Use(split, path, record))
        except BadRecordError as error:
            tallies[split].append(FindingCounts.for_reason(error.reject.reason, "", 1, (error.reject,)))
    for split, tally in index.find_repeated(checker.key_features[0] if checker.key_features else ""):
        tallies[split].append(tally)
    return {split: FindingCounts.sum(found) for split, found in tallies.items()}


def _anomalies(split: str, found: anomalies_pb2.Anomalies) -> list[AnomalyReport]:
    about = [(info.path.step[-1] if info.path.step else key, info) for key, info in sorted(found.anomaly_info.items())]
    if found.HasField("dataset_anomaly_info"):
        about.append(("", found.dataset_anomaly_info))
    return [
        AnomalyReport(
            split=split,
            feature=feature,
            severity=anomalies_pb2.AnomalyInfo.Severity.Name(info.severity),
            what=info.short_description,
            description=info.description,
        )
        for feature, info in about
    ]
