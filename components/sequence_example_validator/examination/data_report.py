"""The report of an examination: what is in a data set, and what is wrong with it. All of it can be written as JSON."""

from __future__ import annotations

import pydantic

from tfx_sequence.schemas.spec import Feature, Frozen


class ValuesReport(Frozen):
    """The values of a string feature that is an input or a label.

    Attributes:
      count: The number of values.
      distinct: The number of different values.
      top: The values that are among the 20 most frequent of some split, with their counts in this one.
      unseen: The share of values that train does not have; None for train itself, or where there is no train.
      unseen_top: The most frequent of the values that train does not have.
    """

    count: int
    distinct: int
    top: dict[str, int]
    unseen: float | None = None
    unseen_top: dict[str, int] | None = None


class NumbersReport(Frozen):
    """The values of a number feature that is an input or a label; if it is a vector, all of its numbers together.

    A statistic is None where there is no number, or where it is infinite. Where there are many numbers, TFDV estimates
    the median and the histogram.

    Attributes:
      count: The number of numbers, without those that are missing.
      missing: The share of numbers that are missing (NaN).
      min: The least number.
      median: The median.
      mean: The mean.
      max: The greatest number.
      deviation: The standard deviation, with the numbers as the whole population.
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
    """The contents of a split.

    Attributes:
      records: The number of records.
      steps: The number of steps of all records.
      lengths: Name of a quantile to a number of steps.
      histogram: The lengths in ranges of equal width: from, to (both included), records.
      padding: The share of padded steps in batches: in `random` order, and sorted `by_length`, to which bucketing comes
        near.
      missing: Feature name to the share of records that lack it, where some do.
      values: Name of a string feature to its values.
      numbers: Name of a number feature to its values.
      repeated: The share of records that hold the same inputs and labels as a record of the split before them.
      in_train: The share of records that hold the same as a record of train; None for train, or if there is no train.
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
    """An anomaly of a split.

    Attributes:
      split: The split.
      feature: The feature that is wrong; `##SEQUENCE##` for the record as a whole, and empty for the data set.
      severity: `ERROR` or `WARNING`.
      what: A description of a word or two.
      description: The full description, with records named.
    """

    split: str
    feature: str
    severity: str
    what: str
    description: str


class DataReport(Frozen):
    """The report of a data set.

    Attributes:
      features: What the schema says of each feature.
      batch_size: The records of a batch, for the share of padding.
      splits: Split name to what is in it.
      anomalies: The anomalies, by split and feature.
      failures: The anomalies that are severe enough to fail for, a line each.
    """

    features: dict[str, Feature]
    batch_size: int
    splits: dict[str, SplitReport]
    anomalies: tuple[AnomalyReport, ...]
    failures: tuple[str, ...]
