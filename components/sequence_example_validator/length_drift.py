"""Checks whether sequences have become longer or shorter: drift from a baseline, skew between training and serving.

TFDV compares the values of features. Of the number of steps it only keeps a histogram, whose ten buckets hold about
equally many records. That is enough to compare two distributions by the Kolmogorov-Smirnov distance::

    KS(p, q) = max over lengths x of |P(length <= x) - Q(length <= x)|

Within a bucket lengths are taken as spread evenly, so a distance is exact to about the share of one bucket.
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
    """The lengths of records in buckets.

    Attributes:
      low: The lowest length of each bucket, `[K]`.
      high: The highest length of each bucket, `[K]`.
      records: The number of records in each bucket, `[K]`.
    """

    low: _Floats
    high: _Floats
    records: _Floats

    def share_up_to(self, length: float) -> float:
        """Estimates the share of records with at most `length` steps."""
        width = np.where(self.high > self.low, self.high - self.low, 1.0)
        share_of_bucket = np.where(self.high > self.low, (length - self.low) / width, length >= self.low)
        within = np.clip(share_of_bucket, 0.0, 1.0)
        return float((within * self.records).sum() / self.records.sum())


def add_length_anomalies(
    anomalies: Anomalies,
    spec: SequenceSpec,
    current: DatasetFeatureStatisticsList,
    baseline: DatasetFeatureStatisticsList | None,
    serving: DatasetFeatureStatisticsList | None,
    severities: Mapping[str, str],
) -> None:
    """Adds an anomaly where the lengths of records differ by more than the spec allows.

    Args:
      anomalies: The anomalies of a split; changed in place.
      spec: Has the thresholds.
      current: The statistics of the split.
      baseline: The statistics of data that the split should be like, if there are any.
      serving: The statistics of what the model is asked, if there are any.
      severities: Rule to severity; `error` for a rule that is not there.
    """
    for rule, other_name, other, threshold in (
        (LENGTH_DRIFT, "the baseline", baseline, spec.length_drift),
        (LENGTH_SKEW, "serving", serving, spec.length_skew),
    ):
        severity = severities.get(rule, "error")
        if other is None or threshold is None or severity == "off":
            continue
        # Of sequence features any one tells the length: that all have it is another rule.
        feature = next(iter(spec.sequence))
        ours = read_length_histogram(current, feature)
        theirs = read_length_histogram(other, feature)
        if ours is None or theirs is None:
            continue  # Without the feature there is an anomaly already, in the statistics that lack it.
        distance, length = measure_ks_distance(ours, theirs)
        if distance > threshold:
            our_share, their_share = ours.share_up_to(length), theirs.share_up_to(length)
            reason = AnomalyInfo.Reason(
                type=AnomalyInfo.CUSTOM_VALIDATION,
                short_description=f"Lengths differ from {other_name}",
                description=(
                    f"The Kolmogorov-Smirnov distance between the lengths of these records and those of {other_name} "
                    f"is {distance:.3f}, above the threshold {threshold:g}: {our_share:.0%} of these records have at "
                    f"most {length:g} steps, and {their_share:.0%} of those of {other_name}."
                ),
            )
            add_reason(anomalies, (SEQUENCE,), LEVELS[severity], reason)


def read_length_histogram(statistics: DatasetFeatureStatisticsList, feature: str) -> LengthHistogram | None:
    """Reads the lengths of a sequence feature; None if no record has it."""
    path = [SEQUENCE, feature]
    for data in statistics.datasets:
        for proto in data.features:
            if list(proto.path.step) == path:
                # Numbers and strings have their common statistics in different fields.
                stats = getattr(proto, proto.WhichOneof("stats"))
                buckets = stats.common_stats.num_values_histogram.buckets
                if buckets:
                    rows = [(bucket.low_value, bucket.high_value, bucket.sample_count) for bucket in buckets]
                    return LengthHistogram(*np.array(rows, np.float64).T)
    return None


def measure_ks_distance(ours: LengthHistogram, theirs: LengthHistogram) -> tuple[float, float]:
    """Measures the distance of two histograms.

    Returns:
      The distance, and the length at which the histograms differ most.
    """
    # Between the bounds of buckets the shares are linear, so the greatest difference is at a bound.
    lengths = np.unique(np.concatenate([ours.low, ours.high, theirs.low, theirs.high]))
    differences = [abs(ours.share_up_to(length) - theirs.share_up_to(length)) for length in lengths]
    most = int(np.argmax(differences))
    return float(differences[most]), float(lengths[most])
