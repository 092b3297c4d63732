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
"""The names of the reported quantiles of lengths, and the share of records that each of them covers."""

_MAX_TOP_VALUES = 20
"""The number of most frequent values that each split contributes. A table of 20 rows is read without scrolling."""

_MAX_UNSEEN_VALUES = 5
"""The number of values not in train that are reported. They are examples, so a few are enough."""

_NUM_HISTOGRAM_BINS = 20
"""The number of ranges in the histogram of lengths. Each is a bar, and 20 bars fit into a column of the report."""


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

    Returns:
      A dict of split name to its report, in the order of `profiles`.
    """
    top_values = _find_top_values(profiles)
    reports = {}
    for split, profile in profiles.items():
        # Train is not compared with itself.
        train = None if split == _TRAIN else profiles.get(_TRAIN)
        reports[split] = SplitReport(
            records=profile.num_records,
            steps=profile.lengths.num_steps,
            lengths=_compute_quantiles(profile),
            histogram=profile.lengths.compute_histogram(_NUM_HISTOGRAM_BINS),
            padding=_compute_padding_shares(profile, batch_size),
            missing=_compute_missing_shares(profile),
            values=_make_values_reports(profile, train, top_values),
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


def _compute_quantiles(profile: Profile) -> dict[str, int]:
    """Returns the name of each quantile to a number of steps."""
    quantiles = profile.lengths.compute_quantiles(tuple(_QUANTILES.values()))
    return dict(zip(_QUANTILES, quantiles, strict=True))


def _compute_padding_shares(profile: Profile, batch_size: int) -> dict[str, float]:
    """Returns the share of padding if records are batched in random order, and if they are sorted by length first."""
    return {
        "random": profile.lengths.compute_padding_share(batch_size, sorted_by_length=False),
        "by_length": profile.lengths.compute_padding_share(batch_size, sorted_by_length=True),
    }


def _compute_missing_shares(profile: Profile) -> dict[str, float]:
    """Returns the share of records without the feature, for each feature that at least one record lacks."""
    shares = {}
    for name, count in profile.record_counts.items():
        if count < profile.num_records:
            shares[name] = 1 - count / profile.num_records
    return shares


def _make_values_reports(
    profile: Profile, train: Profile | None, top_values: Mapping[str, set[bytes]]
) -> dict[str, ValuesReport]:
    """Makes the report of each string feature; `train` is None if there is no train to compare with."""
    reports = {}
    for name, counts in profile.value_counts.items():
        # The profiles of all splits are made with one spec, so they count the same features, even those without values.
        train_counts = None if train is None else train.value_counts[name]
        reports[name] = _make_values_report(counts, train_counts, top_values[name])
    return reports


def _make_values_report(
    counts: Counter[bytes], train_counts: Counter[bytes] | None, top_values: set[bytes]
) -> ValuesReport:
    """Makes the report of one feature's values.

    Args:
      counts: Value to the number of times that it occurs in the split.
      train_counts: The same for train, or None if the split is not compared with train.
      top_values: The values whose counts are reported, if they occur in the split.
    """
    top_counts = Counter({value: counts[value] for value in top_values if value in counts})
    unseen_share = None
    unseen_top = None
    if train_counts is not None:
        unseen_counts = Counter({value: count for value, count in counts.items() if value not in train_counts})
        unseen_share = _divide(unseen_counts.total(), counts.total())
        unseen_top = _decode_most_frequent(unseen_counts, _MAX_UNSEEN_VALUES)
    return ValuesReport(
        count=counts.total(),
        distinct=len(counts),
        top=_decode_most_frequent(top_counts),
        unseen=unseen_share,
        unseen_top=unseen_top,
    )


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
