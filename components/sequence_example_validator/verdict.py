"""What anomalies mean for the pipeline: which of them stop it, and what the person is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from tensorflow_metadata.proto.v0 import anomalies_pb2

FailOn = Literal["error", "warning", "never"]

_LEVEL = {"error": anomalies_pb2.AnomalyInfo.ERROR, "warning": anomalies_pb2.AnomalyInfo.WARNING}
_SHOWN = 20


class ExamplesInvalidError(ValueError):
    """Examples that do not keep their schema."""


def describe_failures(anomalies: Mapping[str, anomalies_pb2.Anomalies], fail_on: FailOn) -> list[str]:
    """One line for each anomaly that is at least as severe as `fail_on`, in the order of the splits.

    Args:
      anomalies: Split name to what TFDV found in it.
      fail_on: The least severity that counts; with `never` nothing does.
    """
    if fail_on == "never":
        return []
    lines = []
    for split, found in anomalies.items():
        about = {**found.anomaly_info}
        if found.HasField("dataset_anomaly_info"):
            about["the dataset"] = found.dataset_anomaly_info
        for place, info in sorted(about.items()):
            # ERROR is the higher number; an anomaly whose severity is not given is an error.
            if info.severity >= _LEVEL[fail_on] or info.severity == anomalies_pb2.AnomalyInfo.UNKNOWN:
                lines.append(f"split {split!r}, {_plain(place)}: {info.description or info.short_description}")
    return lines


def check(anomalies: Mapping[str, anomalies_pb2.Anomalies], fail_on: FailOn, uri: str) -> None:
    """Raises if an anomaly is at least as severe as `fail_on`.

    Args:
      anomalies: Split name to what TFDV found in it.
      fail_on: The least severity that counts.
      uri: Where all anomalies stand in full, for the message.

    Raises:
      ExamplesInvalidError: naming the splits, the features and what is wrong.
    """
    failures = describe_failures(anomalies, fail_on)
    if not failures:
        return
    shown = "\n".join(f"  - {line}" for line in failures[:_SHOWN])
    more = f"\n  ... and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    raise ExamplesInvalidError(
        f"the examples do not keep their schema ({len(failures)} anomalies):\n{shown}{more}\n"
        f"All of them stand in {uri}. Mend the data, or curate the schema, or set fail_on = 'never' to go on anyway"
    )


def _plain(path: str) -> str:
    """`##SEQUENCE##.upos` is how TFDV names what people call the feature `upos`."""
    return f"feature {path.removeprefix('##SEQUENCE##.')!r}" if path != "the dataset" else path
