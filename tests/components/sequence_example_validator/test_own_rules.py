"""Tests that workers find the record rules of installed packages, and that these rules have severities."""

import apache_beam as beam
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from support.entry_points import install_entry_points
from tensorflow_metadata.proto.v0 import anomalies_pb2

from tfx_sequence.components.sequence_example_validator.record_anomalies import add_record_anomalies
from tfx_sequence.components.sequence_example_validator.record_stage import ExampleFile, check_files
from tfx_sequence.components.sequence_example_validator.severity import check_severities
from tfx_sequence.schemas.spec import Feature, SequenceSpec
from tfx_sequence.schemas.tfmd.convert import to_schema

SPEC = SequenceSpec(features={"tokens": Feature(kind="token")})


@pytest.fixture
def installed(tmp_path, monkeypatch):
    install_entry_points(tmp_path, "tfx_sequence.rules", too_many_urls="support.own_rules:TooManyUrls")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.fixture
def check(installed, make_example):
    def run(**options):
        path = str(installed / "data")
        with tf.io.TFRecordWriter(path) as writer:
            for urls in (1, 2, 0):
                writer.write(make_example({}, {"tokens": ["http://a"] * urls + ["b"]}))
        outputs = {"train": str(installed / "train.json")}
        files = [ExampleFile("train", path)]
        return check_files(files, to_schema(SPEC), outputs, lambda: beam.Pipeline(**options))["train"]

    return run


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        ({}, [("tokens", anomalies_pb2.AnomalyInfo.ERROR, "Too many urls")]),
        ({"too_many_urls": "warning"}, [("tokens", anomalies_pb2.AnomalyInfo.WARNING, "Too many urls")]),
        ({"too_many_urls": "off"}, []),
    ],
)
def test_finding_is_an_anomaly_of_the_severity_that_is_given(check, severities, expected):
    check_severities(severities)
    anomalies = anomalies_pb2.Anomalies()
    found = check(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner")
    add_record_anomalies(anomalies, found, SPEC, severities)
    infos = anomalies.anomaly_info.values()
    assert [(info.path.step[-1], info.severity, info.short_description) for info in infos] == expected
    assert all("record 1 of data: `tokens` has 2 URLs" in info.description for info in infos)


@pytest.mark.slow
def test_rule_is_found_in_worker_processes(check, installed, monkeypatch, root):
    monkeypatch.setenv("PYTHONPATH", f"{installed}:{root / 'tests'}")
    workers = PipelineOptions(["--direct_running_mode=multi_processing", "--direct_num_workers=2"])
    (group,) = check(options=workers).groups
    assert (str(group.reason), group.feature, group.count) == ("too_many_urls", "tokens", 1)


def test_severity_of_a_rule_is_refused_when_no_package_brings_it():
    with pytest.raises(ValueError, match="`severities` names 'too_many_urls', expected one of our rules"):
        check_severities({"too_many_urls": "off"})
