"""Reports the range, mean, histogram and other statistics of number features, from TFDV's statistics of a split."""

from __future__ import annotations

import math

from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList, Histogram, NumericStatistics

from tfx_sequence.components.sequence_example_validator.examination.data_report import NumbersReport
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


def report_numbers(statistics: DatasetFeatureStatisticsList, spec: SequenceSpec) -> dict[str, NumbersReport]:
    """Returns a report for each number feature that is an input or a label, even if the split has no numbers for it."""
    statistics_by_path: dict[tuple[str, ...], NumericStatistics] = {}
    for data in statistics.datasets:
        for proto in data.features:
            if proto.WhichOneof("stats") == "num_stats":
                statistics_by_path[tuple(proto.path.step)] = proto.num_stats
    reports = {}
    for name, feature in spec.features.items():
        if feature.role in ("input", "label") and feature.dtype != "string":
            path = (name,) if feature.context else (SEQUENCE, name)
            reports[name] = _report_feature(statistics_by_path.get(path))
    return reports


def count_missing(numbers: NumericStatistics) -> int:
    """Returns the number of NaNs. TFDV includes them in the number of values, and only its histograms count them."""
    return max((int(histogram.num_nan) for histogram in numbers.histograms), default=0)


def _report_feature(numbers: NumericStatistics | None) -> NumbersReport:
    if numbers is None:
        return NumbersReport(count=0, missing=0.0)
    num_values = numbers.common_stats.tot_num_values
    num_missing = count_missing(numbers)
    if num_missing == num_values:
        return NumbersReport(count=0, missing=1.0 if num_values else 0.0)
    # If the mean is not finite, the deviation is not defined, but TFDV sets it to 0.
    deviation = numbers.std_dev if math.isfinite(numbers.mean) else math.nan
    return NumbersReport(
        count=num_values - num_missing,
        missing=num_missing / num_values,
        min=_replace_not_finite(numbers.min),
        median=_replace_not_finite(numbers.median),
        mean=_replace_not_finite(numbers.mean),
        max=_replace_not_finite(numbers.max),
        deviation=_replace_not_finite(deviation),
        histogram=_read_histogram(numbers),
    )


def _replace_not_finite(value: float) -> float | None:
    """Returns None for a number that is infinite or NaN, and any other number unchanged."""
    return value if math.isfinite(value) else None


def _read_histogram(numbers: NumericStatistics) -> tuple[tuple[float, float, float], ...]:
    """Returns `(start, end, count)` for the ranges of equal width.

    TFDV's statistics also contain a histogram of quantiles, and ranges with an infinite end. Both are left out.
    """
    return tuple(
        (bucket.low_value, bucket.high_value, bucket.sample_count)
        for histogram in numbers.histograms
        if histogram.type == Histogram.STANDARD
        for bucket in histogram.buckets
        if math.isfinite(bucket.low_value) and math.isfinite(bucket.high_value)
    )
