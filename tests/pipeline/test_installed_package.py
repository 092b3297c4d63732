"""A package that somebody else installs adds a member to every family, and a whole pipeline runs with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import TESTS

CONFIG = """
[pipeline]
name = "extras"

[data]
input = "data"
files = { train = "train.txt", eval = "eval.txt", test = "test.txt" }
format = "slashed"
options = { separator = "|" }

[features.words]
kind = "token"

[features.tags]
kind = "categorical"
role = "label"

[features.sizes]
kind = "float"
role = "label"

[validation]
severities = { too_many_urls = "warning" }

[model]
cell = "leaky"
cell_options = { leak = 0.9 }
units = 16

[model.heads.sizes]
kind = "capped_error"
options = { cap = 2.0 }

[training]
epochs = 15
learning_rate = 0.02
batch_tokens = 128

[evaluation]
metrics = ["whole_records"]
thresholds = { tags_whole = { at_least = 0.9 } }
"""

TAGS = {"a": "X", "bb": "Y", "ccc": "X", "http://d": "Z"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A config beside its data; the records of the test split have two URLs each."""
    words = list(TAGS)
    for split, first in (("train", 0), ("eval", 1), ("test", 3)):
        lines = [[words[(first + number * step) % 3] for step in range(1, 5)] for number in range(60)]
        if split == "test":
            lines = [["http://d", "http://d", *line] for line in lines]
        else:
            lines = [[*line, "http://d"] for line in lines]
        text = "".join(" ".join(f"{word}|{TAGS[word]}" for word in line) + "\n" for line in lines)
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / f"{split}.txt").write_text(text)
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder that the package is installed in, for PYTHONPATH."""
    source, target = tmp_path / "extras_package", tmp_path / "site"
    shutil.copytree(TESTS / "support" / "extras_package", source)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True)
    return target


@pytest.mark.slow
def test_pipeline_runs_with_a_member_of_each_family_that_a_package_adds(project: Path, site: Path) -> None:
    command = [str(Path(sys.executable).with_name("tfx-sequence")), "run", "--json", str(project / "pipeline.toml")]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["metrics"]["example_count"] == 60  # What the reader read.
    assert report["metrics"]["tags_whole"] >= 0.9  # What the metric computed, and the threshold on it.
    assert report["model"] is not None
    files = (project / "runs/extras/artifacts/SequenceExampleValidator/anomalies").glob("*/Split-test/*")
    assert any(b"too_many_urls" in file.read_bytes() for file in files)  # What the rule found.
    weights = json.loads(next(Path(report["model"]).rglob("weights.json")).read_text())
    assert any("leaky_cell" in json.dumps(entry) for entry in weights["weights"])
