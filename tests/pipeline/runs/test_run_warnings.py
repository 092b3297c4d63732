"""What did not end a run, but should be known, is shown once, with a count and where to read more."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0.anomalies_pb2 import Anomalies, AnomalyInfo
from tensorflow_metadata.proto.v0.statistics_pb2 import DatasetFeatureStatisticsList

from tfx_sequence.components.sequence_example_validator.severity import check_severities
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.runs.run_summary import RunReport
from tfx_sequence.pipeline.runs.run_warnings import RunWarning, find_warnings
from tfx_sequence.pipeline.runs.runner import ComponentResult, OutputArtifact, RunResult
from tfx_sequence.schemas.tfmd.convert import to_schema
from tfx_sequence.schemas.tfmd.parts import list_feature_protos


def make_result(*artifacts: OutputArtifact, epoch: dict[str, float] | None = None) -> RunResult:
    outputs = {artifact.type: (artifact,) for artifact in artifacts}
    return RunResult({"All": ComponentResult("reused", 1.0, outputs)}, epoch=epoch)


def write_splits(folder: Path, file: str, contents: dict[str, bytes]) -> str:
    for split, content in contents.items():
        path = folder / f"Split-{split}" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(folder)


def make_statistics(counts: dict[str, dict[str, int]], numbers: dict[str, tuple[float, float]] = {}) -> bytes:  # noqa: B006
    """Returns the statistics of tags and words with these counts, and of numbers in these ranges."""
    statistics = DatasetFeatureStatisticsList()
    dataset = statistics.datasets.add(num_examples=10)
    for name, values in counts.items():
        feature = dataset.features.add()
        feature.path.step.extend(["##SEQUENCE##", name])
        strings = feature.string_stats
        strings.unique = len(values)
        strings.common_stats.tot_num_values = sum(values.values())
        for value, count in values.items():
            strings.top_values.add(value=value, frequency=count)
    for name, (low, high) in numbers.items():
        feature = dataset.features.add(type=1)
        feature.path.step.extend(["##SEQUENCE##", name])
        feature.num_stats.common_stats.tot_num_values = 7
        feature.num_stats.min, feature.num_stats.max = low, high
    return statistics.SerializeToString()


@pytest.mark.parametrize(("accuracy", "is_warned"), [(0.61, False), (0.6, True), (0.2, True), (float("nan"), False)])
def test_accuracy_is_compared_with_the_most_frequent_label(
    config_file: Path, tmp_path: Path, accuracy: float, is_warned: bool
) -> None:
    # Over both splits, NOUN has 6 of 10. In each alone, another label has the most.
    config_file.write_text(f'{config_file.read_text()}[evaluation]\nsplits = ["test", "eval"]\n')
    contents = {
        "train": make_statistics({"upos": {"VERB": 100}}),
        "eval": make_statistics({"upos": {"NOUN": 5, "VERB": 1}}),
        "test": make_statistics({"upos": {"VERB": 3, "NOUN": 1}}),
    }
    uri = write_splits(tmp_path / "statistics", "FeatureStats.pb", contents)
    result = make_result(OutputArtifact("ExampleStatistics", uri, {}))
    warnings = find_warnings(load_config(config_file), result, {"upos_accuracy": accuracy})
    assert bool(warnings) == is_warned
    if is_warned:
        (warning,) = warnings
        assert warning.text == (
            f"upos_accuracy is {accuracy:.4f}, no better than always answering 'NOUN', which is right in 0.6000 of the "
            "cases"
        )


def test_input_is_named_when_it_has_one_value_in_train(config_file: Path, tmp_path: Path) -> None:
    with config_file.open("a") as file:
        for name in ("constant", "varied"):
            file.write(f'[features.{name}]\nkind = "float"\nsource = "MISC:{name}"\n')
        file.write('[features.note]\nkind = "token"\nrole = "carried"\nsource = "LEMMA"\n')
    numbers = {"constant": (3.0, 3.0), "varied": (3.0, 4.0)}
    contents = {
        "train": make_statistics({"tokens": {"a": 9}, "note": {"x": 9}, "upos": {"A": 9}}, numbers),
        "eval": make_statistics({"tokens": {"a": 9}}, {"varied": (1.0, 1.0)}),
    }
    uri = write_splits(tmp_path / "statistics", "FeatureStats.pb", contents)
    warnings = find_warnings(load_config(config_file), make_result(OutputArtifact("ExampleStatistics", uri, {})), {})
    texts = [warning.text for warning in warnings]
    end = "has one value in all of train, so the model cannot learn from it"
    assert texts == [f"the input 'tokens' {end}", f"the input 'constant' {end}"]


@pytest.mark.parametrize(
    ("updates", "max_steps", "text"),
    [(9, None, "an epoch had 9 updates"), (1, 50, "an epoch had 1 update of"), (10, None, ""), (3, 3, "")],
)
def test_few_updates_are_warned_of(config_file: Path, updates: int, max_steps: int | None, text: str) -> None:
    if max_steps:
        config_file.write_text(f"{config_file.read_text()}[training]\nmax_steps = {max_steps}\n")
    epoch = {"epoch": 2, "epochs": 20, "best_epoch": 1, "updates": updates}
    warnings = find_warnings(load_config(config_file), make_result(epoch=epoch), {})
    assert [warning.text.startswith(text) for warning in warnings] == ([True] if text else [])
    assert all("`max_length`" in warning.text and warning.see == "docs/training.md" for warning in warnings)


def make_anomalies(severity: int, *names: str) -> bytes:
    anomalies = Anomalies()
    for name in names:
        info = anomalies.anomaly_info[f"##SEQUENCE##.{name}"]
        info.path.step.extend(["##SEQUENCE##", name])
        info.severity = severity
        info.short_description = "Broken span"
        info.description = f"3 of 9 records: {'x' * 500}"
    return anomalies.SerializeToString()


def test_anomaly_is_shown_once_with_its_splits_and_where_to_read_more(config_file: Path, tmp_path: Path) -> None:
    contents = {
        "eval": make_anomalies(AnomalyInfo.WARNING, "upos"),
        "test": make_anomalies(AnomalyInfo.ERROR),
        "train": make_anomalies(AnomalyInfo.WARNING, "upos", "tokens"),
    }
    uri = write_splits(tmp_path / "anomalies", "SchemaDiff.pb", contents)
    report = RunReport(load_config(config_file), make_result(OutputArtifact("ExampleAnomalies", uri, {})))
    first, second = json.loads(report.to_json())["warnings"]
    assert first["text"].startswith("feature 'upos' (eval, train): 3 of 9 records: xxx")
    assert len(first["text"]) < 300
    assert (first["count"], first["see"]) == (2, f"{uri}, docs/validation.md")
    assert second["text"].startswith("feature 'tokens' (train): ")
    assert second["count"] == 1
    lines = report.to_text("/log").partition("\nWarnings\n")[2].splitlines()
    assert [line[:12] for line in lines] == ["  feature 'u", "    see " + uri[:4], "  feature 't", "    see " + uri[:4]]


def test_label_without_a_domain_is_named(config_file: Path, tmp_path: Path) -> None:
    schema = to_schema(load_config(config_file).spec)
    result = make_result(OutputArtifact("Schema", str(tmp_path), {}))
    for domain in (None, ["A", "B"]):
        if domain:
            (proto,) = [proto for proto in list_feature_protos(schema) if proto.name == "upos"]
            proto.string_domain.value.extend(domain)
        (tmp_path / "schema.pbtxt").write_text(text_format.MessageToString(schema))
        warnings = find_warnings(load_config(config_file), result, {})
        assert [warning.text[:29] for warning in warnings] == ([] if domain else ["'upos' has more values than t"])


def test_rejected_records_are_counted(config_file: Path) -> None:
    examples = OutputArtifact("Examples", "/x", {"records_read": 5000, "records_rejected": 12})
    clean = OutputArtifact("Examples", "/x", {"records_read": 5000, "records_rejected": 0})
    config = load_config(config_file)
    expected = RunWarning("12 of 5,000 records were rejected", 12, "/x/Rejects, docs/reading.md")
    assert find_warnings(config, make_result(examples), {}) == [expected]
    assert find_warnings(config, make_result(clean), {}) == []


@pytest.mark.parametrize("reason", ["malformed", "empty_file", "out_of_range", "inconsistent"])
def test_severity_of_what_only_readers_find_is_refused(reason: str) -> None:
    with pytest.raises(ValueError, match=f"'{reason}', but such records are found in reading"):
        check_severities({reason: "warning"})
