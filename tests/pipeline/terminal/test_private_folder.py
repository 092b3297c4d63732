import os
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

from tfx_sequence.pipeline.terminal.private_folder import keep_file, use_private_folder
from tfx_sequence.pipeline.terminal.session import run_in_session

WORK = """
import pathlib, signal, subprocess, sys, tempfile, time
# A process that was started in the background ignores SIGINT, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
from tfx_sequence.pipeline.cli import COMMANDS, main

class Work:
    HELP = DESCRIPTION = "works"
    def add_arguments(self, parser):
        pass
    def main(self, arguments):
        from tfx_sequence.pipeline.terminal.session import run_in_session
        return run_in_session("work", False, self.work)
    def work(self, streams):
        folder = tempfile.mkdtemp()
        pathlib.Path(folder, "half").write_text("half")
        child = "import tempfile; print(tempfile.mkdtemp())"
        of_child = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout
        print(folder, of_child, file=streams.out, flush=True)
        time.sleep(60)

COMMANDS["work"] = Work()
sys.exit(main(["work"]))
"""


@pytest.fixture
def outer(tmp_path, monkeypatch):
    """The folder that TMPDIR names."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return folder


def start_work():
    process = subprocess.Popen([sys.executable, "-c", WORK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return process, process.stdout.readline().split()


def test_temporary_files_are_private_and_gone_at_the_end(outer):
    with use_private_folder() as folder:
        assert os.path.dirname(folder) == str(outer)
        assert os.stat(folder).st_mode & 0o777 == 0o700
        assert tempfile.mkdtemp().startswith(f"{folder}/")
        assert os.environ["TMPDIR"] == folder
    assert os.listdir(outer) == []
    assert os.environ["TMPDIR"] == str(outer)
    assert tempfile.gettempdir() == str(outer)


def test_variable_that_was_not_set_is_not_set_afterwards(monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    with use_private_folder():
        assert "TMPDIR" in os.environ
    assert "TMPDIR" not in os.environ


def test_folder_works_outside_of_the_main_thread(outer):
    folders = []

    def work():
        with use_private_folder() as folder:
            folders.append(folder)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(folders) == 1
    assert os.listdir(outer) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_temporary_files_are_gone_when_a_signal_ends_the_command(outer, number):
    process, folders = start_work()
    assert len(folders) == 2
    assert all(folder.startswith(f"{outer}/tfx-sequence-") for folder in folders)
    process.send_signal(number)
    _, err = process.communicate()
    assert (process.returncode, err) == (130, "tfx-sequence: interrupted\n")
    assert os.listdir(outer) == []


def test_next_command_removes_what_a_killed_one_left_and_nothing_else(outer):
    (outer / "tfx-sequence-notes").mkdir()
    process, folders = start_work()
    with use_private_folder():
        assert all(map(os.path.exists, folders))
    process.kill()
    process.communicate()
    assert all(map(os.path.exists, folders))
    with use_private_folder():
        assert not any(map(os.path.exists, folders))
    assert os.listdir(outer) == ["tfx-sequence-notes"]


def test_log_of_an_unexpected_error_stays(outer, capfd):
    def work(streams):
        raise ZeroDivisionError("by zero")

    with use_private_folder():
        run_in_session("work", False, work)
    (log,) = outer.iterdir()
    assert f"(what was logged: {log})" in capfd.readouterr().err
    assert "ZeroDivisionError" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_file_elsewhere_is_not_moved(tmp_path):
    path = tmp_path / "log"
    path.touch()
    assert keep_file(str(path)) == str(path)
    assert path.exists()
