"""Defines the report of an examination, which describes the contents and the anomalies of a data set.

The report is a pydantic model, so it can be written as JSON.
"""

from __future__ import annotations

import pydantic

from tfx_sequence.schemas.spec import Feature, Frozen


class ValuesReport(Frozen):
    """The values of a string feature that is an input or a label.

    Attributes:
      count: The number of values.
      distinct: The number of different values.
      top: A dict of value to its count in this split, for the values that are among the 20 most frequent values of at
        least one split.
      unseen: The share of values that do not occur in train. None for train itself, or if there is no train.
      unseen_top: The most frequent values that do not occur in train, with their counts. None if `unseen` is None.
    """

    count: int
    distinct: int
    top: dict[str, int]
    unseen: float | None = None
    unseen_top: dict[str, int] | None = None


class NumbersReport(Frozen, allow_inf_nan=True):
    """The values of a number feature that is an input or a label. The numbers of a vector are counted together.

    A statistic is None if the feature has no numbers, or if the statistic is infinite. For a large data set, the median
    and the histogram are estimates by TFDV.

    Attributes:
      count: The number of numbers that are not missing.
      missing: The share of numbers that are missing (NaN).
      min: The minimum.
      median: The median.
      mean: The mean.
      max: The maximum.
      deviation: The standard deviation of the population (not of a sample).
      histogram: The histogram as `(start, end, count)` of ranges with equal width. The count is approximate. Empty if
        the feature has no numbers.
    """

    count: int
    missing: float
    min: float | None = None
    median: float | None = None
    mean: float | None = None
    max: float | None = None
    deviation: float | None = None
    histogram: tuple[tuple[float, float, float], ...] = ()


class SplitReport(Frozen, allow_inf_nan=True):
    """The contents of a split.

    Attributes:
      records: The number of records.
      steps: The number of steps of all records.
      lengths: A dict of the name of a quantile to the number of steps.
      histogram: The histogram of lengths as `(start, end, number of records)` of ranges with equal width. Both `start`
        and `end` are included.
      padding: The share of padded steps in batches, for records in `random` order and for records sorted `by_length`.
        Bucketing results in nearly the same share as sorting.
      missing: A dict of feature name to the share of records that lack the feature. Features that all records have are
        left out.
      values: A dict of the name of a string feature to its values.
      numbers: A dict of the name of a number feature to its values.
      repeated: The share of records with the same inputs and labels as an earlier record of the split.
      in_train: The share of records with the same inputs and labels as a record of train. None for train itself, or if
        there is no train.
      distances: A dict of feature name to the distance (0 to 1) between the split and its baseline. The key
        `##SEQUENCE##` has the distance of the lengths. The distances are measured as for the thresholds of the schema.
        Empty if there is no baseline.
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
      split: The name of the split.
      feature: The name of the feature. `##SEQUENCE##` means the whole record, and an empty string the whole data set.
      severity: The severity, `ERROR` or `WARNING`.
      what: The short description, of one or two words.
      description: The full description, which names some of the records.
    """

    split: str
    feature: str
    severity: str
    what: str
    description: str


class DataReport(Frozen):
    """The report of a data set.

    Attributes:
      features: A dict of feature name to the description of the feature in the schema.
      batch_size: The number of records per batch with which the share of padding was computed.
      splits: A dict of split name to the contents of the split.
      anomalies: The anomalies, sorted by split and feature.
      failures: The descriptions of the anomalies that are at least as severe as `fail_on`, one line per anomaly.
    """

    features: dict[str, Feature]
    batch_size: int
    splits: dict[str, SplitReport]
    anomalies: tuple[AnomalyReport, ...]
    failures: tuple[str, ...]
