"""The examples run as they stand, with less data and fewer epochs."""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.pipeline import create_pipeline
from tfx_sequence.pipeline.runs import runner
from tfx_sequence.pipeline.runs.display import make_display
from tfx_sequence.pipeline.runs.run_summary import RunReport

pytestmark = [pytest.mark.slow, pytest.mark.example]

FEWER = {"train": 60, "eval": 20, "test": 20}
SMALL: dict[str, dict[str, Any]] = {
    "time_series": {"SIZES": FEWER},
    "language_model": {"LINES": 120},
    "own_reader": {"SESSIONS": 60},
    "own_cell": {"SIZES": FEWER},
}
"""Example to what its make_data.py has less of."""


def load(file: Path) -> Any:
    """The module in a file, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"{file.parent.name}_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs an example, in a folder of its own, up to a pushed model."""
    # Both are undone: modules of the example's own are found by them, in this process and in others.
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "")

    def run(name: str) -> RunReport:
        folder = tmp_path / name
        shutil.copytree(root / "examples" / name, folder, ignore=shutil.ignore_patterns("data", "runs", "__pycache__"))
        make_data = load(folder / "make_data.py")
        for setting, value in SMALL[name].items():
            assert hasattr(make_data, setting)
            monkeypatch.setattr(make_data, setting, value)
        text = [make_data.python_help()] if name == "language_model" else []
        make_data.main(folder / "data", *text)
        config = folder / "pipeline.toml"
        settings = re.sub(r"epochs = \d+", "epochs = 1", config.read_text(encoding="utf-8"))
        # What it would have come to by more epochs is not asked for.
        config.write_text(re.sub(r"(min_accuracy|thresholds) = .*\n", "", settings), encoding="utf-8")
        loaded = load_config(str(config))
        with make_display(io.StringIO()) as display:
            result = runner.run(create_pipeline(loaded), display)
        assert result.error is None, result.error
        return RunReport(loaded, result)

    return run


def answers(report: RunReport, **features: Any) -> dict[str, Any]:
    """What the pushed model says of raw features."""
    serve = tf.saved_model.load(report.model).signatures["serve_sequences"]
    return {name: value.numpy() for name, value in serve(**features).items()}


def test_time_series(run: Any) -> None:
    report = run("time_series")
    assert report.metrics["shape_count"] == FEWER["test"]
    got = answers(report, pen=tf.zeros([2, 5, 2]), lengths=tf.constant([5, 3], tf.int64))
    assert set(got["shape"]) <= {b"circle", b"eight", b"spiral", b"wave"}
    # A point that was not seen is as the last one: the model that is served fills it in.
    pen, gaps = np.zeros([1, 4, 2], np.float32), np.full([1, 4, 2], np.nan, np.float32)
    pen[:] = gaps[0, 0] = [0.5, -1]
    filled, unfilled = (answers(report, pen=tf.constant(x), lengths=tf.constant([4], tf.int64)) for x in (pen, gaps))
    assert 0 < filled["shape_score"] == pytest.approx(unfilled["shape_score"], rel=1e-6)


def test_language_model(run: Any) -> None:
    report = run("language_model")
    # Each line's characters and its end; at most 100 characters are kept.
    assert 1 < report.metrics["target_perplexity"] < 200
    got = answers(report, text=tf.constant([["i", "f", " "]]), lengths=tf.constant([3], tf.int64))
    assert got["target"].shape == (1, 4)  # Begin is a step too.
    assert 0 < got["target_score"].max() <= 1


def test_own_reader(run: Any) -> None:
    report = run("own_reader")
    assert 0 < report.metrics["outcome_count"] == report.metrics["example_count"] < 60
    gap, event = tf.constant([[1.0, 2.0]]), tf.constant([["view", "cart"]])
    got = answers(report, gap=gap, event=event, lengths=tf.constant([2], tf.int64))
    assert got["outcome"][0] in (b"bought", b"left")


def test_own_cell(run: Any) -> None:
    report = run("own_cell")
    assert report.metrics["example_count"] == FEWER["test"]
    text = tf.constant([["(", "a", ")", "b"], ["(", "a", ")", ""]])
    got = answers(report, text=text, lengths=tf.constant([4, 3], tf.int64))
    assert set(got["inside"].ravel()[:-1]) <= {b"yes", b"no"}
    assert got["inside"][1, 3] == b""


def test_own_reader_rejects_what_it_cannot_read_with_its_place(root: Path, tmp_path: Path) -> None:
    from tfx_sequence.components.sequence_example_gen.files.source import Source
    from tfx_sequence.schemas.records.rejects import Reject
    from tfx_sequence.schemas.spec import Feature, SequenceSpec

    reader = load(root / "examples" / "own_reader" / "sessions.py").SessionReader
    spec = SequenceSpec(features={"event": Feature(kind="token"), "session": Feature(kind="token", context=True)})
    file = tmp_path / "day.log"
    file.write_text(
        "# session 1 left\n0 a\n1.5 b\n# session 2\n0 a\n# session 3 left\n0 a\nsoon b\n# session 4 left\n0 c\n"
    )
    items = list(reader(spec, {}).read(Source(str(file))))
    assert [item for item in items if not isinstance(item, Reject)] == [
        (1, {"event": ["a", "b"], "session": "1"}),
        (9, {"event": ["c"], "session": "4"}),
    ]
    assert [item.line for item in items if isinstance(item, Reject)] == [4, 6]


# --- One component of ours in a stock pipeline --------------------------------------------------------------------

ALONE = [
    "sequence_example_gen",
    "sequence_schema_gen",
    "sequence_example_validator",
    "sequence_transform",
    "sequence_trainer",
]


@pytest.fixture(scope="module")
def stock(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The module `run` of the stock pipelines, and a folder whose cache they share."""
    folder = root / "examples" / "stock_pipeline"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield load(folder / "run.py"), tmp_path_factory.mktemp("stock_pipeline")
        for name in ("stock", "user_code", *ALONE):
            sys.modules.pop(name, None)


@pytest.mark.parametrize("name", ALONE)
def test_stock_pipeline_has_one_component_of_ours(stock: Any, name: str) -> None:
    # tests/pipeline/test_plugging_in.py runs such pipelines, each of them up to a pushed model.
    module, folder = stock
    nodes = module.make_pipeline(name, folder).components
    ours = [node.id for node in nodes if type(node).__module__.startswith("tfx_sequence.")]
    assert ours == ["".join(map(str.title, name.split("_")))]
    assert nodes[-1].id == "Pusher"


def test_stock_pipeline_pushes_a_model(stock: Any) -> None:
    module, folder = stock
    pushed = module.run("sequence_trainer", folder)
    example = tf.train.SequenceExample()
    for word in ("the", "cat", "sleeps"):
        example.feature_lists.feature_list["words"].feature.add().bytes_list.value.append(word.encode())
    serve = tf.saved_model.load(str(pushed)).signatures["serving_default"]
    assert serve(examples=tf.constant([example.SerializeToString()]))["tags"].shape == (1, 3)
