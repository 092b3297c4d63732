"""Reports the range, mean, histogram and other statistics of number features, from TFDV's statistics of a split."""

from __future__ import annotations

import math

from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList, Histogram, NumericStatistics

from tfx_sequence.components.sequence_example_validator.examination.data_report import NumbersReport
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


def report_numbers(statistics: DatasetFeatureStatisticsList, spec: SequenceSpec) -> dict[str, NumbersReport]:
    """Makes a report for each number feature that is an input or a label, even if the split has no numbers for it.

    Args:
      statistics: TFDV's statistics of one split, which are not sliced.
      spec: The spec of the split's records.

    Returns:
      A dict of feature name to its report.
    """
    statistics_by_path: dict[tuple[str, ...], NumericStatistics] = {}
    # Statistics without slices have one dataset, and a dataset has each path once. So no entry is overwritten.
    for dataset in statistics.datasets:
        for proto in dataset.features:
            if proto.WhichOneof("stats") == "num_stats":
                statistics_by_path[tuple(proto.path.step)] = proto.num_stats
    reports = {}
    for name, feature in spec.features.items():
        if feature.role in ("input", "label") and feature.dtype != "string":
            path = (name,) if feature.context else (SEQUENCE, name)
            reports[name] = _make_report(statistics_by_path.get(path))
    return reports


def count_missing(feature_statistics: NumericStatistics) -> int:
    """Returns the number of NaNs. TFDV includes them in the number of values, and only its histograms count them."""
    # Each histogram describes all values, so each has the same count. A sum would count every NaN several times.
    return max((int(histogram.num_nan) for histogram in feature_statistics.histograms), default=0)


def _make_report(feature_statistics: NumericStatistics | None) -> NumbersReport:
    """Makes the report of one feature; `feature_statistics` is None if TFDV saw no numbers of it."""
    if feature_statistics is None:
        return NumbersReport(count=0, missing=0.0)
    # TFDV's `num_missing` counts records without the feature. Here, missing numbers are NaNs among the values.
    num_values = feature_statistics.common_stats.tot_num_values
    if num_values == 0:
        return NumbersReport(count=0, missing=0.0)
    num_nans = count_missing(feature_statistics)
    if num_nans == num_values:
        return NumbersReport(count=0, missing=1.0)
    # If the mean is not finite, the deviation is not defined, but TFDV sets it to 0.
    deviation = feature_statistics.std_dev if math.isfinite(feature_statistics.mean) else math.nan
    return NumbersReport(
        count=num_values - num_nans,
        missing=num_nans / num_values,
        min=_replace_not_finite(feature_statistics.min),
        median=_replace_not_finite(feature_statistics.median),
        mean=_replace_not_finite(feature_statistics.mean),
        max=_replace_not_finite(feature_statistics.max),
        deviation=_replace_not_finite(deviation),
        histogram=_read_histogram(feature_statistics),
    )


def _replace_not_finite(value: float) -> float | None:
    """Returns None for a number that is infinite or NaN, and any other number unchanged."""
    return value if math.isfinite(value) else None


def _read_histogram(feature_statistics: NumericStatistics) -> tuple[tuple[float, float, float], ...]:
    """Returns `(start, end, count)` for the ranges of equal width.

    TFDV's statistics also contain a histogram of quantiles, and ranges with an infinite end. Both are left out.
    """
    return tuple(
        (bucket.low_value, bucket.high_value, bucket.sample_count)
        for histogram in feature_statistics.histograms
        if histogram.type == Histogram.STANDARD
        for bucket in histogram.buckets
        if math.isfinite(bucket.low_value) and math.isfinite(bucket.high_value)
    )
