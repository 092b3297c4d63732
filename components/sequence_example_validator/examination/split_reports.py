"""Reports what is in the splits of a data set, and how the others differ from train."""

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
"""The split that the others are compared with."""

_QUANTILES = {"min": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "max": 1.0}
_TOP_VALUES = 20
_UNSEEN_VALUES = 5
_HISTOGRAM_BINS = 20


def report_splits(
    profiles: Mapping[str, Profile],
    numbers: Mapping[str, dict[str, NumbersReport]],
    batch_size: int,
    distances: Mapping[str, dict[str, float]],
) -> dict[str, SplitReport]:
    """Reports what is in each split.

    Args:
      profiles: Split name to what was counted in its records.
      numbers: Split name to the reports of its number features.
      batch_size: The records of a batch, for the share of padding.
      distances: Split name to distances from the baseline, where there is one.
    """
    train = profiles.get(_TRAIN)
    top_values = _find_top_values(profiles)
    return {
        split: SplitReport(
            records=profile.records,
            steps=profile.lengths.steps,
            lengths=_report_quantiles(profile),
            histogram=profile.lengths.histogram(_HISTOGRAM_BINS),
            padding=_report_padding(profile, batch_size),
            missing=_report_missing(profile),
            values=_report_values(profile, None if split == _TRAIN else train, top_values),
            numbers=numbers[split],
            repeated=_share(profile.records - len(profile.contents), profile.records),
            in_train=None if split == _TRAIN or train is None else _share_in_train(profile, train),
            distances=distances.get(split, {}),
        )
        for split, profile in profiles.items()
    }


def _find_top_values(profiles: Mapping[str, Profile]) -> dict[str, set[bytes]]:
    """Finds for each feature the values that are among the most frequent of some split.

    All splits report the same values, so that their numbers can be compared.
    """
    top_values: dict[str, set[bytes]] = {}
    for profile in profiles.values():
        for name, counts in profile.values.items():
            most_frequent = {value for value, _ in _sort_by_frequency(counts)[:_TOP_VALUES]}
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
    """Reports the share of records without a feature, for features that some records lack."""
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
    return report.model_copy(update={"unseen": share, "unseen_top": _decode(unseen, _UNSEEN_VALUES)})


def _share_in_train(profile: Profile, train: Profile) -> float:
    """Computes the share of records that hold the same inputs and labels as a record of train."""
    in_train = sum(count for content, count in profile.contents.items() if content in train.contents)
    return _share(in_train, profile.records)


def _decode(counts: Counter[bytes], number: int) -> dict[str, int]:
    """Decodes the most frequent values, the most frequent first."""
    most_frequent = _sort_by_frequency(counts)[:number]
    return {value.decode("utf-8", "backslashreplace"): count for value, count in most_frequent}


def _sort_by_frequency(counts: Counter[bytes]) -> list[tuple[bytes, int]]:
    """Sorts values by falling frequency, and values of one frequency by themselves, so that reports are repeatable."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
