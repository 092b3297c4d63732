"""Real tokens a second of training: ours, Keras in two ways, and PyTorch.

    python benchmarks/training_speed [--torch PYTHON] [--snips FOLDER] [--seconds 3] [--repeats 3] [--threads 1]

A tagger: an embedding of 100, an LSTM of 128 or 256 units, one way or both, a softmax over 17 labels; Adam, and the
gradient's norm bounded. Ids are drawn at random; lengths are those of a treebank's sentences and, given the folder of
the SNIPS corpus, of its utterances. A step is all of it: making the batch, forward, backward, update. A token is a real
one: padding is work, not a result.

    ours            length-sorted batches of up to 2,048 steps
    keras padded    keras.layers.LSTM with the mask, all batches padded to the longest of the data
    keras batch     the same, each batch padded to its own longest
    torch           torch.nn.LSTM over pack_padded_sequence, each batch padded to its own longest

The rivals shuffle freely, with as many sequences in a batch as make the same number of updates in an epoch. Each is a
process of its own that is asked in turn, so that a busy machine is busy for all; the median of the repeats counts. Of
one thread, seconds are those of the processor, which others that use the machine hardly change; of more, of the clock.
PyTorch may be in another environment: `--torch` names its Python. `GEMM` is the share of the time of ours that its
matrix products take when they are run alone.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
BATCH_TOKENS, VOCABULARY, CLASSES, EMBEDDING = 2048, 5000, 17, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", metavar="PYTHON", default=sys.executable)
    parser.add_argument("--snips", type=Path, metavar="FOLDER")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--units", type=int, nargs="+", default=[128, 256])
    options = parser.parse_args()
    corpora = {"treebank": treebank_lengths()}
    if options.snips:
        corpora["snips"] = [len(line.split()) for line in (options.snips / "train" / "seq.in").open(encoding="utf-8")]
    with tempfile.TemporaryDirectory() as folder:
        files = {name: write_corpus(Path(folder) / f"{name}.npz", lengths) for name, lengths in corpora.items()}
        rivals = start_rivals(options.torch, options.threads)
        print(f"{'corpus':<9} {'cell':<7} {'units':>5}", *(f"{name:>12}" for name in rivals), end="")
        print(f"{'/torch':>8} {'/padded':>8} {'/batch':>8} {'padding':>8} {'GEMM':>6}")
        for name, bidirectional, units in itertools.product(files, (True, False), options.units):
            task = {"file": str(files[name]), "bidirectional": bidirectional, "units": units}
            compare(name, task, rivals, options)
        for rival in rivals.values():
            rival.communicate("")


def treebank_lengths() -> list[int]:
    paths = [Path(str(file.locate())) for file in importlib.metadata.files("turkish-treebanks") or []]
    lengths = []
    for path in sorted(path for path in paths if path.suffix == ".conllu"):
        for sentence in path.read_text("utf-8").split("\n\n"):
            ids = [line.split("\t")[0] for line in sentence.splitlines() if line and not line.startswith("#")]
            lengths.append(sum(id_.isdigit() for id_ in ids))
    return [length for length in lengths if length]


def write_corpus(path: Path, lengths: list[int]) -> Path:
    """Ids `[S]`, labels `[S]` and lengths `[N]`; S is the sum of the lengths."""
    rng = np.random.default_rng(1)
    ids, labels = rng.integers(1, VOCABULARY, sum(lengths)), rng.integers(1, CLASSES + 1, sum(lengths))
    np.savez(path, ids=ids, labels=labels, lengths=np.array(lengths))
    return path


def start_rivals(torch: str, threads: int) -> dict[str, subprocess.Popen[str]]:
    scripts = {"ours": "ours.py", "keras padded": "keras_masked.py", "keras batch": "keras_masked.py"}
    commands = {name: [sys.executable, str(HERE / script), name] for name, script in scripts.items()}
    if subprocess.run([torch, "-c", "import torch"], capture_output=True).returncode == 0:
        commands["torch"] = [torch, str(HERE / "torch_packed.py"), "torch"]
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "THREADS")
    options: dict[str, Any] = {"env": {**os.environ, **dict.fromkeys(names, str(threads))}, "text": True}
    options |= {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    return {name: subprocess.Popen(command, **options) for name, command in commands.items()}


def ask(rival: subprocess.Popen[str], **request: Any) -> dict[str, float]:
    assert rival.stdin
    assert rival.stdout
    rival.stdin.write(json.dumps(request) + "\n")
    rival.stdin.flush()
    for line in rival.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise SystemExit(f"{rival.args} has ended")


def compare(corpus: str, task: dict[str, Any], rivals: dict[str, Any], options: argparse.Namespace) -> None:
    for rival in rivals.values():
        ask(rival, prepare=task)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in rivals}
    for _ in range(options.repeats):
        for name, rival in rivals.items():
            runs[name].append(ask(rival, seconds=options.seconds))
    speed = {name: statistics.median(run["tokens_per_second"] for run in each) for name, each in runs.items()}
    gemm = ask(rivals["ours"], gemm=True)["seconds_a_token"] * speed["ours"]
    cell = "biLSTM" if task["bidirectional"] else "LSTM"
    print(f"{corpus:<9} {cell:<7} {task['units']:>5}", *(f"{speed[name]:>12,.0f}" for name in rivals), end="")
    for name in ("torch", "keras padded", "keras batch"):
        print(f"{speed['ours'] / speed[name]:>8.2f} " if name in speed else f"{'':>8} ", end="")
    efficiency = statistics.median(run["padding_efficiency"] for run in runs["ours"])
    print(f"{efficiency:>8.3f} {gemm:>6.2f}", flush=True)


if __name__ == "__main__":
    main()
