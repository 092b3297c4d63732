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
            records=profile.records,
            steps=profile.lengths.steps,
            lengths=_report_quantiles(profile),
            histogram=profile.lengths.histogram(_NUM_HISTOGRAM_BINS),
            padding=_report_padding(profile, batch_size),
            missing=_report_missing(profile),
            values=_report_values(profile, train, top_values),
            numbers=numbers[split],
            repeated=_share(profile.records - len(profile.contents), profile.records),
            in_train=None if train is None else _share_in_train(profile, train),
            distances=distances.get(split, {}),
        )
    return reports


def _find_top_values(profiles: Mapping[str, Profile]) -> dict[str, set[bytes]]:
    """Returns for each feature the values that are among the most frequent values of at least one split.

    All splits report these values, so that their counts can be compared.
    """
    top_values: dict[str, set[bytes]] = {}
    for profile in profiles.values():
        for name, counts in profile.values.items():
            most_frequent = {value for value, _ in _sort_by_frequency(counts)[:_MAX_TOP_VALUES]}
            top_values.setdefault(name, set()).update(most_frequent)
    return top_values


def _report_quantiles(profile: Profile) -> dict[str, int]:
    quantiles = profile.lengths.quantiles(tuple(_QUANTILES.values()))
    return dict(zip(_QUANTILES, quantiles, strict=True))


def _report_padding(profile: Profile, batch_size: int) -> dict[str, float]:
    return {
        "random": profile.lengths.padding(batch_size, sorted_by_length=False),
        "by_length": profile.lengths.padding(batch_size, sorted_by_length=True),
    }


def _report_missing(profile: Profile) -> dict[str, float]:
    """Returns the share of records without the feature, for each feature that at least one record lacks."""
    records = profile.records
    return {name: 1 - count / records for name, count in profile.present.items() if count < records}


def _report_values(
    profile: Profile, train: Profile | None, top_values: Mapping[str, set[bytes]]
) -> dict[str, ValuesReport]:
    return {
        name: _report_feature(counts, train.values[name] if train else None, top_values[name])
        for name, counts in profile.values.items()
    }


def _report_feature(counts: Counter[bytes], train: Counter[bytes] | None, top_values: set[bytes]) -> ValuesReport:
    top = Counter({value: counts[value] for value in top_values if value in counts})
    report = ValuesReport(count=counts.total(), distinct=len(counts), top=_decode(top, len(top)))
    if train is None:
        return report
    unseen = Counter({value: count for value, count in counts.items() if value not in train})
    share = _share(unseen.total(), counts.total())
    return report.model_copy(update={"unseen": share, "unseen_top": _decode(unseen, _MAX_UNSEEN_VALUES)})


def _share_in_train(profile: Profile, train: Profile) -> float:
    """Computes the share of records with the same inputs and labels as a record of train."""
    in_train = sum(count for content, count in profile.contents.items() if content in train.contents)
    return _share(in_train, profile.records)


def _decode(counts: Counter[bytes], max_values: int) -> dict[str, int]:
    """Returns the most frequent values as text with their counts, in descending order of the counts."""
    most_frequent = _sort_by_frequency(counts)[:max_values]
    return {value.decode("utf-8", "backslashreplace"): count for value, count in most_frequent}


def _sort_by_frequency(counts: Counter[bytes]) -> list[tuple[bytes, int]]:
    """Sorts values by descending frequency, and values of equal frequency by bytes, so that reports are repeatable."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _share(part: int, whole: int) -> float:
    """Returns `part / whole`, or 0 if `whole` is 0."""
    return part / whole if whole else 0.0
