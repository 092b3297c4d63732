"""What anomalies mean for the pipeline: which of them stop it, and what the person is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def message(failures: Sequence[str], folder: str) -> str:
    """What the person is told.

    Args:
      failures: What `describe_failures` gave.
      folder: Where all anomalies stand in full.
    """
    shown = "\n".join(f"  - {line}" for line in failures[:_SHOWN])
    more = f"\n  ... and {len(failures) - _SHOWN} more" if len(failures) > _SHOWN else ""
    count = "1 anomaly" if len(failures) == 1 else f"{len(failures)} anomalies"
    return (
        f"the examples do not keep their schema ({count}):\n{shown}{more}\n"
        f"All of them stand in {folder}. Mend the data, or curate the schema, or set fail_on = 'never' to go on anyway"
    )


def _plain(path: str) -> str:
    """`##SEQUENCE##.upos` is how TFDV names what people call the feature `upos`."""
    if path in ("the dataset", "##SEQUENCE##"):
        return "the dataset" if path == "the dataset" else "the feature lists"
    return f"feature {path.removeprefix('##SEQUENCE##.')!r}"
