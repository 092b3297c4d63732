"""Checks whether the lengths of sequences differ from those of a baseline (drift) or of serving requests (skew).

TFDV compares the values of features, but not the lengths of sequences. For the lengths its statistics contain only a
histogram with ten buckets, each with about the same number of records. The histograms are sufficient to compare two
distributions by the Kolmogorov-Smirnov distance::

    KS(p, q) = max over lengths x of |P(length <= x) - Q(length <= x)|

The lengths in a bucket are assumed to be evenly distributed. The error of a distance is therefore at most about the
share of records in one bucket, which is 0.1.
"""

from __future__ import annotations

import itertools
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
        unclipped_share = np.where(has_width, (length - self.low) / width, length >= self.low)
        share_of_bucket = np.clip(unclipped_share, 0.0, 1.0)
        return float((share_of_bucket * self.records).sum() / self.records.sum())


class _Comparison(NamedTuple):
    """A comparison of the lengths of records with those of other records.

    Attributes:
      rule: The rule that is broken if the lengths differ too much.
      other_name: The name of the other records in messages.
      other: The statistics of the other records. If None, there is nothing to compare with.
      threshold: The maximum distance. If None, the lengths are not compared.
    """

    rule: str
    other_name: str
    other: DatasetFeatureStatisticsList | None
    threshold: float | None


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
    # Any sequence feature can be used, because another rule checks that all of them have the same length.
    feature = next(iter(spec.sequence))
    comparisons = (
        _Comparison(LENGTH_DRIFT, "the baseline", baseline, spec.length_drift),
        _Comparison(LENGTH_SKEW, "serving", serving, spec.length_skew),
    )
    for comparison in comparisons:
        severity = severities.get(comparison.rule, "error")
        if severity == "off":
            continue
        reason = _compare_lengths(current, comparison, feature)
        if reason is not None:
            add_reason(anomalies, (SEQUENCE,), LEVELS[severity], reason)


def _compare_lengths(
    current: DatasetFeatureStatisticsList, comparison: _Comparison, feature: str
) -> AnomalyInfo.Reason | None:
    """Compares the lengths of a sequence feature.

    Returns:
      A reason if the distance is above the threshold. None if it is not, or if there is nothing to compare.
    """
    if comparison.other is None or comparison.threshold is None:
        return None
    current_lengths = read_length_histogram(current, feature)
    other_lengths = read_length_histogram(comparison.other, feature)
    if current_lengths is None or other_lengths is None:
        return None  # TFDV already reports an anomaly for statistics that lack the feature.
    distance, length = measure_ks_distance(current_lengths, other_lengths)
    # Not `distance <= threshold`: there must be no anomaly if the distance is NaN.
    if not distance > comparison.threshold:
        return None
    current_share = current_lengths.share_up_to(length)
    other_share = other_lengths.share_up_to(length)
    return AnomalyInfo.Reason(
        type=AnomalyInfo.CUSTOM_VALIDATION,
        short_description=f"Lengths differ from {comparison.other_name}",
        description=(
            f"The Kolmogorov-Smirnov distance between the lengths of these records and those of "
            f"{comparison.other_name} is {distance:.3f}, above the threshold {comparison.threshold:g}: "
            f"{current_share:.0%} of these records have at most {length:g} steps, and {other_share:.0%} of those of "
            f"{comparison.other_name}."
        ),
    )


def read_length_histogram(statistics: DatasetFeatureStatisticsList, feature: str) -> LengthHistogram | None:
    """Returns the histogram of the lengths of a sequence feature, or None if no record has the feature."""
    all_protos = itertools.chain.from_iterable(data.features for data in statistics.datasets)
    for proto in all_protos:
        if list(proto.path.step) != [SEQUENCE, feature]:
            continue
        # Number features and string features store their common statistics in different fields.
        stats = getattr(proto, proto.WhichOneof("stats"))
        buckets = stats.common_stats.num_values_histogram.buckets
        if buckets:
            return LengthHistogram(
                low=np.array([bucket.low_value for bucket in buckets], np.float64),
                high=np.array([bucket.high_value for bucket in buckets], np.float64),
                records=np.array([bucket.sample_count for bucket in buckets], np.float64),
            )
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
