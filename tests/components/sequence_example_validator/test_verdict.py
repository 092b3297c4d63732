import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.components.sequence_example_validator.verdict import describe_failures, format_message


def anomalies(text):
    return text_format.Parse(text, anomalies_pb2.Anomalies())


def one(severity, name="##SEQUENCE##.tags"):
    return anomalies(f'anomaly_info {{ key: "{name}" value {{ severity: {severity} description: "it is off" }} }}')


@pytest.mark.parametrize(
    ("severity", "fail_on", "fails"),
    [
        ("ERROR", "error", True),
        ("WARNING", "error", False),
        ("UNKNOWN", "error", True),
        ("ERROR", "warning", True),
        ("WARNING", "warning", True),
        ("UNKNOWN", "warning", True),
        ("ERROR", "never", False),
        ("UNKNOWN", "never", False),
    ],
)
def test_anomaly_fails_from_its_severity_on(severity, fail_on, fails):
    lines = describe_failures({"test": one(severity)}, fail_on)
    assert lines == (["split 'test', feature 'tags': it is off"] if fails else [])


def test_anomalies_are_described_by_split_feature_and_what_is_wrong():
    found = {
        "train": anomalies(""),
        "test": anomalies(
            """
            anomaly_info { key: "sent_id" value { severity: ERROR short_description: "Column dropped" } }
            anomaly_info { key: "##SEQUENCE##.tags" value { severity: ERROR description: "has Z" } }
            dataset_anomaly_info { severity: ERROR description: "too few examples" }
            """
        ),
        "eval": one("ERROR", "##SEQUENCE##"),
    }
    assert describe_failures(found, "error") == [
        "split 'test', feature 'tags': has Z",
        "split 'test', feature 'sent_id': Column dropped",
        "split 'test', the dataset: too few examples",
        "split 'eval', the feature lists: it is off",
    ]


def test_message_says_all_that_a_person_needs():
    assert format_message(["split 'test', feature 'tags': it is off"], "out/anomalies") == (
        "the examples do not match their schema (1 anomaly):\n"
        "  - split 'test', feature 'tags': it is off\n"
        "All anomalies are in out/anomalies. Fix the data, edit the schema, or set fail_on = 'never' to continue "
        "anyway"
    )


def test_message_shows_twenty_of_many():
    text = format_message([f"line {number}" for number in range(25)], "out")
    assert "(25 anomalies):\n  - line 0\n" in text
    assert "\n  - line 19\n  ... and 5 more\nAll anomalies are" in text
