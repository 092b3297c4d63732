"""Reports the contents of each split of a data set, and the differences between train and the other splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tfx_sequence.components.sequence_example_validator.examination.data_report import (
    NumbersReport,
    SplitReport,
    ValuesReport,
)
from tfx_sequence.schemas.checks.profile import Profile

_TRAIN = "train"
"""The split with which the other splits are compared."""

_QUANTILES = {"min": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "max": 1.0}
_MAX_TOP_VALUES = 20
_MAX_UNSEEN_VALUES = 5
_NUM_HISTOGRAM_BINS = 20


def report_splits(
    profiles: Mapping[str, Profile],
    numbers: Mapping[str, dict[str, NumbersReport]],
    batch_size: int,
    distances: Mapping[str, dict[str, float]],
) -> dict[str, SplitReport]:
    """Reports the contents of each split.

    Args:
      profiles: A dict of split name to the profile of the split's records.
      numbers: A dict of split name to the reports of the number features.
      batch_size: The number of records per batch, to compute the share of padding.
      distances: A dict of split name to the distances from the baseline, for splits with a baseline.
    """
    top_values = _find_top_values(profiles)
    reports = {}
    for split, profile in profiles.items():
        # Train is not compared with itself.
        train = None if split == _TRAIN else profiles.get(_TRAIN)
        reports[split] = SplitReport(
            records=profile.num_records,
            steps=profile.lengths.num_steps,
            lengths=_report_quantiles(profile),
            histogram=profile.lengths.compute_histogram(_NUM_HISTOGRAM_BINS),
            padding=_report_padding(profile, batch_size),
            missing=_report_missing(profile),
            values=_report_values(profile, train, top_values),
            numbers=numbers[split],
            repeated=_compute_repeated_share(profile),
            in_train=None if train is None else _compute_share_in_train(profile, train),
            distances=distances.get(split, {}),
        )
    return reports


def _find_top_values(profiles: Mapping[str, Profile]) -> dict[str, set[bytes]]:
    """Returns for each feature the values that are among the most frequent values of at least one split.

    All splits report these values, so that their counts can be compared.
    """
    top_values: dict[str, set[bytes]] = {}
    for profile in profiles.values():
        for name, counts in profile.value_counts.items():
            most_frequent = {value for value, _ in _sort_by_frequency(counts)[:_MAX_TOP_VALUES]}
            top_values.setdefault(name, set()).update(most_frequent)
    return top_values


def _report_quantiles(profile: Profile) -> dict[str, int]:
    quantiles = profile.lengths.compute_quantiles(tuple(_QUANTILES.values()))
    return dict(zip(_QUANTILES, quantiles, strict=True))


def _report_padding(profile: Profile, batch_size: int) -> dict[str, float]:
    return {
        "random": profile.lengths.compute_padding_share(batch_size, sorted_by_length=False),
        "by_length": profile.lengths.compute_padding_share(batch_size, sorted_by_length=True),
    }


def _report_missing(profile: Profile) -> dict[str, float]:
    """Returns the share of records without the feature, for each feature that at least one record lacks."""
    shares = {}
    for name, count in profile.record_counts.items():
        if count < profile.num_records:
            shares[name] = 1 - count / profile.num_records
    return shares


def _report_values(
    profile: Profile, train: Profile | None, top_values: Mapping[str, set[bytes]]
) -> dict[str, ValuesReport]:
    reports = {}
    for name, counts in profile.value_counts.items():
        train_counts = train.value_counts[name] if train else None
        reports[name] = _report_feature(counts, train_counts, top_values[name])
    return reports


def _report_feature(
    counts: Counter[bytes], train_counts: Counter[bytes] | None, top_values: set[bytes]
) -> ValuesReport:
    top_counts = Counter({value: counts[value] for value in top_values if value in counts})
    report = ValuesReport(count=counts.total(), distinct=len(counts), top=_decode_most_frequent(top_counts))
    if train_counts is None:
        return report
    unseen_counts = Counter({value: count for value, count in counts.items() if value not in train_counts})
    unseen_share = _divide(unseen_counts.total(), counts.total())
    unseen_top = _decode_most_frequent(unseen_counts, _MAX_UNSEEN_VALUES)
    return report.model_copy(update={"unseen": unseen_share, "unseen_top": unseen_top})


def _compute_repeated_share(profile: Profile) -> float:
    """Computes the share of records with the same inputs and labels as an earlier record of the split."""
    num_repeated = profile.num_records - len(profile.fingerprint_counts)
    return _divide(num_repeated, profile.num_records)


def _compute_share_in_train(profile: Profile, train: Profile) -> float:
    """Computes the share of records with the same inputs and labels as a record of train."""
    num_in_train = 0
    for fingerprint, count in profile.fingerprint_counts.items():
        if fingerprint in train.fingerprint_counts:
            num_in_train += count
    return _divide(num_in_train, profile.num_records)


def _decode_most_frequent(counts: Counter[bytes], max_values: int | None = None) -> dict[str, int]:
    """Returns the most frequent values as text with their counts, in descending order of the counts.

    Args:
      counts: The number of times that each value occurs.
      max_values: The maximum number of values. If None, all values are returned.
    """
    most_frequent = _sort_by_frequency(counts)[:max_values]
    return {value.decode("utf-8", "backslashreplace"): count for value, count in most_frequent}


def _sort_by_frequency(counts: Counter[bytes]) -> list[tuple[bytes, int]]:
    """Sorts values by descending frequency, and values of equal frequency by bytes, so that reports are repeatable."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _divide(part: int, whole: int) -> float:
    """Returns `part / whole`, or 0 if `whole` is 0."""
    return part / whole if whole else 0.0
