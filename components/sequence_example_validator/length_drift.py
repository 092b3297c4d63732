"""Whether sequences have become longer or shorter: drift from a baseline, skew between training and serving.

TFDV compares the values of features. How many steps a record has it only counts, in a histogram of ten buckets with
about the same number of records in each, which is enough to compare two distributions by::

    KS(p, q) = max over lengths x of |P(length <= x) - Q(length <= x)|

the Kolmogorov-Smirnov distance. Within a bucket lengths are taken as spread evenly, so a distance is exact to about the
share of one bucket.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2

from tfx_sequence.components.sequence_example_validator.record_anomalies import add_reason
from tfx_sequence.components.sequence_example_validator.severity import LENGTH_DRIFT, LENGTH_SKEW, LEVELS
from tfx_sequence.schemas.spec import SequenceSpec
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

_Floats = npt.NDArray[np.float64]


def compare_lengths(
    anomalies: anomalies_pb2.Anomalies,
    spec: SequenceSpec,
    current: statistics_pb2.DatasetFeatureStatisticsList,
    baseline: statistics_pb2.DatasetFeatureStatisticsList | None,
    serving: statistics_pb2.DatasetFeatureStatisticsList | None,
    severities: Mapping[str, str],
) -> None:
    """Adds an anomaly where the lengths of records differ by more than the spec allows."""
    for what, other, most, rule in (
        ("the baseline", baseline, spec.length_drift, LENGTH_DRIFT),
        ("serving", serving, spec.length_skew, LENGTH_SKEW),
    ):
        severity = severities.get(rule, "error")
        if other is None or most is None or severity == "off":
            continue
        name = next(iter(spec.sequence))
        ours, theirs = length_histogram(current, name), length_histogram(other, name)
        if ours is None or theirs is None:
            continue  # Without the feature there is an anomaly already, in the statistics that lack it.
        distance, length = ks_distance(ours, theirs)
        if distance > most:
            reason = anomalies_pb2.AnomalyInfo.Reason(
                type=anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION,
                short_description=f"Lengths differ from {what}",
                description=(
                    f"The Kolmogorov-Smirnov distance between the lengths of these records and those of {what} is "
                    f"{distance:.3f}, above the threshold {most:g}: {_share(ours, length):.0%} of these records have "
                    f"at most {length:g} steps, and {_share(theirs, length):.0%} of those of {what}."
                ),
            )
            add_reason(anomalies, (SEQUENCE,), LEVELS[severity], reason)


def length_histogram(
    statistics: statistics_pb2.DatasetFeatureStatisticsList, name: str
) -> tuple[_Floats, _Floats, _Floats] | None:
    """The lowest length, the highest and the number of records of each bucket, all `[K]`; None if there is no record.

    Args:
      statistics: Of the records.
      name: A sequence feature.
    """
    for feature in (feature for data in statistics.datasets for feature in data.features):
        if list(feature.path.step) == [SEQUENCE, name]:
            stats = getattr(feature, feature.WhichOneof("stats"))
            buckets = stats.common_stats.num_values_histogram.buckets
            if buckets:
                rows = [(bucket.low_value, bucket.high_value, bucket.sample_count) for bucket in buckets]
                low, high, count = np.array(rows, np.float64).T
                return low, high, count
    return None


def ks_distance(
    ours: tuple[_Floats, _Floats, _Floats], theirs: tuple[_Floats, _Floats, _Floats]
) -> tuple[float, float]:
    """The distance of two histograms, and the length at which they differ most."""
    lengths = np.unique(np.concatenate([*ours[:2], *theirs[:2]]))
    differences = [abs(_share(ours, length) - _share(theirs, length)) for length in lengths]
    most = int(np.argmax(differences))
    return float(differences[most]), float(lengths[most])


def _share(histogram: tuple[_Floats, _Floats, _Floats], length: float) -> float:
    """The share of records with at most `length` steps."""
    low, high, count = histogram
    width = np.where(high > low, high - low, 1.0)
    within = np.clip(np.where(high > low, (length - low) / width, length >= low), 0.0, 1.0)
    return float((within * count).sum() / count.sum())
