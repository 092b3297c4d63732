"""What is in a data set, and what is wrong with it, as values that go through JSON."""

from __future__ import annotations

import pydantic

from tfx_sequence.schemas.spec import Feature, Frozen


class ValuesReport(Frozen):
    """The values of a string feature that is an input or a label.

    Attributes:
      count: How many there are.
      distinct: How many different ones there are.
      top: Those that are among the 20 most frequent of some split, with their numbers in this one.
      unseen: The share of them that train does not have; None for train itself, or where there is no train.
      unseen_top: The most frequent of those.
    """

    count: int
    distinct: int
    top: dict[str, int]
    unseen: float | None = None
    unseen_top: dict[str, int] | None = None


class NumbersReport(Frozen):
    """The values of a number feature that is an input or a label; of a vector, all of its numbers together.

    The statistics are None where there is no number, or where they are infinite. Where there are many numbers, TFDV
    estimates the median and the histogram.

    Attributes:
      count: How many there are, without those that are missing.
      missing: The share of numbers that are missing (NaN).
      min: The least.
      median: The median.
      mean: The mean.
      max: The greatest.
      deviation: The standard deviation, of the numbers as the whole population.
      histogram: Ranges of equal width: from, to, about how many; empty where there is no number.
    """

    count: int
    missing: float
    min: float | None = None
    median: float | None = None
    mean: float | None = None
    max: float | None = None
    deviation: float | None = None
    histogram: tuple[tuple[float, float, float], ...] = ()


class SplitReport(Frozen):
    """What is in a split.

    Attributes:
      records: How many there are.
      steps: How many steps they have in all.
      lengths: Name of a quantile to a number of steps.
      histogram: The lengths in ranges of equal width: from, to (both included), records.
      padding: The share of padded steps in batches: `random` order, and `by_length`, which bucketing comes near.
      missing: Feature name to the share of records that lack it, where some do.
      values: Name of a string feature to its values.
      numbers: Name of a number feature to its values.
      repeated: The share of records that hold the same, but for keys, as another one of the split before them.
      in_train: The share of records that hold the same as one of train; None for train, or where there is no train.
      distances: Feature name, or `##SEQUENCE##` for the lengths, to how far the split is from its baseline, 0 to 1, by
        the measures of the schema's thresholds; empty without a baseline.
    """

    records: int
    steps: int
    lengths: dict[str, int]
    histogram: tuple[tuple[int, int, int], ...]
    padding: dict[str, float]
    missing: dict[str, float]
    values: dict[str, ValuesReport]
    numbers: dict[str, NumbersReport]
    repeated: float
    in_train: float | None = None
    distances: dict[str, float] = pydantic.Field(default_factory=dict)


class AnomalyReport(Frozen):
    """Something that is wrong with a split.

    Attributes:
      split: The split.
      feature: Where; `##SEQUENCE##` for the record as a whole, and empty for the data set.
      severity: `ERROR` or `WARNING`.
      what: In a word or two.
      description: In full, with records named.
    """

    split: str
    feature: str
    severity: str
    what: str
    description: str


class DataReport(Frozen):
    """A data set.

    Attributes:
      features: What the schema says of each feature.
      batch_size: The records of a batch, where padding is spoken of.
      splits: Split name to what is in it.
      anomalies: What is wrong, by split and feature.
      failures: The anomalies that are severe enough to fail for, a line each.
    """

    features: dict[str, Feature]
    batch_size: int
    splits: dict[str, SplitReport]
    anomalies: tuple[AnomalyReport, ...]
    failures: tuple[str, ...]
