"""What is in the splits of a data set, from their profiles, and for numbers from TFDV's statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tfx_sequence.components.sequence_example_validator.examination.data_report import (
    NumbersReport,
    SplitReport,
    ValuesReport,
)
from tfx_sequence.schemas.checks.profile import Profile

TRAIN = "train"
"""The split that the others are compared with."""

_QUANTILES = {"min": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "max": 1.0}
_TOP = 20
_UNSEEN = 5
_BINS = 20


def describe_splits(
    profiles: Mapping[str, Profile],
    numbers: Mapping[str, dict[str, NumbersReport]],
    batch_size: int,
    distances: Mapping[str, dict[str, float]],
) -> dict[str, SplitReport]:
    """What is in each split.

    Args:
      profiles: Split name to counts.
      numbers: Split name to what `number_reports` says of it.
      batch_size: Records in a batch, for what is said of padding.
      distances: Split name to distances from the baseline, where there is one.
    """
    train = profiles.get(TRAIN)
    top = _frequent(profiles)
    return {
        split: _describe(
            profile, None if split == TRAIN else train, numbers[split], batch_size, top, distances.get(split, {})
        )
        for split, profile in profiles.items()
    }


def _frequent(profiles: Mapping[str, Profile]) -> dict[str, set[bytes]]:
    """Feature name to the values that are among the most frequent of some split."""
    top: dict[str, set[bytes]] = {}
    for profile in profiles.values():
        for name, counts in profile.values.items():
            top.setdefault(name, set()).update(value for value, _ in _most(counts, _TOP))
    return top


def _describe(
    profile: Profile,
    train: Profile | None,
    numbers: dict[str, NumbersReport],
    batch_size: int,
    top: Mapping[str, set[bytes]],
    distances: dict[str, float],
) -> SplitReport:
    lengths, records = profile.lengths, profile.records
    return SplitReport(
        records=records,
        steps=lengths.steps,
        lengths=dict(zip(_QUANTILES, lengths.quantiles(tuple(_QUANTILES.values())), strict=True)),
        histogram=lengths.histogram(_BINS),
        padding={
            "random": lengths.padding(batch_size, sorted_by_length=False),
            "by_length": lengths.padding(batch_size, sorted_by_length=True),
        },
        missing={name: 1 - count / records for name, count in profile.present.items() if count < records},
        values={
            name: _values_report(counts, train.values[name] if train else None, top[name])
            for name, counts in profile.values.items()
        },
        numbers=numbers,
        repeated=_share(records - len(profile.contents), records),
        in_train=_share(sum(n for content, n in profile.contents.items() if content in train.contents), records)
        if train
        else None,
        distances=distances,
    )


def _values_report(counts: Counter[bytes], train: Counter[bytes] | None, top: set[bytes]) -> ValuesReport:
    shown = Counter({value: counts[value] for value in top if value in counts})
    report = ValuesReport(count=counts.total(), distinct=len(counts), top=_texts(shown, len(shown)))
    if train is None:
        return report
    unseen = Counter({value: count for value, count in counts.items() if value not in train})
    share = _share(unseen.total(), counts.total())
    return report.model_copy(update={"unseen": share, "unseen_top": _texts(unseen, _UNSEEN)})


def _texts(counts: Counter[bytes], number: int) -> dict[str, int]:
    return {value.decode("utf-8", "backslashreplace"): count for value, count in _most(counts, number)}


def _most(counts: Counter[bytes], number: int) -> list[tuple[bytes, int]]:
    """The most frequent values, those of one frequency in their own order."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:number]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
