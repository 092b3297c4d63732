"""Compares SequenceExampleGen with the guide's own loop: sequences a second, and memory, from text to gzip TFRecords.

    python benchmarks/example_gen.py [--scale 1 10 100] [--format jsonl conllu]

The data is the treebank of the `demo` extra, repeated, in eight files. The loop reads a file, calls the guide's
`make_example` for each sentence and writes it with TFRecordWriter. Ours is the whole ingestion: checks, a split of two
by hash, sorting, four shards a split. Each line is a process of its own; `start` is what it takes before the first
sentence and `rest` what the others take, so that neither hides the other. Pinned to one core, unless there are workers.
`cpu us` is processor time a sentence, of all processes: it says what a busy machine hides.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FILES = 8
SENTENCES = 4851


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, nargs="+", default=[1, 10, 100], help="how often the treebank is repeated")
    parser.add_argument("--format", nargs="+", default=["jsonl", "conllu"], choices=["jsonl", "conllu"])
    parser.add_argument("--child", nargs=3, metavar=("WAY", "FORMAT", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        way, form, folder = options.child
        measure(way, form, Path(folder))
        return
    heads = ("sentences", "start s", "rest s", "rate /s", "vs loop", "cpu us", "peak MB")
    print(f"{'data':>8} {'way':<18}", *(f"{head:>10}" for head in heads))
    for form in options.format:
        for scale in options.scale:
            with tempfile.TemporaryDirectory() as folder:
                write_data(form, scale, Path(folder))
                compare(form, scale, folder)


def compare(form: str, scale: int, folder: str) -> None:
    loop_rate = 0.0
    for way in ("loop", "ours", "ours, 2 workers"):
        command = [sys.executable, __file__, "--child", way, form, folder]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        measured = json.loads(output.splitlines()[-1])
        sentences = SENTENCES * scale
        rate = sentences / measured["rest"]
        loop_rate = loop_rate or rate  # The loop comes first.
        cells = (
            f"{sentences:,}",
            f"{measured['start']:.1f}",
            f"{measured['rest']:.1f}",
            f"{rate:,.0f}",
            f"{rate / loop_rate:.2f}x",
            f"{measured['cpu'] / sentences * 1e6:.0f}",
            f"{measured['peak']:.0f}",
        )
        print(f"{form:>8} {way:<18}", *(f"{cell:>10}" for cell in cells), flush=True)


def measure(way: str, form: str, folder: Path) -> None:
    if "workers" not in way:
        os.sched_setaffinity(0, {0})
    if way == "loop":
        start, rest, cpu = time_loop(form, folder)
    else:
        start, rest, cpu = time_ours(form, folder, workers=2 if "2" in way else 1)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    print(json.dumps({"start": start, "rest": rest, "cpu": cpu, "peak": peak}))


def time_loop(form: str, folder: Path) -> tuple[float, float, float]:
    """Returns the seconds before the first sentence and after it, and the processor time of the latter."""
    began = time.perf_counter()
    import tensorflow as tf

    def make_example(sequence, labels):
        ex = tf.train.SequenceExample()
        ex.context.feature["length"].int64_list.value.append(len(sequence))
        fl_tokens = ex.feature_lists.feature_list["tokens"]
        fl_labels = ex.feature_lists.feature_list["tags"]
        for token, label in zip(sequence, labels, strict=True):
            fl_tokens.feature.add().bytes_list.value.append(token.encode())
            fl_labels.feature.add().bytes_list.value.append(label.encode())
        return ex

    ready, used = time.perf_counter(), read_processor_time()
    with tf.io.TFRecordWriter(str(folder / "loop.gz"), "GZIP") as writer:
        for path in sorted(folder.glob(f"*.{form}")):
            for tokens, tags in read_sentences(path, form):
                writer.write(make_example(tokens, tags).SerializeToString())
    return ready - began, time.perf_counter() - ready, read_processor_time() - used


def read_processor_time() -> float:
    """Returns the seconds of all cores, of this process and of those that it started and that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def read_sentences(path: Path, form: str) -> Iterator[tuple[list[str], list[str]]]:
    with path.open(encoding="utf-8") as lines:
        if form == "jsonl":
            for line in lines:
                record = json.loads(line)
                yield record["tokens"], record["tags"]
            return
        tokens: list[str] = []
        tags: list[str] = []
        for line in lines:
            if line == "\n":
                yield tokens, tags
                tokens, tags = [], []
            elif not line.startswith("#"):
                row = line.rstrip("\n").split("\t")
                tokens.append(row[1])
                tags.append(row[3])


def time_ours(form: str, folder: Path, workers: int) -> tuple[float, float, float]:
    """Returns the seconds that a start takes, the seconds of the rest, and the processor time of the rest."""
    began = time.perf_counter()
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
    from tfx_sequence.components.sequence_example_gen.conversion import convert
    from tfx_sequence.schemas.spec import Feature, SequenceSpec

    names = {"tokens": "FORM", "tags": "UPOS"} if form == "conllu" else {"tokens": "tokens", "tags": "tags"}
    spec = SequenceSpec(
        features={
            "tokens": Feature(kind="token", source=names["tokens"]),
            "tags": Feature(kind="categorical", role="label", source=names["tags"]),
        }
    )
    mode = ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"] if workers > 1 else []

    def run(pattern: str, output: str) -> tuple[float, float]:
        begin, used = time.perf_counter(), read_processor_time()
        convert(
            [str(folder / pattern)],
            str(folder / output),
            spec=spec,
            read=ReadConfig(format=form),
            split=SplitConfig(),
            write=WriteConfig(num_shards=4),
            make_pipeline=lambda: beam.Pipeline(options=PipelineOptions(mode)),
        )
        return time.perf_counter() - begin, read_processor_time() - used

    ready = time.perf_counter()
    # A run that has next to nothing to read takes what Beam's own start does, and that of its workers.
    start, start_cpu = run(f"tiny-*.{form}-tiny", "out-tiny")
    total, cpu = run(f"*.{form}", "out")
    return ready - began + start, total - start, cpu - start_cpu


def write_data(form: str, scale: int, folder: Path) -> None:
    blocks: list[str] = []
    for file in sorted(map(str, importlib.metadata.files("turkish-treebanks") or ())):
        if file.endswith(".conllu"):
            path = importlib.metadata.distribution("turkish-treebanks").locate_file(file)
            blocks += Path(str(path)).read_text(encoding="utf-8").strip().split("\n\n")
    if form == "jsonl":
        tables = ([row.split("\t") for row in block.split("\n") if row[0] != "#"] for block in blocks)
        records = ({"tokens": [row[1] for row in rows], "tags": [row[3] for row in rows]} for rows in tables)
        texts = [json.dumps(record, ensure_ascii=False) + "\n" for record in records]
    else:
        texts = [f"{block}\n\n" for block in blocks]
    for number in range(FILES):
        (folder / f"{number}.{form}").write_text("".join(texts[number::FILES]) * scale, encoding="utf-8")
        (folder / f"tiny-{number}.{form}-tiny").write_text(
            "".join(texts[number * 9 : number * 9 + 9]), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
