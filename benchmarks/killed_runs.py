"""Kills `run` and `convert` at random moments, and pushes while a poller looks: nothing is lost or seen half.

    python benchmarks/killed_runs.py [--kills 20] [--pushes 20] [--seed 1]

`convert` and `run` have small data. Each is killed (SIGKILL, with its children) so many times at a random moment, and
runs to its end after that. After each kill, the input and everything that was there before must be unchanged, an output
that is seen must be whole, and each version in the folder of pushed models must be complete. After the run to the end,
no temporary file may be left. The poller looks at the folder of pushed models every millisecond.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("tfx-sequence"))

NUM_RECORDS = 2000
NUM_SHARDS = 8

CONFIG = """
[pipeline]
name = "killed"

[data]
input = "data"
format = "jsonl"
files = "*.jsonl"

[features]
words = { kind = "token" }
tags = { kind = "categorical", role = "label" }

[model]
units = 4
embedding_dim = 4

[training]
epochs = 1

[serving]
keep_versions = 3
"""

MODEL_SIZES = {"variables/variables.data-00000-of-00001": 8 << 20, "assets/words": 1 << 20, "saved_model.pb": 4 << 20}
"""File to bytes of a model that is large enough for a poller to see how it is copied."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--pushes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        problems = [
            *poll_pushes(Path(folder) / "pushes", options.pushes),
            *kill_convert(Path(folder) / "convert", options.kills, moments),
            *kill_run(Path(folder) / "run", options.kills, moments),
        ]
    print(*problems or ["nothing lost, nothing half visible, no temporary file left"], sep="\n")
    sys.exit(bool(problems))


def kill_convert(folder: Path, kills: int, moments: random.Random) -> list[str]:
    """Kills `convert` between its start and its usual end, and looks at what there is."""
    write_data(folder / "data")
    arguments = ["convert", "data", "out", "--feature", "words=token", "--shards", str(NUM_SHARDS)]
    (folder / "neighbour").mkdir()
    (folder / "neighbour" / "file").write_text("precious")
    seconds = time_command(folder, arguments)
    whole = hash_files(folder / "out")
    remove_files(folder / "out")
    others = hash_files(folder, without="out")
    problems = []
    num_seen = num_left = 0
    for number in range(kills):
        kill_command(folder, arguments, moments.uniform(0, seconds))
        num_left += count_left(folder, "data", "neighbour", "out", "temporary")
        if (folder / "out").exists():
            num_seen += 1
            if hash_files(folder / "out") != whole:
                problems.append(f"convert, kill {number}: out is not whole")
            remove_files(folder / "out")
        time_command(folder, arguments)
        problems += [
            f"convert, after kill {number}: {problem}" for problem in find_left(folder, ("data", "neighbour", "out"))
        ]
        if hash_files(folder / "out") != whole:
            problems.append(f"convert, after kill {number}: out is not what it was")
        remove_files(folder / "out")
        if hash_files(folder, without="out") != others:
            problems.append(f"convert, after kill {number}: other files have changed")
    print(
        f"convert: killed {kills} times within {seconds:.1f} s, {num_left} times something unfinished was left for the "
        f"next one, {num_seen} times the whole output was there; {len(problems)} problems",
        flush=True,
    )
    return problems


def kill_run(folder: Path, kills: int, moments: random.Random) -> list[str]:
    """Kills `run` between its start and its usual end. Each run begins where the one before was killed."""
    write_data(folder / "data")
    (folder / "pipeline.toml").write_text(CONFIG)
    arguments = ["run", "pipeline.toml", "--json"]
    seconds = time_command(folder, arguments)
    data = hash_files(folder / "data")
    models = read_pushed(folder)
    problems = []
    for number in range(kills):
        # Another setting runs the components from the transform on anew, and other data runs all.
        change_settings(folder, number)
        kill_command(folder, arguments, moments.uniform(0, seconds))
        problems += [f"run, kill {number}: {problem}" for problem in find_lost(models, read_pushed(folder))]
        if hash_files(folder / "data") != data:
            problems.append(f"run, kill {number}: the data has changed")
    time_command(folder, arguments)
    root = folder / "runs" / "killed"
    left = find_left(folder, ("data", "pipeline.toml", "runs"))
    left += [f"{path} is left" for path in root.glob("artifacts/*/*/*/_staging")]
    left += [f"{path} is left" for path in (root / "serving").iterdir() if not path.name.isdigit()]
    problems += [f"run, after the kills: {problem}" for problem in (*left, *find_lost(models, read_pushed(folder)))]
    print(f"run: killed {kills} times within {seconds:.1f} s; {len(problems)} problems", flush=True)
    return problems


def change_settings(folder: Path, number: int) -> None:
    """Writes the config with another seed, so that the run trains and pushes again. Every third also reads again."""
    text = CONFIG.replace("epochs = 1", f"epochs = 1\nseed = {number + 1}")
    if number % 3 == 0:
        text = text.replace('files = "*.jsonl"', f'files = "*.jsonl"\nwrite = {{ num_shards = {number + 2} }}')
    (folder / "pipeline.toml").write_text(text)


def read_pushed(folder: Path) -> dict[str, dict[str, str]]:
    """Returns version to the hashes of its files, for what a model server would see."""
    serving = folder / "runs" / "killed" / "serving"
    versions = [path for path in serving.iterdir() if path.name.isdigit()] if serving.exists() else []
    return {path.name: hash_files(path) for path in versions}


def find_lost(before: dict[str, dict[str, str]], now: dict[str, dict[str, str]]) -> list[str]:
    """Returns what is wrong with the pushed versions. The oldest ones may be gone, since three are kept.

    Args:
      before: Version to its files, as they were seen before. New versions are added.
      now: Version to its files, as they are now.
    """
    problems = []
    for version, files in now.items():
        missing = {"saved_model.pb", "variables/variables.index"} - files.keys()
        if missing:
            problems.append(f"version {version} lacks {missing}")
        if before.setdefault(version, files) != files:
            problems.append(f"version {version} has changed")
    if not now:
        problems.append("no version is left")
    return problems


def poll_pushes(folder: Path, pushes: int) -> list[str]:
    """Pushes a model again and again, while another process looks every millisecond whether a version is incomplete."""
    from tfx.proto import pusher_pb2
    from tfx.types import Channel, standard_artifacts

    from tfx_sequence.components.atomic_pusher.component import AtomicPusher
    from tfx_sequence.components.atomic_pusher.executor import Executor

    model, pushed = standard_artifacts.Model(), standard_artifacts.PushedModel()
    model.uri, pushed.uri = str(folder / "model"), str(folder / "pushed")
    for name, size in MODEL_SIZES.items():
        path = folder / "model" / "Format-Serving" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)
    destination = pusher_pb2.PushDestination.Filesystem(base_directory=str(folder / "serving"))
    component = AtomicPusher(
        model=Channel(type=standard_artifacts.Model),
        push_destination=pusher_pb2.PushDestination(filesystem=destination),
        keep_versions=5,
    )
    start = time.monotonic()
    looks, incomplete = watch(
        folder / "serving",
        lambda: [
            Executor().Do({"model": [model]}, {"pushed_model": [pushed]}, dict(component.spec.exec_properties))
            for _ in range(pushes)
        ],
    )
    seconds = time.monotonic() - start
    print(
        f"push: {pushes} pushes, {looks:,} looks in {seconds:.1f} s, {len(incomplete)} incomplete versions seen",
        flush=True,
    )
    return incomplete


def watch(serving: Path, work: Callable[[], object]) -> tuple[int, list[str]]:
    """Does the work while another process looks at the versions. Returns its number of looks, and what it saw."""
    context = multiprocessing.get_context("spawn")
    started, ended = context.Event(), context.Event()
    receiver, sender = context.Pipe(duplex=False)
    poller = context.Process(target=look, args=(serving, started, ended, sender))
    poller.start()
    started.wait()
    work()
    ended.set()
    looks, incomplete = receiver.recv()
    poller.join()
    return looks, incomplete


def look(serving: Path, started: Event, ended: Event, sender: Connection) -> None:
    """Looks at the versions every millisecond until the work has ended. Sends the number of looks, and what it saw."""
    looks = 0
    incomplete = []
    started.set()
    while not ended.is_set():
        time.sleep(0.001)
        looks += 1
        for name in os.listdir(serving) if serving.exists() else ():
            sizes = measure_files(serving / name)
            # A version that is gone now was moved away while this process looked at its files.
            if name.isdigit() and sizes != MODEL_SIZES and (serving / name).exists():
                incomplete.append(f"version {name} was seen with {sizes}")
    sender.send((looks, incomplete))


def measure_files(folder: Path) -> dict[str, int]:
    """Returns the size of each file of a model that is in a folder."""
    sizes = {}
    for name in MODEL_SIZES:
        with contextlib.suppress(FileNotFoundError):
            sizes[name] = (folder / name).stat().st_size
    return sizes


def write_data(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder.parent / "temporary").mkdir()
    lines = []
    for number in range(NUM_RECORDS):
        words = [f"w{(number * step) % 50}" for step in range(1, 2 + number % 9)]
        lines.append(json.dumps({"words": words, "tags": ["A" if word < "w3" else "B" for word in words]}))
    (folder / "all.jsonl").write_text("\n".join(lines))


def start_command(folder: Path, arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "TMPDIR": str(folder / "temporary")}
    with open(folder.with_name("log"), "wb") as log:
        return subprocess.Popen(
            [PROGRAM, *arguments], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def time_command(folder: Path, arguments: list[str]) -> float:
    """Runs a command to its end. Returns the seconds that it took."""
    start = time.monotonic()
    if start_command(folder, arguments).wait():
        raise SystemExit(folder.with_name("log").read_text())
    return time.monotonic() - start


def kill_command(folder: Path, arguments: list[str], seconds: float) -> None:
    process = start_command(folder, arguments)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def count_left(folder: Path, *known: str) -> int:
    """Returns 1 if there is anything but the known files, such as an unfinished folder, and 0 if not."""
    names = {path.name for path in folder.iterdir()} - set(known)
    return int(bool(names) or any((folder / "temporary").iterdir()))


def find_left(folder: Path, known: tuple[str, ...]) -> list[str]:
    """Returns the temporary files that are left, and the files beside the known ones."""
    names = {path.name for path in folder.iterdir()} - {*known, "temporary"}
    return [f"{name} is left" for name in sorted({*names, *os.listdir(folder / "temporary")})]


def hash_files(folder: Path, without: str = "") -> dict[str, str]:
    """Returns the path of each file in a folder to the hash of its content. Compressed files are read to their end."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and name.split("/")[0] not in (without, "temporary"):
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            hashes[name] = hashlib.sha256(data).hexdigest()
    return hashes


def remove_files(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    folder.rmdir()


if __name__ == "__main__":
    main()
