"""`tfx-sequence init`: a project that runs at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tfx_sequence.pipeline.cli import main
from tfx_sequence.pipeline.config.toml_file import load_config


def test_project_is_complete_named_for_its_folder_and_of_sound_data(tmp_path: Path) -> None:
    folder = tmp_path / "my home!"
    assert main(["init", str(folder)]) == 0
    config = load_config(str(folder / "pipeline.toml"))
    assert config.pipeline.name == "my_home_"
    assert "my_home_" in (folder / "README.md").read_text(encoding="utf-8")
    sizes = {}
    for split, pattern in config.data.files.items():
        lines = (folder / "data" / pattern).read_text(encoding="utf-8").splitlines()
        sizes[split] = len(lines)
        for record in map(json.loads, lines):
            assert len(record["words"]) == len(record["slots"]) > 0
            for before, tag in zip(["O", *record["slots"]], record["slots"], strict=False):
                assert not tag.startswith("I-") or before[1:] == tag[1:]
    assert sizes == {"train": 400, "eval": 60, "test": 60}


def test_two_projects_have_the_same_files(tmp_path: Path) -> None:
    contents = []
    for place in ("a", "b"):
        assert main(["init", f"{tmp_path}/{place}/same"]) == 0
        files = sorted(path for path in (tmp_path / place / "same").rglob("*") if path.is_file())
        contents.append([(path.name, path.read_bytes()) for path in files])
    assert contents[0] == contents[1]


def test_folder_that_is_not_empty_is_left_alone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert "not empty" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.slow
@pytest.mark.example
def test_project_runs_and_its_own_tests_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home"
    assert main(["init", str(folder)]) == 0
    monkeypatch.chdir(folder)
    # Both are undone: the project's own code is found by them, in this process and in others.
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "")
    capfd.readouterr()
    assert main(["run", "pipeline.toml", "--json"]) == 0
    metrics = json.loads(capfd.readouterr().out)["metrics"]
    assert metrics["intent_accuracy"] > 0.9
    assert metrics["slots_span_f1"] > 0.8
    subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=folder, check=True)
