"""Own code beside a config is found by all that reads the config, and each change of it runs what depends on it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest

from tfx_sequence.components.own_code import importing
from tfx_sequence.components.sequence_example_gen.conversion import convert
from tfx_sequence.pipeline.cli import main
from tfx_sequence.pipeline.config.problems import ConfigError
from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.schemas.contract import OWN_CODE_VARIABLE

CONFIG = """
[pipeline]
name = "tiny"
preprocessing_fn = "transforming:preprocessing_fn"

[data]
input = "corpus"
files = "*.txt"
format = "reading:Words"
split = { shares = { train = 1, eval = 1, test = 1 } }

[features.tokens]
kind = "token"

[features.tags]
kind = "categorical"
role = "label"

[training]
model_fn = "modelling:model_fn"

[evaluation]
metrics = ["measuring:Whole"]
"""

MODULES = {
    "reading": """
from shared import upper
from tfx_sequence.components.sequence_example_gen import Reader

class Words(Reader):
    def __init__(self, spec, options):
        pass

    def read(self, source):
        for number, line in source.lines():
            tokens = line.split()
            yield number, {"tokens": tokens, "tags": [upper(token) for token in tokens]}
""",
    "shared": "def upper(token):\n    return token.upper()\n",
    "transforming": "def preprocessing_fn(inputs):\n    return inputs\n",
    "modelling": "import layers\n\ndef model_fn(task, config):\n    return layers.make()\n",
    "layers": "def make():\n    return None\n",
    "measuring": """
from collections import Counter
from scores import share
from tfx_sequence.components.sequence_evaluator.accumulators import Figure, MetricAccumulator

class Whole(MetricAccumulator):
    label_kind = "values"
    figures = {"whole": Figure(more_is_better=True)}

    def count(self, answers):
        return Counter(records=1)

    def compute(self, counts):
        return {"whole": share(counts)}
""",
    "scores": "def share(counts):\n    return 1.0\n",
    # They break whatever imports them, and Beam imports modules of these names.
    "queue": "1 / 0\n",
    "numpy": "1 / 0\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The config of a project that has own code of every kind."""
    monkeypatch.setattr(importing, "_finder", importing._OwnCodeFinder())
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setenv(OWN_CODE_VARIABLE, "{}")
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(source)
        if name not in ("queue", "numpy"):
            monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("".join(f"der Hund {i}\n" for i in range(30)))
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    return tmp_path / "pipeline.toml"


def list_keys(config: Path) -> dict[str, str]:
    """Returns the id of each component to what TFX compares, besides inputs, to decide whether to run it again."""
    from tfx_sequence.pipeline.pipeline import create_pipeline

    pipeline = create_pipeline(load_config(config))
    return {component.id: json.dumps(component.exec_properties, default=str) for component in pipeline.components}


@pytest.mark.parametrize(
    ("module", "component"),
    [
        ("reading", "SequenceExampleGen"),
        ("shared", "SequenceExampleGen"),
        ("transforming", "SequenceTransform"),
        ("modelling", "SequenceTrainer"),
        ("layers", "SequenceTrainer"),
        ("scores", "Evaluator"),
        ("measuring", "Evaluator"),
        ("queue", None),
    ],
)
def test_a_changed_module_changes_the_key_of_the_component_that_uses_it(
    project: Path, module: str, component: str | None
) -> None:
    before = list_keys(project)
    assert list_keys(project) == before
    with project.with_name(f"{module}.py").open("a") as file:
        file.write("# changed\n")
    after = list_keys(project)
    assert {name for name, key in after.items() if before[name] != key} == {component} - {None}


def test_a_new_version_of_this_package_changes_the_key_of_every_component_of_ours(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list_keys(project)
    monkeypatch.setattr("tfx_sequence.components.own_code.fingerprint._look_up_version", lambda name: "99")
    after = list_keys(project)
    stock = {"StatisticsGen", "Pusher"}
    assert {name for name, key in after.items() if before[name] == key} == stock


@pytest.mark.parametrize("command", ["validate", "convert", "schema"])
def test_each_command_finds_the_own_code_of_a_config(project: Path, tmp_path: Path, command: str, capfd: Any) -> None:
    arguments = {
        "validate": ["validate", "--config", str(project), "--fail-on", "never"],
        "convert": ["convert", "--config", str(project), str(tmp_path / "output")],
        "schema": ["schema", "infer", "--config", str(project)],
    }
    assert main(arguments[command]) == 0, capfd.readouterr().err


def test_worker_processes_of_beam_find_the_own_code(project: Path, tmp_path: Path) -> None:
    config = load_config(project)
    options = [*config.pipeline.model_copy(update={"workers": 2}).beam_args]
    counts = convert(
        [str(tmp_path / "corpus" / "a.txt")],
        str(tmp_path / "output"),
        spec=config.spec,
        read=config.data.read_config,
        make_pipeline=lambda: beam.Pipeline(argv=options),
    )
    assert counts.written == {"all": 30}


def test_a_module_with_the_name_of_one_of_python_is_refused(project: Path) -> None:
    project.write_text(CONFIG.replace("reading:Words", "queue:Words"))
    with pytest.raises(
        ConfigError, match=r"data\.format = \"queue:Words\": queue\.py has the name of a module of Python"
    ):
        load_config(project)
