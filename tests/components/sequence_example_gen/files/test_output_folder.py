import os
import signal
import subprocess
import sys

import pytest

from tfx_sequence.components.sequence_example_gen.files import output_folder
from tfx_sequence.components.sequence_example_gen.files.output_folder import OutputExistsError, write_folder
from tfx_sequence.schemas.contract import UNFINISHED

KILLED = """
import sys, time, pathlib
from tfx_sequence.components.sequence_example_gen.files.output_folder import write_folder
with write_folder(sys.argv[1]) as folder:
    pathlib.Path(folder, "half").write_text("half")
    print(folder, flush=True)
    time.sleep(60)
"""


def list_all(folder):
    """Returns the relative paths of all files and folders in a folder, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def fail_to_write(output, error, files):
    """Writes so many files of a folder, and then fails."""
    with write_folder(str(output)) as folder:
        for number in range(files):
            (output.parent / folder / f"half{number}").write_text("half")
        raise error


@pytest.fixture(params=["moved", "marked"])
def way(request, monkeypatch):
    """The two ways of writing. A mount is what cannot be moved on a local file system."""
    if request.param == "marked":
        monkeypatch.setattr(output_folder.os.path, "ismount", lambda path: True)
    return request.param


@pytest.mark.parametrize("exists", [False, True])
def test_folder_is_seen_as_complete_only_when_the_block_has_ended(tmp_path, way, exists):
    output = tmp_path / "out[1]"
    if exists:
        output.mkdir()
        output.chmod(0o750)
    with write_folder(str(output)) as folder:
        (output.parent / folder / "file").write_text("whole")
        if way == "moved":
            assert not output.exists() or not list(output.iterdir())
        else:
            assert (output / UNFINISHED).exists()
    assert list_all(tmp_path) == ["out[1]", "out[1]/file"]
    assert not exists or output.stat().st_mode & 0o777 == 0o750


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("content", ["file", ".hidden", "folder/", "folder/file"])
def test_folder_that_holds_anything_at_all_is_refused_and_stays(tmp_path, content):
    path = tmp_path / "out" / content
    path.parent.mkdir(parents=True, exist_ok=True)
    if content.endswith("/"):
        path.mkdir()
    else:
        path.write_text("mine")
    before = list_all(tmp_path)
    with pytest.raises(OutputExistsError, match="is not empty"), write_folder(str(tmp_path / "out")):
        pytest.fail("the block was entered")
    assert list_all(tmp_path) == before


def test_file_is_refused_and_stays(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OutputExistsError, match="is not empty"), write_folder(str(tmp_path / "out")):
        pytest.fail("the block was entered")
    assert (tmp_path / "out").read_text() == "mine"


def test_what_another_process_writes_meanwhile_is_not_replaced(tmp_path):
    output = tmp_path / "out"

    def write_while_another_does():
        with write_folder(str(output)) as folder:
            (tmp_path / folder / "ours").write_text("ours")
            output.mkdir()
            (output / "theirs").write_text("theirs")

    with pytest.raises(OutputExistsError):
        write_while_another_does()
    assert list_all(tmp_path) == ["out", "out/theirs"]


def test_failure_leaves_everything_as_it_was(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "target").mkdir()
    before = list_all(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        fail_to_write(tmp_path / "link", KeyboardInterrupt, files=1)
    assert list_all(tmp_path) == before


def test_failure_leaves_the_mark_beside_unfinished_files(tmp_path, monkeypatch):
    monkeypatch.setattr(output_folder.os.path, "ismount", lambda path: True)
    for files in (0, 1):
        with pytest.raises(OSError, match="damaged"):
            fail_to_write(tmp_path / "out", OSError("damaged"), files)
        assert (tmp_path / "out" / UNFINISHED).exists() == bool(files)


def test_next_writing_removes_what_a_killed_one_left_and_nothing_else(tmp_path):
    output = tmp_path / "out"
    for name in (".out.unfinished-notes", ".out.unfinished-" + "x" * 16, ".other.unfinished-" + "0" * 16):
        (tmp_path / name).mkdir()
    before = list_all(tmp_path)
    process = subprocess.Popen([sys.executable, "-c", KILLED, output], stdout=subprocess.PIPE, text=True)
    half = process.stdout.readline().strip()
    # The folder of a process that lives is left alone.
    with write_folder(str(output)):
        assert os.path.exists(half)
    output.rmdir()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert os.path.exists(half)
    with write_folder(str(output)):
        pass
    assert list_all(tmp_path) == sorted([*before, "out"])
