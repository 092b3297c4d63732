"""The config, the reader, the commands and the fingerprint find the same files, and each change of a file counts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tfx.proto import example_gen_pb2

from tfx_sequence.components.sequence_example_gen.component import SequenceExampleGen
from tfx_sequence.components.sequence_example_gen.config import ReadConfig
from tfx_sequence.components.sequence_example_gen.driver import Driver
from tfx_sequence.components.sequence_example_gen.executor import _find_input_files
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.datasets.dataset import _find_config_splits
from tfx_sequence.schemas.contract import INPUT_FILES
from tfx_sequence.schemas.spec import Feature, SequenceSpec

SPEC = SequenceSpec(features={"words": Feature(kind="token"), "tags": Feature(kind="categorical", role="label")})

CONFIG = """
[pipeline]
name = "tiny"

[data]
input = "data[1]"
files = {pattern}
format = "jsonl"

[features.words]
kind = "token"

[features.tags]
kind = "categorical"
role = "label"
"""


def make_component(folder: Path, pattern: str, format_name: str = "jsonl") -> SequenceExampleGen:
    inputs = example_gen_pb2.Input(splits=[example_gen_pb2.Input.Split(name="single_split", pattern=pattern)])
    return SequenceExampleGen(
        input_base=str(folder), spec=SPEC, read=ReadConfig(format=format_name), input_config=inputs
    )


def read_fingerprints(folder: Path, pattern: str, format_name: str = "jsonl") -> tuple[str, str]:
    """Returns the fingerprint of the driver, and the one that stands in an execution property."""
    properties = make_component(folder, pattern, format_name).exec_properties
    resolved = Driver(None).resolve_exec_properties(dict(properties), None, None)
    return resolved["input_fingerprint"], properties[INPUT_FILES]


@pytest.mark.parametrize("pattern", ["**/*.jsonl", "*.jsonl", "day[1].jsonl", "**", "sub/?.jsonl", ".*.jsonl"])
def test_config_reader_command_and_fingerprint_find_the_same_files(tmp_path: Path, pattern: str) -> None:
    folder = tmp_path / "data[1]"
    for name in ("a.jsonl", "day[1].jsonl", "day1.jsonl", "sub/b.jsonl", "sub/deep/c.jsonl", ".hidden.jsonl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"words": ["a"], "tags": ["b"]}\n')
    (tmp_path / "pipeline.toml").write_text(CONFIG.format(pattern=json.dumps(pattern)))
    config = load_config(tmp_path / "pipeline.toml")
    component = make_component(folder, pattern)
    read = [file.path for file in _find_input_files(component.exec_properties, is_already_split=False)]
    assert read
    assert _find_config_splits(config) == {"all": read}
    for fingerprint in read_fingerprints(folder, pattern):
        assert fingerprint.startswith(f"split:single_split,num_files:{len(read)},")


def rename(folder: Path) -> None:
    (folder / "a.jsonl").rename(folder / "b.jsonl")


def change_within_a_second(folder: Path) -> None:
    status = (folder / "a.jsonl").stat()
    os.utime(folder / "a.jsonl", ns=(status.st_atime_ns, status.st_mtime_ns - status.st_mtime_ns % 1_000_000_000 + 1))


def swap(folder: Path) -> None:
    """Exchanges the names of two files of equal size, so that their sums stay the same."""
    (folder / "a.jsonl").rename(folder / "temporary")
    (folder / "c.jsonl").rename(folder / "a.jsonl")
    (folder / "temporary").rename(folder / "c.jsonl")


@pytest.mark.parametrize("change", [rename, change_within_a_second, swap])
def test_each_change_of_a_file_changes_both_fingerprints(tmp_path: Path, change: Callable[[Path], None]) -> None:
    for second, name in enumerate(("a.jsonl", "c.jsonl"), 1):
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, ns=(0, second * 1_000_000_000 + 5))
    before = read_fingerprints(tmp_path, "*.jsonl")
    assert read_fingerprints(tmp_path, "*.jsonl") == before
    change(tmp_path)
    after = read_fingerprints(tmp_path, "*.jsonl")
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False]


def test_files_that_are_read_beside_a_matched_file_count(tmp_path: Path) -> None:
    for name in ("seq.in", "seq.out"):
        (tmp_path / name).write_text("a b\n")
    before = read_fingerprints(tmp_path, "seq.in", "parallel")
    os.utime(tmp_path / "seq.out", ns=(0, 5))
    after = read_fingerprints(tmp_path, "seq.in", "parallel")
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False]


def test_a_component_can_be_made_before_its_files_are_there(tmp_path: Path) -> None:
    component = make_component(tmp_path / "missing", "day-{SPAN}/*.jsonl")
    assert component.exec_properties[INPUT_FILES] == ""
