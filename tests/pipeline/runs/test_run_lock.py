import json
import os
import re
import subprocess
import sys

import pytest

from tfx_sequence.pipeline.cli import main
from tfx_sequence.pipeline.runs.run_lock import RootInUseError, lock_root

HOLD = """
import sys, time
from tfx_sequence.pipeline.runs.run_lock import lock_root
with lock_root(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(config_file):
    """A process that has locked the root of the config, and is killed at the end."""
    root = config_file.parent / "runs" / "tiny"
    process = subprocess.Popen([sys.executable, "-c", HOLD, root], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_second_run_is_refused_and_told_who_runs(config_file, holder, capfd):
    assert main(["run", str(config_file), "--json"]) == 2
    out, err = capfd.readouterr()
    root = config_file.parent / "runs" / "tiny"
    message = (
        rf"{re.escape(str(root))} is in use by process {holder.pid} on \S+, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\S*; "
        r"wait until it ends, or set another `root` in \[pipeline\]"
    )
    assert re.fullmatch(f"tfx-sequence: {message}\n", err)
    assert re.fullmatch(message, json.loads(out)["error"])


def test_lock_of_a_process_that_died_is_free(config_file, holder):
    root = str(config_file.parent / "runs" / "tiny")
    holder.kill()
    holder.wait()
    with lock_root(root), pytest.raises(RootInUseError, match=f"by process {os.getpid()} on"), lock_root(root):
        pytest.fail("both have the lock")
    with lock_root(root):
        pass


def test_other_root_is_free(config_file, holder):
    with lock_root(str(config_file.parent / "runs" / "other")):
        assert holder.poll() is None
