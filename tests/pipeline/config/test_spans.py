"""Spans, versions and dates in the patterns of a config: the latest one, or the one that is asked for, everywhere."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from tfx_sequence.components.sequence_example_gen.driver import Driver
from tfx_sequence.components.sequence_example_gen.executor import _find_input_files
from tfx_sequence.pipeline.cli import main
from tfx_sequence.pipeline.config.problems import ConfigError
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.datasets.dataset import read_data_arguments
from tfx_sequence.pipeline.pipeline import create_pipeline

CONFIG = """
[pipeline]
name = "tiny"

[data]
input = "data"
files = {files}
format = "jsonl"

[features.words]
kind = "token"

[features.tags]
kind = "categorical"
role = "label"
"""

SPANS = ["day-1/a.jsonl", "day-2/a.jsonl", "day-10/a.jsonl", "day-10/b.jsonl"]
VERSIONS = ["1/v1/a.jsonl", "2/v1/a.jsonl", "2/v3/a.jsonl"]
DATES = ["2023-12-31.jsonl", "2024-01-02.jsonl"]
DAYS_TO_2023_12_31 = 19722


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """Writes a config and its files. Returns the path of the config."""

    def write(files: str | dict[str, str], paths: list[str]) -> Path:
        for path in paths:
            (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / path).write_text('{"words": ["a"], "tags": ["b"]}\n')
        items = (
            [f"{name} = {json.dumps(pattern)}" for name, pattern in files.items()] if isinstance(files, dict) else []
        )
        value = f"{{ {', '.join(items)} }}" if items else json.dumps(files)
        (tmp_path / "pipeline.toml").write_text(CONFIG.format(files=value))
        return tmp_path / "pipeline.toml"

    return write


def list_read_files(config: Path, span: int | None) -> list[str]:
    """Returns the paths that a run reads, relative to the folder of the data."""
    example_gen = create_pipeline(load_config(config, span)).components[0]
    properties = Driver(None).resolve_exec_properties(dict(example_gen.exec_properties), None, None)
    files = _find_input_files(properties, is_already_split=False)
    return [str(Path(file.path).relative_to(config.parent / "data")) for file in files]


def list_files_of_commands(config: Path, span: int | None) -> list[str]:
    """Returns the paths that commands with `--config` read, relative to the folder of the data."""
    arguments = argparse.Namespace(config=str(config), span=span, feature=[], option=[], format=None, encoding=None)
    dataset = read_data_arguments(arguments, [])
    return [str(Path(path).relative_to(config.parent / "data")) for path in dataset.files]


@pytest.mark.parametrize(
    ("pattern", "paths", "span", "expected"),
    [
        ("day-{SPAN}/*.jsonl", SPANS, None, ["day-10/a.jsonl", "day-10/b.jsonl"]),
        ("day-{SPAN}/*.jsonl", SPANS, 2, ["day-2/a.jsonl"]),
        ("{SPAN}/v{VERSION}/*", VERSIONS, None, ["2/v3/a.jsonl"]),
        ("{SPAN}/v{VERSION}/*", VERSIONS, 1, ["1/v1/a.jsonl"]),
        ("{YYYY}-{MM}-{DD}.jsonl", DATES, None, ["2024-01-02.jsonl"]),
        ("{YYYY}-{MM}-{DD}.jsonl", DATES, DAYS_TO_2023_12_31, ["2023-12-31.jsonl"]),
    ],
)
def test_runs_and_commands_read_the_latest_span_or_the_one_that_is_asked_for(
    project: Any, pattern: str, paths: list[str], span: int | None, expected: list[str]
) -> None:
    config = project(pattern, paths)
    assert list_read_files(config, span) == expected
    assert list_files_of_commands(config, span) == expected


def test_all_splits_have_the_same_span(project: Any) -> None:
    files = {"train": "train-{SPAN}.jsonl", "eval": "eval-{SPAN}.jsonl", "test": "test-{SPAN}.jsonl"}
    paths = [f"{split}-{span}.jsonl" for split in files for span in (1, 2)]
    assert list_files_of_commands(project(files, paths), None) == ["train-2.jsonl", "eval-2.jsonl", "test-2.jsonl"]
    with pytest.raises(ConfigError, match="Latest span should be the same for each split"):
        load_config(project(files, [*paths, "train-3.jsonl"]))


def test_a_key_of_the_config_names_the_span_and_the_option_replaces_it(project: Any) -> None:
    config = project("day-{SPAN}/*.jsonl", SPANS)
    config.write_text(config.read_text().replace('format = "jsonl"', 'format = "jsonl"\nspan = 1'))
    assert list_read_files(config, None) == ["day-1/a.jsonl"]
    assert list_read_files(config, 2) == list_files_of_commands(config, 2) == ["day-2/a.jsonl"]


@pytest.mark.parametrize(
    ("pattern", "span", "message"),
    [
        ("day-{SPAN}/*.jsonl", 7, "Cannot find matching for split"),
        ("other-{SPAN}/*.jsonl", None, "Cannot find matching for split"),
        ("{VERSION}/*.jsonl", None, "Version spec provided, but Span or Date spec is not present"),
        ("{YYYY}/*.jsonl", None, "Exactly one of each date spec"),
        ("*/*.jsonl", 1, "span goes with a place for it in `files`"),
    ],
)
def test_a_span_that_cannot_be_found_is_a_problem_of_the_config(
    project: Any, pattern: str, span: int | None, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(project(pattern, SPANS), span)


def test_the_option_goes_with_a_config_and_its_files(project: Any, capfd: pytest.CaptureFixture[str]) -> None:
    config = project("day-{SPAN}/*.jsonl", SPANS)
    assert main(["validate", "data", "--span", "1"]) == 2
    assert "--span goes with --config" in capfd.readouterr().err
    assert main(["validate", "data", "--config", str(config), "--span", "1"]) == 2
    assert "--span chooses among the files of --config" in capfd.readouterr().err
    assert main(["run", str(config), "--span", "7"]) == 2
    assert "Cannot find matching" in capfd.readouterr().err
