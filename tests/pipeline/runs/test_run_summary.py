import json
import os
import pathlib

import pytest

from tfx_sequence.pipeline.config.toml_file import load_config
from tfx_sequence.pipeline.runs.run_summary import RunReport, flatten_metrics, shorten_path
from tfx_sequence.pipeline.runs.runner import ComponentResult, OutputArtifact, RunResult


def result_of(evaluation=None, pushed=None, epoch=None):
    outputs = {}
    if evaluation:
        outputs["evaluation"] = (OutputArtifact("ModelEvaluation", str(evaluation), {}),)
    if pushed is not None:
        outputs["pushed"] = (OutputArtifact("PushedModel", "/artifact", pushed),)
    components = {"Judge": ComponentResult("reused", 61.0, outputs), "Push": ComponentResult("ran", 0.5, {})}
    return RunResult(components, epoch=epoch)


def test_report_says_why_when_no_model_was_pushed(config_file, tmp_path):
    config_file.write_text(
        config_file.read_text()
        + "[evaluation]\nmin_accuracy = 0.9\n"
        + "thresholds = { upos_cross_entropy = { at_most = 1.5 }, upos_macro_f1 = { worse_by = 0 } }\n"
    )
    metrics = {"upos_accuracy": 0.83, "upos_cross_entropy": 2.0, "upos_macro_f1": 0.1, "steps": 3}

    def model(**changed):
        (tmp_path / "metrics.json").write_text(json.dumps({**metrics, **changed}))
        text = RunReport(load_config(config_file), result_of(tmp_path, {"pushed": 0})).to_text("/log")
        (line,) = [line for line in text.splitlines() if line.startswith("  model ")]
        return line.split(maxsplit=1)[1]

    low, high = "upos_accuracy is 0.8300, expected at least 0.9", "upos_cross_entropy is 2.0000, expected at most 1.5"
    assert model() == f"not pushed: {low}; {high}".replace("2.0000", "2")
    assert model(upos_cross_entropy=1.5) == f"not pushed: {low}"
    assert model(upos_accuracy=float("nan"), upos_cross_entropy=1.2).startswith("not pushed: upos_accuracy is nan")
    assert model(upos_accuracy=0.9, upos_cross_entropy=1.2) == "not pushed: the evaluation did not bless it"


@pytest.mark.parametrize(("skipped", "text"), [(1, "1 batch"), (3, "3 batches"), (0, None)])
def test_report_counts_the_batches_that_training_passed_over(config_file, skipped, text):
    report = RunReport(load_config(config_file), result_of(epoch={"epoch": 2, "epochs": 5, "skipped_batches": skipped}))
    assert ("Training passed over" in report.to_text("/log")) == bool(skipped)
    assert text is None or f"Training passed over {text} whose loss was not finite" in report.to_text("/log")
    assert json.loads(report.to_json()).get("skipped_batches", 0) == skipped


@pytest.mark.parametrize(
    ("schedule", "epoch", "hint"),
    [
        ("constant", {"epoch": 20, "epochs": 20, "best_epoch": 20}, True),
        ("plateau", {"epoch": 20, "epochs": 20, "best_epoch": 20}, True),
        ("cosine", {"epoch": 20, "epochs": 20, "best_epoch": 20}, True),
        ("linear", {"epoch": 20, "epochs": 20, "best_epoch": 20, "eval_upos_accuracy": 0.9999}, True),
        ("constant", {"epoch": 20, "epochs": 20, "best_epoch": 20, "eval_upos_accuracy": 0.99996}, False),
        ("constant", {"epoch": 20, "epochs": 20, "best_epoch": 19}, False),
        ("constant", {"epoch": 12, "epochs": 20, "best_epoch": 12}, False),
        ("constant", {"epoch": 20}, False),
        ("constant", None, False),
    ],
)
def test_report_advises_longer_training_when_the_last_epoch_was_the_best(config_file, schedule, epoch, hint):
    config_file.write_text(config_file.read_text() + f"[training]\nschedule = '{schedule}'\n")
    text = RunReport(load_config(config_file), result_of(epoch=epoch)).to_text("/log")
    assert ("\nWarnings\n  the last of 20 epochs was the best" in text) == hint


def test_report_has_all_its_parts(config_file):
    report = RunReport(load_config(config_file), result_of(pushed={"pushed": 0}))
    assert report.model is None
    assert report.to_text("/log").split("\n\n") == [
        "Finished in 1:02 min; 1 of 2 components reused",
        "Places\n"
        "  model      not pushed: the evaluation did not bless it\n"
        f"  artifacts  {shorten_path(str(config_file.parent / 'runs' / 'tiny' / 'artifacts'))}\n"
        "  log        /log",
    ]


def test_report_names_files_when_the_model_reads_more_than_words(config_file, tmp_path):
    pushed = {"pushed": 1, "pushed_destination": str(tmp_path / "serving" / "7")}
    assert "predict " in (words := RunReport(load_config(config_file), result_of(pushed=pushed)).to_text("/log"))
    assert '"..."' in words
    config_file.write_text(config_file.read_text() + "[features.weight]\nkind = 'float'\nsource = 'MISC:Weight'\n")
    text = RunReport(load_config(config_file), result_of(pushed=pushed)).to_text("/log")
    assert '"..."' not in text
    assert "--config CONFIG --input FILE --output FOLDER" in text


TAG = '[features.upos]\nkind = "categorical"\nrole = "label"\n'
TOPIC = '[features.topic]\nkind = "categorical"\nrole = "label"\ncontext = true\n'
PRICE = '[features.price]\nkind = "float"\nrole = "label"\n'
FORM = '[features.form]\nkind = "token"\n'


def make_question(folder, text, form="jsonl", options=""):
    """The last line of the report of a run, whose config has `text` in its tables of features."""
    (folder / "a.txt").touch()
    config = folder / "pipeline.toml"
    data = f'[data]\ninput = "."\nfiles = "a.txt"\nformat = "{form}"\n{options}'
    config.write_text(f'[pipeline]\nname = "x"\n{data}{text}')
    pushed = {"pushed": 1, "pushed_destination": str(folder / "serving" / "7")}
    return RunReport(load_config(config), result_of(pushed=pushed)).to_text("/log").splitlines()[-1]


@pytest.mark.parametrize(
    ("labels", "question"),
    [
        (TAG, "tag a sentence"),
        (TOPIC, "classify a sentence"),
        (PRICE, "predict numbers"),
        (PRICE + "context = true\n", "predict numbers"),
        ('[transform.form]\nbegin = true\nnext = "after"\n', "continue a sentence"),
        ('[transform.form]\nend = true\nprevious = "before"\n', "precede a sentence"),
        (TAG + TOPIC, "ask about a sentence"),
    ],
    ids=["step", "record", "number", "number of the record", "next", "previous", "step and record"],
)
def test_report_names_what_the_model_can_be_asked(tmp_path, labels, question):
    line = make_question(tmp_path, FORM + labels)
    assert line.startswith(f"  {question}  tfx-sequence predict ")
    assert line.endswith(' "..."')


@pytest.mark.parametrize(
    ("steps", "question"), [("whitespace", "continue a sentence"), ("character", "ask about files")]
)
def test_report_asks_about_files_when_steps_are_not_words(tmp_path, steps, question):
    features = FORM + 'source = "step"\n[features.after]\nkind = "categorical"\nrole = "label"\nsource = "next"\n'
    line = make_question(tmp_path, features, "text", f'options = {{ steps = "{steps}" }}\n')
    assert line.startswith(f"  {question}  tfx-sequence predict ")


def test_report_writes_null_when_a_metric_is_not_a_number(config_file, tmp_path):
    (tmp_path / "metrics.json").write_text('{"accuracy": NaN, "steps": 3}')
    report = RunReport(load_config(config_file), result_of(evaluation=tmp_path))
    assert json.loads(report.to_json())["metrics"] == {"accuracy": None, "steps": 3}


def test_report_shows_the_bounds_of_a_metric_when_there_are_intervals(config_file, tmp_path, monkeypatch):
    (tmp_path / "metrics.json").write_text('{"accuracy": 0.94, "steps": 8025}')
    monkeypatch.setattr(
        "tfx_sequence.pipeline.runs.run_summary.read_intervals", lambda uri: {"accuracy": (0.931, 0.9468)}
    )
    report = RunReport(load_config(config_file), result_of(evaluation=tmp_path))
    assert "  accuracy  0.9400  (0.9310 to 0.9468)\n  steps     8,025\n" in report.to_text("/log")
    # The metrics are the same numbers under the same names.
    got = json.loads(report.to_json())
    assert (got["metrics"], got["intervals"]) == (report.metrics, {"accuracy": [0.931, 0.9468]})


@pytest.mark.parametrize("is_reused", [False, True])
def test_report_lists_the_trials_of_this_run_or_of_the_run_that_is_reused(config_file, tmp_path, is_reused):
    trials = [
        {"number": 1, "trials": 2, "settings": {"model.units": 64}, "score": 0.75},
        {"number": 2, "trials": 2, "settings": {"model.units": 9}, "score": 0.5},
    ]
    # As the stock Tuner writes them, the best first.
    rows = [{"trial_id": "0", "score": 0.75, "model.units": 64}, {"trial_id": "1", "score": 0.5, "model.units": 9}]
    (tmp_path / "tuner_results.json").write_text(json.dumps(rows))
    outputs = {"tuner_results": (OutputArtifact("TunerResults", str(tmp_path), {}),)}
    components = {"Tuner": ComponentResult("reused" if is_reused else "ran", 1.0, outputs)}
    report = RunReport(load_config(config_file), RunResult(components, trials=() if is_reused else trials))
    assert report.to_text("/log").split("\n\n")[1].splitlines() == [
        "Trials",
        "  number  score   model.units",
        "  1       0.7500  64           best",
        "  2       0.5000  9",
    ]
    assert json.loads(report.to_json())["trials"] == [
        {"number": 1, "settings": {"model.units": 64}, "score": 0.75},
        {"number": 2, "settings": {"model.units": 9}, "score": 0.5},
    ]


def test_report_is_empty_when_there_was_no_run():
    assert json.loads(RunReport().to_json(error="wrong")) == {
        "metrics": {},
        "model": None,
        "pipeline_root": None,
        "components": {},
        "error": "wrong",
    }


def test_flatten_metrics_gives_paths_and_numbers_only():
    assert list(flatten_metrics({"test": {"accuracy": 0.5, "by": {"NOUN": 1}}, "note": "text"})) == [
        ("test.accuracy", 0.5),
        ("test.by.NOUN", 1),
    ]


@pytest.mark.parametrize(("path", "expected"), [("a/b", os.path.join("a", "b")), ("../c", None), ("", ".")])
def test_shorten_path_is_relative_only_when_the_path_is_below(tmp_path, monkeypatch, path, expected):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    whole = str((pathlib.Path(here) / path).resolve())
    assert shorten_path(whole) == (expected or whole)
