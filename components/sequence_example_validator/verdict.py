"""Decides which anomalies stop the pipeline, and tells the person what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo

from tfx_sequence.components.sequence_example_validator.anomaly_reasons import LEVELS
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

FailOn = Literal["error", "warning", "never"]

_SHOWN_FAILURES = 20
"""As many as fit a terminal; all of them are in a file."""


class ExamplesInvalidError(ValueError):
    """Examples do not keep their schema."""


def describe_failures(anomalies: Mapping[str, Anomalies], fail_on: FailOn) -> list[str]:
    """Describes the anomalies that are at least as severe as `fail_on`, a line each, in the order of the splits.

    Args:
      anomalies: Split name to its anomalies.
      fail_on: The least severity of a failure; with `never` there are no failures.
    """
    if fail_on == "never":
        return []
    lines = []
    for split, anomalies_of_split in anomalies.items():
        by_key = sorted(anomalies_of_split.anomaly_info.items())
        named = [(_name_place(key, info), info) for key, info in by_key]
        if anomalies_of_split.HasField("dataset_anomaly_info"):
            named.append(("the dataset", anomalies_of_split.dataset_anomaly_info))
        for place, info in named:
            # ERROR is the greater number. An anomaly without a severity is an error.
            if info.severity >= LEVELS[fail_on] or info.severity == AnomalyInfo.UNKNOWN:
                lines.append(f"split {split!r}, {place}: {info.description or info.short_description}")
    return lines


def write_message(failures: Sequence[str], folder: str) -> str:
    """Writes the message of an `ExamplesInvalidError`.

    Args:
      failures: The lines of `describe_failures`.
      folder: The folder that holds all anomalies in full.
    """
    shown = "\n".join(f"  - {line}" for line in failures[:_SHOWN_FAILURES])
    more = f"\n  ... and {len(failures) - _SHOWN_FAILURES} more" if len(failures) > _SHOWN_FAILURES else ""
    count = "1 anomaly" if len(failures) == 1 else f"{len(failures)} anomalies"
    return (
        f"the examples do not keep their schema ({count}):\n{shown}{more}\n"
        f"All of them are in {folder}. Fix the data, curate the schema, or set fail_on = 'never' to go on anyway"
    )


def _name_place(key: str, info: AnomalyInfo) -> str:
    """Names what an anomaly is about: TFDV calls a sequence feature `##SEQUENCE##.upos`."""
    name = info.path.step[-1] if info.path.step else key.removeprefix(f"{SEQUENCE}.")
    return "the feature lists" if name == SEQUENCE else f"feature {name!r}"
