"""Exports the functions and names with which stock components mark and read artifacts. TFX does not document them."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx import types
from tfx.components.example_gen.utils import generate_output_split_names, make_default_input_config
from tfx.components.example_gen.write_split import to_file_format_str
from tfx.components.example_validator.executor import (
    ARTIFACT_PROPERTY_BLESSED_KEY,
    BLESSED_VALUE,
    NOT_BLESSED_VALUE,
)
from tfx.components.example_validator.executor import DEFAULT_FILE_NAME as ANOMALIES_FILE
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.components.statistics_gen.stats_artifact_utils import BINARY_PB_BASENAME as STATISTICS_FILE
from tfx.components.util.examples_utils import get_payload_format, set_file_format, set_payload_format

__all__ = [
    "ANOMALIES_FILE",
    "ARTIFACT_PROPERTY_BLESSED_KEY",
    "BLESSED_VALUE",
    "NOT_BLESSED_VALUE",
    "STATISTICS_FILE",
    "generate_output_split_names",
    "get_payload_format",
    "load_statistics",
    "make_default_input_config",
    "set_file_format",
    "set_payload_format",
    "to_file_format_str",
]


def load_statistics(artifact: types.Artifact, split: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Reads the statistics of one split, as written by any version of StatisticsGen."""
    return stats_artifact_utils.load_statistics(artifact, split).proto()
