import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
from support import programs, tiny_pipeline

from tfx_sequence.pipeline.cli import main

NOISE = ("noise of Python", "noise of C on 1", "noise of C on 2", "noise of a child")


def the_log(config_file):
    [log] = (config_file.parent / "runs" / "tiny" / "logs").iterdir()
    return log


def test_run_shows_progress_and_report_when_all_goes_well(config_file, capfd, monkeypatch):
    monkeypatch.chdir(config_file.parent)
    assert main(["run", str(config_file)], factory=tiny_pipeline.factory()) == 0
    out, err = capfd.readouterr()
    log = the_log(config_file)
    assert err == ""
    progress, head, report = out.split("\n\n", 2)
    assert re.fullmatch(r"Finished in \d+\.\d s; 0 of 2 components reused", head)
    lines = progress.splitlines()
    assert lines[:4] == [
        f"tiny: log in runs/tiny/logs/{log.name}",
        "Loading TensorFlow and TFX ...",
        "2 components to run",
        "Read: running",
    ]
    assert [line for line in lines if "epoch" in line] == [
        "Judge: epoch 1/2  loss 1.0000  tokens 12,345",
        "Judge: epoch 2/2  loss 0.5000  tokens 12,345",
    ]
    assert report == (
        "Metrics\n"
        "  test.accuracy  0.9375\n"
        "  test.steps     8,192\n"
        "\n"
        "Places\n"
        "  model      runs/tiny/serving/17\n"
        "  artifacts  runs/tiny/artifacts\n"
        f"  log        runs/tiny/logs/{log.name}\n"
        "\n"
        "Next\n"
        '  tag a sentence  tfx-sequence predict runs/tiny/serving "..."\n'
    )
    logged = log.read_text()
    assert all(noise in logged for noise in NOISE)


def test_run_says_what_it_reused_when_nothing_changed(config_file, capfd):
    for expected in ("ran", "reused"):
        assert main(["run", "--json", str(config_file)], factory=tiny_pipeline.factory()) == 0
        out, err = capfd.readouterr()
        report = json.loads(out)
        assert {name: component["status"] for name, component in report["components"].items()} == {
            "Read": expected,
            "Judge": expected,
        }
        assert f"Read: {expected} (" in err
        assert report["metrics"] == {"test": {"accuracy": 0.9375, "steps": 8192}}


def test_run_reports_the_artifact_when_the_serving_folder_was_cleared(config_file, capfd):
    for _ in range(2):
        assert main(["run", "--json", str(config_file)], factory=tiny_pipeline.factory()) == 0
        model = pathlib.Path(json.loads(capfd.readouterr().out)["model"])
        assert model.is_dir()
        if model.name == "17":
            model.rmdir()
    assert model.is_relative_to(config_file.parent / "runs" / "tiny" / "artifacts" / "Judge" / "pushed")


def test_run_tells_the_one_error_first_when_a_component_fails(config_file, capfd):
    assert main(["run", str(config_file)], factory=tiny_pipeline.factory("fail")) == 1
    out, err = capfd.readouterr()
    assert out.splitlines()[-1].startswith("Judge: failed (")
    log = the_log(config_file)
    assert err.strip().splitlines() == [
        "Judge failed: a.conllu, line 3: 9 columns",
        f"The whole log: {log}",
    ]
    assert "Traceback (most recent call last):" in log.read_text()
    assert "CorpusError: a.conllu, line 3: 9 columns [while running 'Read']" in log.read_text()


def test_run_puts_the_error_into_the_object_when_it_fails_with_json(config_file, capfd):
    assert main(["run", "--json", str(config_file)], factory=tiny_pipeline.factory("fail")) == 1
    report = json.loads(capfd.readouterr().out)
    assert report["error"] == "a.conllu, line 3: 9 columns"
    assert report["components"]["Judge"]["status"] == "failed"
    assert report["metrics"] == {}
    assert report["model"] is None


def test_run_tells_the_error_when_the_pipeline_cannot_be_built(config_file, capfd):
    def factory(config):
        raise KeyError("no such reader")

    assert main(["run", "--json", str(config_file)], factory=factory) == 2
    out, err = capfd.readouterr()
    assert json.loads(out)["error"] == "KeyError: 'no such reader'"
    assert "tfx-sequence failed: KeyError: 'no such reader'" in err


def test_run_ends_cleanly_when_interrupted(config_file, capfd):
    assert main(["run", "--json", str(config_file)], factory=tiny_pipeline.factory("interrupt")) == 130
    out, err = capfd.readouterr()
    report = json.loads(out)
    assert report["error"] == "interrupted"
    assert report["components"]["Read"]["status"] == "ran"
    assert err.splitlines()[-1] == "Interrupted. The next run reuses what was finished."


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_run_answers_with_2_when_the_config_is_wrong(config_file, capfd, flags):
    config_file.write_text(config_file.read_text() + "[training]\nepoch = 3\n")
    assert main(["run", *flags, str(config_file)]) == 2
    out, err = capfd.readouterr()
    message = f"{config_file}: training.epoch: unknown key; did you mean epochs?"
    assert err == f"tfx-sequence: {message}\n"
    if flags:
        empty = {"metrics": {}, "model": None, "pipeline_root": None, "components": {}}
        assert json.loads(out) == {**empty, "error": message}
    else:
        assert out == ""


def test_run_answers_with_2_when_the_root_cannot_be_made(config_file, capfd):
    (config_file.parent / "runs").write_text("a file")
    assert main(["run", str(config_file)]) == 2
    root = config_file.parent / "runs" / "tiny"
    expected = f'tfx-sequence: {config_file}: pipeline.root = "{root}": the folder cannot be made: Not a directory\n'
    assert capfd.readouterr().err == expected


@pytest.mark.slow
def test_json_is_all_of_standard_output_when_run_as_a_process(config_file):
    output, errors = programs.run("tiny_command", "", "run", "--json", config_file)
    report = json.loads(output)
    assert list(report) == ["metrics", "model", "pipeline_root", "components"]
    root = config_file.parent / "runs" / "tiny"
    assert report["pipeline_root"] == str(root / "artifacts")
    assert report["model"] == str(root / "serving" / "17")
    assert list(report["components"]) == ["Read", "Judge"]
    assert all(component["seconds"] > 0 for component in report["components"].values())
    assert "Judge: ran (" in errors
    assert not any(noise in errors for noise in NOISE)


@pytest.mark.slow
def test_run_ends_with_130_when_ctrl_c_is_pressed(config_file):
    process = programs.start(
        "tiny_command",
        "sleep",
        "run",
        config_file,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # What runs in the background of a shell ignores it, and passes that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for line in process.stdout:
        if "epoch 2/2" in line:
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.strip() == "Interrupted. The next run reuses what was finished."


def test_command_imports_no_tensorflow_when_it_shows_help_or_a_mistake(config_file):
    source = """
import sys
from tfx_sequence.pipeline.cli import main
for arguments in (["--help"], ["run", "--help"], ["--version"], ["run"]):
    try:
        main(arguments)
    except SystemExit:
        pass
assert main(["predict", "nowhere"]) == 2
assert main(["run", sys.argv[1]]) == 2
assert not {"tensorflow", "apache_beam", "tfx"} & set(sys.modules)
"""
    config_file.write_text(config_file.read_text().replace('"conllu"', '"csv"'))
    done = subprocess.run([sys.executable, "-c", source, config_file], capture_output=True, text=True, check=True)
    assert "data: the options of the format 'csv': group_by: Field required" in done.stderr
    assert "usage: tfx-sequence run [-h] [--span N] [--json] CONFIG" in done.stdout
    assert "nowhere: there is no such folder" in done.stderr


def test_command_runs_under_its_name_when_it_is_installed():
    command = os.path.join(os.path.dirname(sys.executable), "tfx-sequence")
    if not os.path.exists(command):
        pytest.skip("the project is on the path here, not installed")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tfx-sequence 0.")
