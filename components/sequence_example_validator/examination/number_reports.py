"""What the numbers of a split are, from TFDV's statistics."""

from __future__ import annotations

import math

from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_sequence.components.sequence_example_validator.examination.data_report import NumbersReport
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.parts import SEQUENCE


def number_reports(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, spec: SequenceSpec
) -> dict[str, NumbersReport]:
    """Name of a number feature that is an input or a label to its values, also where the split has none."""
    found = {
        tuple(feature.path.step): feature.num_stats
        for data in statistics.datasets
        for feature in data.features
        if feature.WhichOneof("stats") == "num_stats"
    }
    return {
        name: _report(found.get((name,) if feature.context else (SEQUENCE, name)))
        for name, feature in spec.features.items()
        if feature.role in ("input", "label") and feature.dtype != "string"
    }


def count_missing(numbers: statistics_pb2.NumericStatistics) -> int:
    """How many numbers are NaN. TFDV counts them among the values; only the histograms tell."""
    return max((int(histogram.num_nan) for histogram in numbers.histograms), default=0)


def _report(numbers: statistics_pb2.NumericStatistics | None) -> NumbersReport:
    total = numbers.common_stats.tot_num_values if numbers else 0
    missing = count_missing(numbers) if numbers else 0
    if numbers is None or missing == total:
        return NumbersReport(count=0, missing=1.0 if total else 0.0)
    standard = statistics_pb2.Histogram.STANDARD
    ranges = [bucket for histogram in numbers.histograms if histogram.type == standard for bucket in histogram.buckets]
    finite = {
        name: value if math.isfinite(value) else None
        for name, value in (
            ("min", numbers.min),
            ("median", numbers.median),
            ("mean", numbers.mean),
            ("max", numbers.max),
            # TFDV has 0 where it is not defined.
            ("deviation", numbers.std_dev if math.isfinite(numbers.mean) else math.nan),
        )
    }
    return NumbersReport(
        count=total - missing,
        missing=missing / total,
        histogram=tuple(
            (bucket.low_value, bucket.high_value, bucket.sample_count)
            for bucket in ranges
            if math.isfinite(bucket.low_value) and math.isfinite(bucket.high_value)
        ),
        **finite,
    )
