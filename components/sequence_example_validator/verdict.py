"""What anomalies mean for the pipeline: which of them stop it, and what the person is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.components.sequence_example_validator.severity import LEVELS
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

FailOn = Literal["error", "warning", "never"]

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
        about = [(_place(key, info), info) for key, info in sorted(found.anomaly_info.items())]
        if found.HasField("dataset_anomaly_info"):
            about.append(("the dataset", found.dataset_anomaly_info))
        for place, info in about:
            # ERROR is the higher number; an anomaly whose severity is not given is an error.
            if info.severity >= LEVELS[fail_on] or info.severity == anomalies_pb2.AnomalyInfo.UNKNOWN:
                lines.append(f"split {split!r}, {place}: {info.description or info.short_description}")
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


def _place(key: str, info: anomalies_pb2.AnomalyInfo) -> str:
    """What people call what TFDV calls `##SEQUENCE##.upos`."""
    name = info.path.step[-1] if info.path.step else key.removeprefix(f"{SEQUENCE}.")
    return "the feature lists" if name == SEQUENCE else f"feature {name!r}"
