"""Checks whether the lengths of sequences differ from those of a baseline (drift) or of serving requests (skew).

TFDV compares the values of features, but not the lengths of sequences. For the lengths its statistics contain only a
histogram with ten buckets, each with about the same number of records. The histograms are sufficient to compare two
distributions by the Kolmogorov-Smirnov distance::

    KS(p, q) = max over lengths x of |P(length <= x) - Q(length <= x)|

The lengths in a bucket are assumed to be evenly distributed. The error of a distance is therefore at most about the
share of records in one bucket, which is 0.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from tfx_sequence.components.sequence_example_validator.anomaly_reasons import LEVELS, add_reason
from tfx_sequence.components.sequence_example_validator.severity import LENGTH_DRIFT, LENGTH_SKEW
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

_Floats = npt.NDArray[np.float64]


class LengthHistogram(NamedTuple):
    """A histogram of the lengths of records.

    Attributes:
      low: The minimum length of each bucket, `[K]`.
      high: The maximum length of each bucket, `[K]`.
      records: The number of records in each bucket, `[K]`.
    """

    low: _Floats
    high: _Floats
    records: _Floats

    def share_up_to(self, length: float) -> float:
        """Estimates the share of records that have no more than `length` steps."""
        # A bucket may contain a single length. Its width is then 0, and all or none of its records are counted.
        has_width = self.high > self.low
        width = np.where(has_width, self.high - self.low, 1.0)
        share_of_bucket = np.where(has_width, (length - self.low) / width, length >= self.low)
        share_of_bucket = np.clip(share_of_bucket, 0.0, 1.0)
        return float((share_of_bucket * self.records).sum() / self.records.sum())


def add_length_anomalies(
    anomalies: Anomalies,
    spec: SequenceSpec,
    current: DatasetFeatureStatisticsList,
    baseline: DatasetFeatureStatisticsList | None,
    serving: DatasetFeatureStatisticsList | None,
    severities: Mapping[str, str],
) -> None:
    """Adds an anomaly if the lengths of records differ by more than the thresholds of the spec.

    Args:
      anomalies: The anomalies of a split, which are changed in place.
      spec: The spec with the thresholds.
      current: The statistics of the split.
      baseline: The statistics of similar data, such as the previous span. If None, there is no check for drift.
      serving: The statistics of the requests to the served model. If None, there is no check for skew.
      severities: A dict of rule to severity. A rule that is not in the dict has the severity `error`.
    """
    for rule, other_name, other, threshold in (
        (LENGTH_DRIFT, "the baseline", baseline, spec.length_drift),
        (LENGTH_SKEW, "serving", serving, spec.length_skew),
    ):
        severity = severities.get(rule, "error")
        if other is None or threshold is None or severity == "off":
            continue
        # Any sequence feature can be used, because another rule checks that all of them have the same length.
        feature = next(iter(spec.sequence))
        current_lengths = read_length_histogram(current, feature)
        other_lengths = read_length_histogram(other, feature)
        if current_lengths is None or other_lengths is None:
            continue  # TFDV already reports an anomaly for statistics that lack the feature.
        reason = _compare_lengths(current_lengths, other_lengths, other_name, threshold)
        if reason is not None:
            add_reason(anomalies, (SEQUENCE,), LEVELS[severity], reason)


def _compare_lengths(
    current: LengthHistogram, other: LengthHistogram, other_name: str, threshold: float
) -> AnomalyInfo.Reason | None:
    """Returns a reason if the distance of two histograms is above the threshold, and otherwise None."""
    distance, length = measure_ks_distance(current, other)
    # Not `distance <= threshold`: there must be no anomaly if the distance is NaN.
    if not distance > threshold:
        return None
    return AnomalyInfo.Reason(
        type=AnomalyInfo.CUSTOM_VALIDATION,
        short_description=f"Lengths differ from {other_name}",
        description=(
            f"The Kolmogorov-Smirnov distance between the lengths of these records and those of {other_name} is "
            f"{distance:.3f}, above the threshold {threshold:g}: {current.share_up_to(length):.0%} of these records "
            f"have at most {length:g} steps, and {other.share_up_to(length):.0%} of those of {other_name}."
        ),
    )


def read_length_histogram(statistics: DatasetFeatureStatisticsList, feature: str) -> LengthHistogram | None:
    """Returns the histogram of the lengths of a sequence feature, or None if no record has the feature."""
    path = [SEQUENCE, feature]
    for data in statistics.datasets:
        for proto in data.features:
            if list(proto.path.step) == path:
                # Number features and string features store their common statistics in different fields.
                stats = getattr(proto, proto.WhichOneof("stats"))
                buckets = stats.common_stats.num_values_histogram.buckets
                if buckets:
                    rows = [(bucket.low_value, bucket.high_value, bucket.sample_count) for bucket in buckets]
                    return LengthHistogram(*np.array(rows, np.float64).T)
    return None


def measure_ks_distance(first: LengthHistogram, second: LengthHistogram) -> tuple[float, float]:
    """Computes the Kolmogorov-Smirnov distance between two histograms.

    Returns:
      The distance, and the length at which the histograms have this distance.
    """
    # Between the bounds of buckets the shares are linear, so the maximum difference is at a bound.
    lengths = np.unique(np.concatenate([first.low, first.high, second.low, second.high]))
    differences = [abs(first.share_up_to(length) - second.share_up_to(length)) for length in lengths]
    index_of_max = int(np.argmax(differences))
    return float(differences[index_of_max]), float(lengths[index_of_max])
