import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.components.sequence_example_validator.record_anomalies import add_record_anomalies
from tfx_sequence.schemas.checks.findings import FindingCounts, FindingGroup
from tfx_sequence.schemas.records.rejects import Reason, Reject
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(
    features={
        "tags": Feature(kind="categorical"),
        "a.b": Feature(kind="token"),
        "id": Feature(kind="token", role="key", context=True),
    }
)


def group(reason, feature, count=1, named=1):
    rejects = tuple(
        Reject(reason=reason, message=f"wrong {number}", file="dir/data.gz", record=number, key=f"s{number}")
        for number in range(named)
    )
    return FindingGroup(reason=reason, feature=feature, count=count, first_rejects=rejects)


def merged(*groups, text="", severities=None):
    anomalies = text_format.Parse(text, anomalies_pb2.Anomalies())
    add_record_anomalies(anomalies, FindingCounts(records=50, groups=groups), SPEC, severities or {})
    return anomalies


def test_finding_becomes_an_anomaly_that_names_the_records():
    info = merged(group(Reason.EMPTY_STEP, "tags", count=9, named=2)).anomaly_info["##SEQUENCE##.tags"]
    assert info.description == (
        "9 of 50 records: 's0', record 0 of data.gz: wrong 0; 's1', record 1 of data.gz: wrong 1; and 7 more."
    )
    assert (info.short_description, info.severity) == ("Empty step", anomalies_pb2.AnomalyInfo.ERROR)
    assert [reason.type for reason in info.reason] == [anomalies_pb2.AnomalyInfo.CUSTOM_VALIDATION]
    assert list(info.path.step) == ["##SEQUENCE##", "tags"]


@pytest.mark.parametrize(
    ("feature", "key", "path"),
    [
        ("id", "id", ["id"]),
        ("", "##SEQUENCE##", ["##SEQUENCE##"]),
        ("a.b", "##SEQUENCE##.'a.b'", ["##SEQUENCE##", "a.b"]),
    ],
)
def test_anomaly_stands_where_tfdv_would_put_it(feature, key, path):
    anomalies = merged(group(Reason.MISSING_FEATURE, feature))
    assert {name: list(info.path.step) for name, info in anomalies.anomaly_info.items()} == {key: path}


def test_finding_joins_what_tfdv_found_in_the_feature():
    text = """
    anomaly_info {
      key: "##SEQUENCE##.tags"
      value {
        severity: WARNING short_description: "New column" description: "is new. "
        reason { type: SCHEMA_NEW_COLUMN short_description: "New column" description: "is new. " }
        path { step: "##SEQUENCE##" step: "tags" }
      }
    }
    """
    (info,) = merged(group(Reason.EMPTY_STEP, "tags"), text=text).anomaly_info.values()
    assert info.short_description == "Multiple errors"
    assert info.description == "is new. 1 of 50 records: 's0', record 0 of data.gz: wrong 0."
    assert info.severity == anomalies_pb2.AnomalyInfo.ERROR
    assert [reason.short_description for reason in info.reason] == ["New column", "Empty step"]


@pytest.mark.parametrize(("severity", "expected"), [("error", 2), ("warning", 1), ("off", None)])
def test_severity_is_that_of_the_rule(severity, expected):
    anomalies = merged(group(Reason.EMPTY_STEP, "tags"), severities={"empty_step": severity})
    assert [info.severity for info in anomalies.anomaly_info.values()] == ([] if expected is None else [expected])


def test_nothing_found_adds_nothing():
    assert merged() == anomalies_pb2.Anomalies()
