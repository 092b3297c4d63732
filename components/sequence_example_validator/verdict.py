"""Decides which anomalies stop the pipeline, and describes them in the error message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo

from tfx_sequence.components.sequence_example_validator.anomaly_reasons import LEVELS
from tfx_sequence.schemas.tfmd.parts import SEQUENCE

FailOn = Literal["error", "warning", "never"]

_MAX_SHOWN_FAILURES = 20
"""The maximum number of failures in the message, so that it fits a terminal. A file contains all failures."""


class ExamplesInvalidError(ValueError):
    """The examples do not match their schema."""


def describe_failures(anomalies_by_split: Mapping[str, Anomalies], fail_on: FailOn) -> list[str]:
    """Returns one line per anomaly that is at least as severe as `fail_on`, in the order of the splits.

    Args:
      anomalies_by_split: A dict of split name to the anomalies of the split.
      fail_on: The minimum severity of a failure. With `never` there are no failures.
    """
    if fail_on == "never":
        return []
    lines = []
    for split, anomalies in anomalies_by_split.items():
        for place, info in list_places(anomalies):
            # The number of ERROR is greater than that of WARNING. An anomaly without a severity counts as an error.
            if info.severity >= LEVELS[fail_on] or info.severity == AnomalyInfo.UNKNOWN:
                lines.append(f"split {split!r}, {place}: {info.description or info.short_description}")
    return lines


def format_message(failures: Sequence[str], folder: str) -> str:
    """Returns the message of an `ExamplesInvalidError`.

    Args:
      failures: The lines that `describe_failures` returns.
      folder: The folder with the complete anomalies.
    """
    lines = [f"  - {failure}" for failure in failures[:_MAX_SHOWN_FAILURES]]
    num_hidden = len(failures) - _MAX_SHOWN_FAILURES
    if num_hidden > 0:
        lines.append(f"  ... and {num_hidden} more")
    list_of_failures = "\n".join(lines)
    count = "1 anomaly" if len(failures) == 1 else f"{len(failures)} anomalies"
    return (
        f"the examples do not match their schema ({count}):\n{list_of_failures}\n"
        f"All anomalies are in {folder}. Fix the data, edit the schema, or set fail_on = 'never' to continue anyway"
    )


def list_places(anomalies: Anomalies) -> list[tuple[str, AnomalyInfo]]:
    """Returns pairs of the name of a place and the anomaly in this place. The anomaly of the whole dataset is last."""
    sorted_by_key = sorted(anomalies.anomaly_info.items())
    places = [(_format_place(key, info), info) for key, info in sorted_by_key]
    if anomalies.HasField("dataset_anomaly_info"):
        places.append(("the dataset", anomalies.dataset_anomaly_info))
    return places


def _format_place(key: str, info: AnomalyInfo) -> str:
    """Returns the name of an anomaly's place for a message.

    In TFDV's keys the name of a sequence feature has a prefix, as in `##SEQUENCE##.upos`. The prefix is removed.
    """
    name = info.path.step[-1] if info.path.step else key.removeprefix(f"{SEQUENCE}.")
    return "the feature lists" if name == SEQUENCE else f"feature {name!r}"
