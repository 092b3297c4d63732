"""Every command ends with the codes of one table, and with --json writes one object, which says why."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import tiny_pipeline
from support.paths import ROOT

from tfx_sequence.pipeline.cli import COMMANDS, main
from tfx_sequence.pipeline.terminal.exit_codes import ExitCode
from tfx_sequence.pipeline.terminal.quiet import Streams
from tfx_sequence.pipeline.terminal.session import run_in_session
from tfx_sequence.schemas.spec import Feature, SequenceSpec

Run = Callable[..., tuple[int, str, str]]

UNUSABLE_ARGUMENTS = {
    "init": ["{file}"],
    "run": ["missing.toml"],
    "predict": ["missing"],
    "predict files": ["missing", "--input", "missing", "--output", "out"],
    "validate": ["missing"],
    "schema infer": ["missing"],
    "schema diff": ["missing", "missing"],
    "schema show": ["missing"],
    "convert": ["missing", "out"],
    "inspect": ["missing"],
    "prune": ["missing"],
}
"""Each command, with arguments that it cannot use."""


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in an empty folder, and gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)

    def command(*argv: str) -> tuple[int, str, str]:
        capfd.readouterr()
        code = main(argv)
        return code, *capfd.readouterr()

    return command


def write_schema(path: Path, kind: str, mark: bytes = b"") -> str:
    from google.protobuf import text_format

    from tfx_sequence.schemas.tfmd.convert import to_schema

    spec = SequenceSpec(features={"words": Feature(kind=kind)})
    path.write_bytes(mark + text_format.MessageToString(to_schema(spec)).encode())
    return str(path)


def test_page_has_the_table_of_codes() -> None:
    text = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
    codes = re.findall(r"^\| (\d+) \|", text, re.MULTILINE)
    assert [int(code) for code in codes] == sorted(ExitCode)


def test_cases_have_every_command() -> None:
    assert {name.split()[0] for name in UNUSABLE_ARGUMENTS} == COMMANDS.keys()


@pytest.mark.parametrize("name", UNUSABLE_ARGUMENTS)
def test_command_ends_with_2_and_one_object_when_its_files_cannot_be_used(name: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    words = name.removesuffix(" files").split()
    code, out, err = (
        run(*words, *UNUSABLE_ARGUMENTS[name], "--json")
        if "{file}" not in UNUSABLE_ARGUMENTS[name]
        else (run(*words, "file", "--json"))
    )
    assert code == ExitCode.UNUSABLE
    assert err.startswith("tfx-sequence: ")
    assert json.loads(out)["error"] in err


@pytest.mark.parametrize("name", UNUSABLE_ARGUMENTS)
def test_command_ends_with_2_and_one_object_when_an_argument_is_unknown(name: str, run: Run) -> None:
    words = name.removesuffix(" files").split()
    code, out, err = run(*words, *UNUSABLE_ARGUMENTS[name], "--json", "--colour")
    assert code == ExitCode.UNUSABLE
    assert json.loads(out) == {"error": "unrecognized arguments: --colour"}
    assert err.startswith("usage: ")
    assert run(*words, "--colour")[:2] == (ExitCode.UNUSABLE, "")


@pytest.mark.parametrize(
    ("mode", "code", "error"),
    [
        ("", ExitCode.DONE, None),
        ("fail", ExitCode.FAILED, "a.conllu, line 3: 9 columns"),
        ("exit", ExitCode.FAILED, "code that was imported or called ended the program with sys.exit(0); it must not"),
        ("bad", ExitCode.NOT_BLESSED, "no model was pushed: the evaluation did not bless it"),
        ("interrupt", ExitCode.INTERRUPTED, "interrupted"),
    ],
)
def test_run_ends_with_the_code_of_its_outcome(
    config_file: Path, capfd: pytest.CaptureFixture[str], mode: str, code: int, error: str | None
) -> None:
    assert main(["run", str(config_file), "--json"], factory=tiny_pipeline.factory(mode)) == code
    assert json.loads(capfd.readouterr().out).get("error") == error


@pytest.mark.parametrize("exception", [SystemExit(0), RecursionError("deep"), KeyboardInterrupt()])
def test_run_ends_with_a_reason_when_no_pipeline_can_be_made(
    config_file: Path, capfd: pytest.CaptureFixture[str], exception: BaseException
) -> None:
    def fail(config: object) -> object:
        raise exception

    expected = ExitCode.INTERRUPTED if isinstance(exception, KeyboardInterrupt) else ExitCode.UNUSABLE
    assert main(["run", str(config_file), "--json"], factory=fail) == expected
    assert json.loads(capfd.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("exception", "code"),
    [
        (SystemExit(0), ExitCode.UNUSABLE),
        (BrokenPipeError(32, "Broken pipe"), ExitCode.UNUSABLE),
        (RecursionError("deep"), ExitCode.UNUSABLE),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
    ],
)
def test_session_ends_with_a_reason_whatever_is_raised(
    capfd: pytest.CaptureFixture[str], exception: BaseException, code: ExitCode
) -> None:
    def fail(streams: Streams) -> int:
        raise exception

    assert run_in_session("test", True, fail) == code
    out, err = capfd.readouterr()
    assert json.loads(out)["error"] in err


@pytest.mark.parametrize("command", [["run"], ["validate", "--config"], ["convert", "out", "--config"]])
def test_command_ends_with_2_when_a_module_of_the_project_ends_the_program(
    config_file: Path, run: Run, command: list[str]
) -> None:
    (config_file.parent / "leaving_module.py").write_text("import sys\nsys.exit(0)\n")
    with config_file.open("a") as file:
        file.write('[evaluation]\nmetrics = ["leaving_module:Metric"]\n')
    code, out, _ = run(*command, str(config_file), "--json")
    assert code == ExitCode.UNUSABLE
    assert "'leaving_module:Metric', but its module cannot be imported: it raises SystemExit: 0" in out


@pytest.mark.parametrize("value", ["[" * 100_000, "[" * 500 + "]" * 500, "9" * 5000])
@pytest.mark.parametrize("command", [["run"], ["validate", "--config"], ["predict", ".", "--output", "o", "--config"]])
def test_command_ends_with_2_when_toml_is_hostile(config_file: Path, run: Run, command: list[str], value: str) -> None:
    config_file.write_text(f"x = {value}\n{config_file.read_text()}")
    (config_file.parent / "saved_model.pb").write_text("")
    code, out, err = run(*command, str(config_file), "--json")
    assert code == ExitCode.UNUSABLE
    assert json.loads(out)["error"].startswith(f"{config_file}: ")
    assert len(err) < 1000


def test_option_ends_with_2_when_its_value_is_too_deep(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    code, out, _ = run("validate", "a.csv", "--json", "--option", "group_by=" + "[" * 100_000)
    assert code == ExitCode.UNUSABLE
    assert json.loads(out) == {"error": "--option group_by: the value is nested too deeply"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--feature", "w=token,kind=float"], "--feature w=token,kind=float: 'kind' is given twice"),
        (["--feature", "w=token,source=a,source=b"], "--feature w=token,source=a,source=b: 'source' is given twice"),
        (["--feature", "w=token", "--feature", "w=float"], "--feature: 'w' is given twice"),
        (["--option", "group_by=a", "--option", "group_by=b"], "--option: 'group_by' is given twice"),
        (["--feature", "w=token,argument=1"], "--feature w=token,argument=1: argument: Extra inputs are not permitted"),
        (["--feature", "w=token,model=1"], "--feature w=token,model=1: model: Extra inputs are not permitted"),
    ],
)
def test_setting_is_refused_when_it_is_given_twice_or_unknown(
    run: Run, tmp_path: Path, arguments: list[str], error: str
) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    for command in (["validate", "a.csv"], ["convert", "a.csv", "out"], ["schema", "infer", "a.csv"]):
        code, out, _ = run(*command, *arguments, "--json")
        assert code == ExitCode.UNUSABLE
        assert json.loads(out) == {"error": error}


def test_validate_ends_with_2_when_splits_have_none_to_be_compared_with(run: Run, tmp_path: Path) -> None:
    for name in ("data/train", "data/dev", "old/train", "old/test"):
        file = tmp_path / f"{name}.jsonl"
        file.parent.mkdir(exist_ok=True)
        file.write_text('{"w": ["a"]}\n')
    code, out, _ = run("validate", "data", "--against", "old", "--json")
    assert code == ExitCode.UNUSABLE
    assert json.loads(out)["error"].startswith(
        "the data has the splits dev, train, but the data to compare with has test, train and no 'dev'"
    )


def test_config_is_read_when_it_begins_with_a_byte_order_mark(config_file: Path, run: Run) -> None:
    config_file.write_bytes(b"\xef\xbb\xbf" + config_file.read_bytes())
    assert main(["run", str(config_file)], factory=tiny_pipeline.factory()) == ExitCode.DONE


def test_schema_is_read_when_it_begins_with_a_byte_order_mark(run: Run, tmp_path: Path) -> None:
    marked = write_schema(tmp_path / "a", "token", mark=b"\xef\xbb\xbf")
    code, out, _ = run("schema", "diff", marked, write_schema(tmp_path / "b", "token"), "--json")
    assert (code, json.loads(out)) == (ExitCode.DONE, {"differences": []})


@pytest.mark.parametrize("closing", ["of its reader", "before the start"])
def test_answer_stays_in_the_exit_code_when_standard_output_is_closed(tmp_path: Path, closing: str) -> None:
    schemas = [write_schema(tmp_path / kind, kind) for kind in ("token", "float")]
    source = f"import sys\nfrom tfx_sequence.pipeline.cli import main\nsys.exit(main({['schema', 'diff', *schemas]!r}))"
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    done = subprocess.run(
        [sys.executable, "-c", source],
        stdout=writing_end,
        stderr=subprocess.PIPE,
        preexec_fn=(lambda: os.close(1)) if closing == "before the start" else None,
    )
    os.close(writing_end)
    assert (done.returncode, done.stderr) == (ExitCode.FAILED, b"")


def test_command_ends_with_2_when_the_disk_of_its_output_is_full(tmp_path: Path) -> None:
    schema = write_schema(tmp_path / "a", "token")
    source = f"import sys\nfrom tfx_sequence.pipeline.cli import main\nsys.exit(main(['schema', 'show', {schema!r}]))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", source], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == ExitCode.UNUSABLE
    assert done.stderr == "tfx-sequence: OSError: [Errno 28] No space left on device\n"
