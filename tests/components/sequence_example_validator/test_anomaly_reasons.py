import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.components.sequence_example_validator.anomaly_reasons import apply_severities

TWO = """
anomaly_info {
  key: "##SEQUENCE##.tags"
  value {
    severity: ERROR short_description: "Multiple errors" description: "is new. has Z. "
    reason { type: SCHEMA_NEW_COLUMN short_description: "New column" description: "is new. " }
    reason { type: ENUM_TYPE_UNEXPECTED_STRING_VALUES short_description: "Unexpected" description: "has Z. " }
  }
}
dataset_anomaly_info { severity: ERROR reason { type: DATASET_LOW_NUM_EXAMPLES short_description: "Few" } }
"""


def judged(severities):
    anomalies = text_format.Parse(TWO, anomalies_pb2.Anomalies())
    apply_severities(anomalies, severities)
    return anomalies


def summary(info):
    level = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
    return level, info.short_description, info.description, len(info.reason)


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        ({}, ("ERROR", "Multiple errors", "is new. has Z. ", 2)),
        ({"empty_step": "off"}, ("ERROR", "Multiple errors", "is new. has Z. ", 2)),
        ({"SCHEMA_NEW_COLUMN": "off"}, ("ERROR", "Unexpected", "has Z.", 1)),
        ({"SCHEMA_NEW_COLUMN": "warning"}, ("ERROR", "Multiple errors", "is new. has Z.", 2)),
        (
            {"SCHEMA_NEW_COLUMN": "warning", "ENUM_TYPE_UNEXPECTED_STRING_VALUES": "warning"},
            ("WARNING", "Multiple errors", "is new. has Z.", 2),
        ),
        (
            {"SCHEMA_NEW_COLUMN": "off", "ENUM_TYPE_UNEXPECTED_STRING_VALUES": "warning"},
            ("WARNING", "Unexpected", "has Z.", 1),
        ),
    ],
)
def test_anomaly_is_as_severe_as_its_most_severe_reason(severities, expected):
    assert summary(judged(severities).anomaly_info["##SEQUENCE##.tags"]) == expected


def test_anomaly_is_taken_out_when_all_of_its_reasons_are_off():
    anomalies = judged({"SCHEMA_NEW_COLUMN": "off", "ENUM_TYPE_UNEXPECTED_STRING_VALUES": "off"})
    assert not anomalies.anomaly_info
    assert anomalies.HasField("dataset_anomaly_info")


def test_anomaly_of_the_dataset_has_a_severity_too():
    assert judged({"DATASET_LOW_NUM_EXAMPLES": "warning"}).dataset_anomaly_info.severity == 1
    assert not judged({"DATASET_LOW_NUM_EXAMPLES": "off"}).HasField("dataset_anomaly_info")
