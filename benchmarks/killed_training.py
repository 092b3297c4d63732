"""Kills a pipeline in training again and again, and compares its metrics with those of an undisturbed one.

    python benchmarks/killed_training.py [--kills 10] [--seed 1]

Both are `tfx-sequence run` with a small model for the treebank of the example. One is killed (SIGKILL) at random
moments, each time after its training has gone on, and started again by the same command. The metrics of both must be
equal to the last digit.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EXAMPLE = Path(__file__).parents[1] / "examples" / "pos_tagging" / "pipeline.toml"
SETTINGS = {"units": 32, "epochs": 4, "patience": 4}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder) / "killed")
        for number in range(1, options.kills + 1):
            print(f"killed {number}: {kill_in_training(config, moments)}", flush=True)
        killed = run_to_the_end(config)
        undisturbed = run_to_the_end(write_config(Path(folder) / "undisturbed"))
    print(f"killed {options.kills} times  {killed}\nundisturbed      {undisturbed}")
    sys.exit(killed != undisturbed)


def write_config(folder: Path) -> Path:
    folder.mkdir()
    text = EXAMPLE.read_text("utf-8")
    for name, value in SETTINGS.items():
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    text = text.replace("[training]", "[training]\ncheckpoint_seconds = 0.2\naverage = 0.99")
    text = re.sub(r"^min_accuracy = .*$", "min_accuracy = 0.5", text, flags=re.MULTILINE)
    config = folder / "pipeline.toml"
    config.write_text(text, "utf-8")
    return config


def start_run(config: Path) -> subprocess.Popen[bytes]:
    command = [str(Path(sys.executable).with_name("tfx-sequence")), "run", str(config), "--json"]
    with open(config.with_name("output.json"), "wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, start_new_session=True)


def kill_in_training(config: Path, moments: random.Random) -> str:
    """Starts a run, and kills it up to 3 s after it was first saved. Returns how far it was."""
    run, before = start_run(config), read_last_save(config)
    while run.poll() is None and read_last_save(config)[0] <= before[0]:
        time.sleep(0.01)
    time.sleep(moments.uniform(0, 3))
    if run.poll() is not None:
        raise SystemExit(f"the run ended before it was killed: {config.with_name('output.json').read_text()}")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return f"update {before[1]} to about {read_last_save(config)[1]}"


def read_last_save(config: Path) -> tuple[int, int]:
    """Returns when training was saved last, in ns, and after how many updates; zeros if it was not."""
    files = list(config.parent.glob("runs/*/artifacts/SequenceTrainer/state/*/state.npz"))
    if not files:
        return 0, 0
    with np.load(files[0]) as arrays:
        return files[0].stat().st_mtime_ns, json.loads(str(arrays["numbers"]))["step"]


def run_to_the_end(config: Path) -> str:
    """Runs the pipeline to its end. Returns its metrics, and the states left that are not completed: none."""
    run = start_run(config)
    if run.wait():
        raise SystemExit(config.with_name("output.json").read_text())
    states = config.parent.glob("runs/*/artifacts/SequenceTrainer/state/*")
    left = [state for state in states if not (state / "completed").exists()]
    report = json.loads(config.with_name("output.json").read_text())
    return json.dumps(report["metrics"]) + (f" left behind: {left}" if left else "")


if __name__ == "__main__":
    main()
