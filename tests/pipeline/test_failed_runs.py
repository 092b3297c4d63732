"""The command about small pipelines that must not run: each ends in one error that names what is wrong."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tfx_sequence.pipeline.cli import main

pytestmark = pytest.mark.slow

CONFIG = """
[pipeline]
name = "small"

[data]
input = "data"
format = "jsonl"
files = { train = "train.jsonl", eval = "eval.jsonl", test = "test.jsonl" }

[features]
words = { kind = "token" }
tags = { kind = "categorical", role = "label" }

[model]
units = 4
embedding_dim = 4

[training]
epochs = 1
"""

SPLITS = {"train": 30, "eval": 6, "test": 6}


def _run(config: Path, capfd: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    """Exit code, the report, and what a person reads."""
    code = main(["run", "--json", str(config)])
    out, err = capfd.readouterr()
    return code, json.loads(out), err


def _records(seed: int, count: int) -> list[dict[str, list[str]]]:
    rng = random.Random(seed)
    words = {"cat": "N", "dog": "N", "<pad>": "N", "runs": "V", "0": "V", "": "X"}
    picked = [rng.choices(list(words), k=rng.randint(1, 6)) for _ in range(count)]
    # Every split has every tag.
    picked[0] = list(words)
    return [{"words": some, "tags": [words[word] for word in some]} for some in picked]


def _write(folder: Path, **change: list[dict[str, Any]]) -> Path:
    """A small project: the config, and data whose splits are those of `change` or as they should be."""
    (folder / "data").mkdir(parents=True)
    for seed, (split, count) in enumerate(SPLITS.items()):
        records = change.get(split, _records(seed, count))
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / "data" / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    config = folder / "pipeline.toml"
    config.write_text(CONFIG, encoding="utf-8")
    return config


def _failure(config: Path, capfd: pytest.CaptureFixture[str], code: int = 1) -> tuple[str, dict[str, Any]]:
    """What a person reads when the run fails, and what a program does."""
    exit_code, report, shown = _run(config, capfd)
    assert exit_code == code
    assert report["model"] is None
    assert report["error"] in shown
    assert "Traceback" not in shown
    return shown, report


def _no_live_artifacts(config: Path, component: str) -> None:
    """Nothing of a failed component is left that could be taken for whole."""
    folder = config.parent / "runs" / "small" / "artifacts" / component
    assert not [file for file in folder.rglob("*.gz") if ".system" not in file.parts]


def test_missing_file_ends_in_one_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = _write(tmp_path / "project")
    (config.parent / "data" / "eval.jsonl").unlink()
    shown, _ = _failure(config, capfd, code=2)
    assert "eval.jsonl" in shown


def test_empty_file_ends_in_one_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = _write(tmp_path / "project", eval=[])
    shown, _ = _failure(config, capfd)
    assert "eval" in shown
    assert "no record" in shown or "empty" in shown
    _no_live_artifacts(config, "SequenceExampleGen")


def test_tokens_and_labels_of_unequal_length_name_the_record(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    records = _records(0, 30)
    records[7]["tags"].append("N")
    config = _write(tmp_path / "project", train=records)
    shown, _ = _failure(config, capfd)
    assert "train.jsonl" in shown
    assert "line 8" in shown
    assert "tags" in shown
    assert "words" in shown
    _no_live_artifacts(config, "SequenceExampleGen")


def test_conllu_row_of_nine_columns_names_file_and_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = _write(tmp_path / "project")
    row = "1\tev\tev\tNOUN\t_\t_\t0\troot\t_\t_\n"
    for split in SPLITS:
        bad = row.replace("\t_\n", "\n") if split == "test" else row
        (config.parent / "data" / f"{split}.conllu").write_text(f"{row}\n{bad}\n", encoding="utf-8")
    conllu = CONFIG.replace("jsonl", "conllu").replace('"token"', '"token", source = "form"')
    config.write_text(conllu.replace('role = "label"', 'role = "label", source = "upos"'), encoding="utf-8")
    shown, _ = _failure(config, capfd)
    assert "test.conllu" in shown
    assert "line 3" in shown
    assert "9" in shown


def test_label_seen_only_in_the_test_split_stops_the_run_before_training(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    records = [*_records(2, 6), {"words": ["cat"], "tags": ["ONLY_HERE"]}]
    config = _write(tmp_path / "project", test=records)
    shown, report = _failure(config, capfd)
    assert report["components"]["SequenceExampleValidator"]["status"] == "failed"
    assert report["components"]["SequenceTransform"]["status"] == "pending"
    for word in ("'test'", "'tags'", "ONLY_HERE"):
        assert word in shown


def test_unknown_key_is_named_with_its_neighbours(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = _write(tmp_path / "project")
    config.write_text(CONFIG.replace("epochs = 1", "epoch = 1"), encoding="utf-8")
    shown, _ = _failure(config, capfd, code=2)
    assert "training.epoch" in shown
    assert "epochs" in shown.replace("training.epoch:", "")
