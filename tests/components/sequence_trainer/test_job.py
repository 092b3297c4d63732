"""Job and the tuner: settings that others replace, models that others make, and what a saved state is kept for."""

from __future__ import annotations

import dataclasses
import logging
import os
import types
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.training_corpus import MODEL, TASK, records

from tfx_sequence.components.sequence_trainer import tuner_fn as tuning
from tfx_sequence.components.sequence_trainer.config.training import TrainingConfig
from tfx_sequence.components.sequence_trainer.errors import TaskError
from tfx_sequence.components.sequence_trainer.job import Job, _check_tuned_names, _list_files, _load_model_fn
from tfx_sequence.components.sequence_trainer.model.model import build_model
from tfx_sequence.components.sequence_trainer.training.fingerprint import compute_fingerprint
from tfx_sequence.schemas import contract


@pytest.fixture
def job(tmp_path: Path) -> Job:
    path = str(tmp_path / "train-00000-of-00001.gz")
    with tf.io.TFRecordWriter(path, "GZIP") as writer:
        for record in records().as_numpy_iterator():
            writer.write(record)
    return Job(MODEL, TrainingConfig(epochs=1), TASK, None, (path,), (path,))


def test_tuned_replaces_the_settings_that_are_named(job: Job) -> None:
    tuned = job.replace_settings({"model.units": 9, "training.learning_rate": 0.5, "other": 1})
    assert (tuned.model.units, tuned.model.embedding_dim) == (9, MODEL.embedding_dim)
    assert (tuned.training.learning_rate, tuned.training.epochs) == (0.5, 1)
    with pytest.raises(ValueError, match="unit"):
        job.replace_settings({"model.unit": 9})


def test_hyperparameters_that_are_no_settings_are_refused() -> None:
    _check_tuned_names(["model.units", "training.learning_rate", "tuner/epochs"])
    with pytest.raises(TaskError, match="`hyperparameters` has 'units', 'learning_rate', but"):
        _check_tuned_names(["units", "model.dropout", "learning_rate"])


def test_checkpoint_is_found_again_in_another_folder_of_the_same_bytes_only(job: Job, tmp_path: Path) -> None:
    def key(other: Job) -> str:
        return os.path.basename(other.make_checkpoint(str(tmp_path / "state")).directory)

    (path,) = job.train_files
    (tmp_path / "again").mkdir()
    copy = tmp_path / "again" / os.path.basename(path)
    copy.write_bytes(Path(path).read_bytes())
    assert key(dataclasses.replace(job, train_files=(str(copy),))) == key(job)
    copy.write_bytes(Path(path).read_bytes()[:-1])
    (tmp_path / "base" / "variables").mkdir(parents=True)
    (tmp_path / "base" / "variables" / "variables.index").write_bytes(b"of a model")
    others = [
        dataclasses.replace(job, train_files=(str(copy),)),
        job.replace_settings({"training.seed": 2}),
        dataclasses.replace(job, base_model=str(tmp_path / "base")),
        job.replace_settings({"model.units": 2}),
        dataclasses.replace(job, task=dataclasses.replace(TASK, embeddings={"tokens": np.zeros([6, 2], "float32")})),
        dataclasses.replace(job, task=dataclasses.replace(TASK, embeddings={"tokens": np.ones([6, 2], "float32")})),
    ]
    assert len({key(job), *map(key, others)}) == 1 + len(others)


def test_fingerprint_counts_the_files_in_their_order(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_text(name)
    files = [str(tmp_path / name) for name in "ab"]
    assert compute_fingerprint(files, []) == compute_fingerprint(files, [])
    assert (
        len({compute_fingerprint(files, []), compute_fingerprint(files[::-1], []), compute_fingerprint(files[:1], [])})
        == 3
    )


def test_make_model_calls_the_function_that_is_named(job: Job) -> None:
    model = job.replace_settings({"training.model_fn": "support.own_models:small_model"}).make_model()
    assert type(model).__name__ == "SequenceModel"
    with pytest.raises(TaskError, match=r"for each of the labels \['tags', 'intent'\], but has None"):
        job.replace_settings({"training.model_fn": "support.own_models:headless"}).make_model()
    for name in ("support.own_models:nothing", "no_such_module:make"):
        other = job.replace_settings({"training.model_fn": name})
        message = (
            rf"training\.model_fn = '{name}' cannot be imported: .*{name.split(':')[0]}.* It must be `module:function`"
        )
        for use in (other.make_model, lambda other=other: other.make_checkpoint("state")):
            with pytest.raises(TaskError, match=message):
                use()


def test_make_model_leaves_the_precision_of_others_alone(job: Job) -> None:
    model = job.replace_settings({"training.precision": "mixed_bfloat16"}).make_model()
    assert model.compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_model_of_half_precision_is_exported_in_float32(job: Job, precision: str) -> None:
    half, batches = job.replace_settings({"training.precision": precision}), job.make_train_batches()
    model = half.make_model()
    build_model(model, batches)
    rng = np.random.default_rng(3)
    # Other weights than the first ones, which are those of every model of one seed.
    model.set_weights([rng.normal(size=weight.shape, scale=0.5) for weight in model.get_weights()])
    exported = half.make_serving_model(model, batches)
    batch = next(iter(batches.make_epoch(0)))
    trained = model(batch, training=False)
    run = tf.function(lambda batch: exported(batch, training=False))
    for name, outputs in run(batch).items():
        assert trained[name].dtype.name == precision.removeprefix("mixed_")
        np.testing.assert_allclose(outputs, tf.cast(trained[name], tf.float32), atol=0.1)
        answers = exported.heads[name].predict(outputs, batch["lengths"])
        assert answers[f"{name}_score"].dtype == outputs.dtype == tf.float32
        assert exported.heads[name].compute_cross_entropy(outputs, batch).dtype == tf.float64
    graph = run.get_concrete_function(batch).graph
    types = {output.dtype for operation in graph.get_operations() for output in operation.outputs}
    assert not types & {tf.bfloat16, tf.float16}


def test_model_of_full_precision_is_exported_itself(job: Job) -> None:
    model = job.make_model()
    assert job.make_serving_model(model, job.make_train_batches()) is model


def _tuner(job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Any:
    monkeypatch.setattr(tuning.Job, "read", lambda fn_args: job)
    fn_args = types.SimpleNamespace(custom_config={"tuning": settings}, working_dir=str(folder))
    return tuning.tuner_fn(fn_args).tuner


def test_tuner_finds_the_better_settings(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = {"training.learning_rate": [1e-9, 0.02], "model.dropout": [0]}
    tuner = _tuner(job, tmp_path, monkeypatch, trials=2, space=space)
    tuner.search()
    best = tuner.get_best_hyperparameters()[0]
    assert best.get("training.learning_rate") == 0.02
    # What the stock Tuner writes, and SequenceTrainer reads.
    assert job.replace_settings(best.get_config()["values"]).training.learning_rate == 0.02
    assert len(tuner.oracle.get_best_trials(5)) == 2


def test_tuner_does_not_choose_between_sums_and_means(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of two equal models, that with the mean would always win.
    space = {"training.loss": ["sum", "token_mean"]}
    with pytest.raises(TaskError, match=r'training\.loss cannot be tried with training\.monitor = "loss"'):
        _tuner(job.replace_settings({"training.monitor": "loss"}), tmp_path, monkeypatch, space=space)
    _tuner(job.replace_settings({"training.monitor": "tags_accuracy"}), tmp_path, monkeypatch, space=space)


def test_tuner_tries_integers_of_a_range_and_reports_its_trials(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    space = {"model.units": {"min": 2, "max": 5}, "model.projection": {"min": 1, "max": 9, "log": True}}
    quick = job.replace_settings({"training.epochs": 1})
    tuner = _tuner(quick, tmp_path, monkeypatch, trials=2, space=space)
    with caplog.at_level(logging.INFO, logger=contract.PROGRESS_LOGGER):
        tuner.search()
    trials = [record.trial for record in caplog.records if hasattr(record, "trial")]
    assert [("score" in trial, trial["number"], trial["trials"]) for trial in trials] == [
        (ended, number, 2) for number in (1, 2) for ended in (False, True)
    ]
    for begin, end in zip(trials[::2], trials[1::2], strict=True):
        assert begin["settings"] == end["settings"]
        assert {type(value) for value in end["settings"].values()} == {int}
        assert 2 <= end["settings"]["model.units"] <= 5
    best = tuner.oracle.get_best_trials(1)[0]
    assert best.score == max(trial["score"] for trial in trials[1::2])


def test_tuner_says_why_when_no_trial_succeeds(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Each value alone is possible, but not with the cell.
    tuner = _tuner(job, tmp_path, monkeypatch, trials=1, space={"model.blocks": [2]})
    with caplog.at_level(logging.INFO, logger=contract.PROGRESS_LOGGER), pytest.raises(TaskError) as raised:
        tuner.search()
    assert str(raised.value).startswith("no trial of the tuner succeeded; the last one failed: ")
    *_, end = [record.trial for record in caplog.records if hasattr(record, "trial")]
    assert end["score"] is None
    assert "goes with cell = " in end["error"]


@pytest.mark.parametrize("name", [":make", "module", "module:", ".module:make", ""])
def test_load_model_fn_refuses_a_name_without_module_or_function(name: str) -> None:
    with pytest.raises(TaskError, match=r"does not name a module and a function\. It must be `module:function`"):
        _load_model_fn(name)


def test_files_that_match_two_patterns_are_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.gz").touch()
    (tmp_path / "b.gz").touch()
    patterns = [str(tmp_path / "*.gz"), str(tmp_path / "a*")]
    assert _list_files(patterns) == (str(tmp_path / "a.gz"), str(tmp_path / "b.gz"))
