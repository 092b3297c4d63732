"""Looks at a data set on its own, without a TFX pipeline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import apache_beam as beam
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from tfx_sequence.components.sequence_example_validator.data_report import (
    AnomalyReport,
    DataReport,
    SplitReport,
    ValuesReport,
)
from tfx_sequence.components.sequence_example_validator.data_statistics import compute_statistics
from tfx_sequence.components.sequence_example_validator.severity import check_severities
from tfx_sequence.components.sequence_example_validator.tfrecord_batches import read_batches
from tfx_sequence.components.sequence_example_validator.validate import Statistics, validate_split
from tfx_sequence.components.sequence_example_validator.verdict import FailOn, describe_failures
from tfx_sequence.schemas.findings import Tally
from tfx_sequence.schemas.profile import Profile
from tfx_sequence.schemas.record_checker import RecordChecker
from tfx_sequence.schemas.records import BadRecordError
from tfx_sequence.schemas.uniqueness import KeyIndex, Use

_QUANTILES = {"min": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "max": 1.0}
_TOP = 20
_UNSEEN = 5
_BATCH_SIZE = 32
_TRAIN = "train"


def make_local_pipeline() -> beam.Pipeline:
    """A Beam pipeline that runs in this process."""
    return beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")


def examine(
    splits: Mapping[str, Sequence[str]],
    schema: schema_pb2.Schema,
    baseline: Mapping[str, statistics_pb2.DatasetFeatureStatisticsList] | None = None,
    fail_on: FailOn = "error",
    severities: Mapping[str, str] | None = None,
    make_pipeline: Callable[[], AbstractContextManager[Any]] = make_local_pipeline,
) -> DataReport:
    """Looks at every record of a data set, and at its statistics.

    Args:
      splits: Split name to TFRecord files, as `find_splits` gives them.
      schema: What the records should be; `infer_schema` makes one of what `compute_statistics` gives for train.
      baseline: Split name to the statistics of what the split should be like.
      fail_on: The least severity of a failure.
      severities: Rule to severity; see `SequenceExampleValidator`.
      make_pipeline: Makes the Beam pipelines that compute statistics.

    Raises:
      SchemaError: if the schema is not one of sequences.
      ValueError: if a rule or severity is unknown.
    """
    check_severities(severities or {})
    checker = RecordChecker(schema)
    profiles = {split: Profile(checker.spec) for split in splits}
    tallies = _check(splits, checker, profiles)
    found = {
        split: validate_split(
            Statistics(compute_statistics(paths, schema, make_pipeline), (baseline or {}).get(split)),
            schema,
            tallies[split],
            severities or {},
        )
        for split, paths in splits.items()
    }
    return DataReport(
        splits={
            split: _split_report(profile, None if split == _TRAIN else profiles.get(_TRAIN))
            for split, profile in profiles.items()
        },
        anomalies=tuple(report for split in found for report in _anomalies(split, found[split])),
        failures=tuple(describe_failures(found, fail_on)),
    )


def _check(
    splits: Mapping[str, Sequence[str]], checker: RecordChecker, profiles: Mapping[str, Profile]
) -> dict[str, Tally]:
    """Reads every record once: checks it, counts it in, and notes its key."""
    tallies: dict[str, list[Tally]] = {split: [] for split in splits}
    index = KeyIndex()
    for split, path in ((split, path) for split, paths in splits.items() for path in paths):
        position = 0
        try:
            for records in read_batches(path):
                checked = checker.check(records, path, position)
                position += len(records)
                tallies[split].append(checked.tally)
                for columns in checked.columns:
                    profiles[split].add(columns)
                for key, record in checked.keys:
                    index.add(key, Use(split, path, record))
        except BadRecordError as error:
            tallies[split].append(Tally.of(error.reject.reason, "", 1, (error.reject,)))
    for split, tally in index.tallies(checker.key_features[0] if checker.key_features else ""):
        tallies[split].append(tally)
    return {split: Tally.sum(found) for split, found in tallies.items()}


def _split_report(profile: Profile, train: Profile | None) -> SplitReport:
    lengths, records = profile.lengths, profile.records
    return SplitReport(
        records=records,
        steps=lengths.steps,
        lengths=dict(zip(_QUANTILES, lengths.quantiles(tuple(_QUANTILES.values())), strict=True)),
        padding={
            "random": lengths.padding(_BATCH_SIZE, sorted_by_length=False),
            "by_length": lengths.padding(_BATCH_SIZE, sorted_by_length=True),
        },
        missing={name: 1 - count / records for name, count in profile.present.items() if count < records},
        values={
            name: _values_report(counts, train.values[name] if train else None)
            for name, counts in profile.values.items()
        },
        repeated=_share(records - len(profile.contents), records),
        in_train=_share(sum(n for content, n in profile.contents.items() if content in train.contents), records)
        if train
        else None,
    )


def _values_report(counts: Counter[bytes], train: Counter[bytes] | None) -> ValuesReport:
    report = ValuesReport(distinct=len(counts), top=_most(counts, _TOP))
    if train is None:
        return report
    unseen = Counter({value: count for value, count in counts.items() if value not in train})
    share = _share(unseen.total(), counts.total())
    return report.model_copy(update={"unseen": share, "unseen_top": _most(unseen, _UNSEEN)})


def _most(counts: Counter[bytes], number: int) -> dict[str, int]:
    """The most frequent values, those of one frequency in their own order."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:number]
    return {value.decode("utf-8", "backslashreplace"): count for value, count in ordered}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


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
