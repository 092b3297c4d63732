"""Measures what large and odd data costs SequenceExampleGen: processor time, and peak memory, which hardly grows.

    python benchmarks/large_data.py [--case short bad long grouped] [--records 10000 100000 1000000]

The cases, each at every size, each line a process of its own:

- `short`: JSON Lines of 1 to 8 steps;
- `bad`: the same with one record in a hundred that is wrong, in five ways in turn, rejected;
- `grouped`: CSV with a row for each step, a tenth of the size, so that Beam brings the rows of a record together;
- `long`: one record of so many steps, up to 200,000 of them, between two of one step, in JSON Lines and in CoNLL-U.

`cpu us` is processor time a record, or a step of the long one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FILES = 4
LONGEST = 200_000  # Steps of one record; a cost that grows faster than the data shows long before.
CASES = (("short", "jsonl"), ("bad", "jsonl"), ("grouped", "csv"), ("long", "jsonl"), ("long", "conllu"))
FAULTS = (
    '{"tokens": ["a", "b"], "tags": ["X"]}\n',
    '{"tokens": [], "tags": []}\n',
    '{"tokens": ["a", 3], "tags": ["X", "X"]}\n',
    '{"tokens": ["a"], "tags"\n',
    '{"tokens": ["a"]}\n',
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = list(dict.fromkeys(case for case, _ in CASES))
    parser.add_argument("--case", nargs="+", default=names, choices=names)
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--child", nargs=4, metavar=("CASE", "FORMAT", "SIZE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        case, form, size, folder = options.child
        measure(case, form, int(size), Path(folder))
        return
    heads = ("size", "accepted", "rejected", "seconds", "cpu us", "peak MB")
    print(f"{'case':>8} {'data':>7}", *(f"{head:>10}" for head in heads))
    for case, form in CASES:
        if case in options.case:
            for size in sorted({choose_size(case, records) for records in options.records}):
                print(format_row(case, form, size, run_child(case, form, size)), flush=True)


def run_child(case: str, form: str, size: int) -> dict[str, float]:
    """Measures a case in a process of its own, so that its peak memory is its own."""
    with tempfile.TemporaryDirectory() as folder:
        write_data(case, form, size, Path(folder))
        command = [sys.executable, __file__, "--child", case, form, str(size), folder]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    measured: dict[str, float] = json.loads(output.splitlines()[-1])
    return measured


def format_row(case: str, form: str, size: int, measured: dict[str, float]) -> str:
    """Returns a row of the table."""
    cells = (
        f"{size:,}",
        f"{measured['accepted']:,}",
        f"{measured['rejected']:,}",
        f"{measured['seconds']:.1f}",
        f"{measured['cpu'] / size * 1e6:,.0f}",
        f"{measured['peak']:,.0f}",
    )
    return " ".join((f"{case:>8} {form:>7}", *(f"{cell:>10}" for cell in cells)))


def choose_size(case: str, records: int) -> int:
    """Returns how many records a case has, or how many steps the long one."""
    if case == "long":
        return min(records, LONGEST)
    return records // 10 if case == "grouped" else records


def write_data(case: str, form: str, size: int, folder: Path) -> None:
    draw = random.Random(1)
    if case == "long":
        write_file(folder / f"0.{form}", (make_record(length, draw, form) for length in (1, size, 1)))
        return
    for number in range(FILES):
        write_file(folder / f"{number}.{form}", make_texts(case, number, size, draw))


def write_file(path: Path, texts: Iterator[str]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(texts)


def make_texts(case: str, number: int, size: int, draw: random.Random) -> Iterator[str]:
    """Yields the text of a file, record by record."""
    if case == "grouped":
        yield "user,time,tokens,tags\n"
    for record in range(number, size, FILES):
        if case == "bad" and record % 100 == 0:
            yield FAULTS[record // 100 % len(FAULTS)]
        elif case == "grouped":
            for step in range(draw.randint(1, 8)):
                yield f"{record},{step},word{draw.randint(1, 50_000)},tag{draw.randint(1, 17)}\n"
        else:
            yield make_record(draw.randint(1, 8), draw, "jsonl")


def make_record(length: int, draw: random.Random, form: str) -> str:
    tokens = [f"word{draw.randint(1, 50_000)}" for _ in range(length)]
    tags = [f"tag{draw.randint(1, 17)}" for _ in range(length)]
    if form == "jsonl":
        return json.dumps({"tokens": tokens, "tags": tags}) + "\n"
    rows = (
        f"{number}\t{token}\t_\t{tag}" + "\t_" * 6 + "\n"
        for number, (token, tag) in enumerate(zip(tokens, tags, strict=True), 1)
    )
    return "".join(rows) + "\n"


def measure(case: str, form: str, size: int, folder: Path) -> None:
    os.sched_setaffinity(0, {0})
    import apache_beam as beam

    from tfx_sequence.components.sequence_example_gen.config import ReadConfig, SplitConfig, WriteConfig
    from tfx_sequence.components.sequence_example_gen.conversion import convert
    from tfx_sequence.schemas.spec import Feature, SequenceSpec

    names = {"tokens": "FORM", "tags": "UPOS"} if form == "conllu" else {"tokens": "tokens", "tags": "tags"}
    features = {
        "tokens": Feature(kind="token", source=names["tokens"]),
        "tags": Feature(kind="categorical", role="label", source=names["tags"]),
    }
    options = {}
    if case == "grouped":
        features["user"] = Feature(kind="token", role="key", context=True)
        options = {"group_by": ["user"], "order_by": ["time"]}
    began, used = time.perf_counter(), read_processor_time()
    read_counts = convert(
        [str(folder / f"*.{form}")],
        str(folder / "out"),
        spec=SequenceSpec(features=features),
        read=ReadConfig(format=form, options=options, on_bad_record="reject", max_reject_fraction=0.02),
        split=SplitConfig(),
        write=WriteConfig(num_shards=4),
        make_pipeline=lambda: beam.Pipeline(runner="apache_beam.runners.portability.fn_api_runner.FnApiRunner"),
    )
    seconds, cpu = time.perf_counter() - began, read_processor_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = {name: read_counts.counts[f"records_{name}"] for name in ("accepted", "rejected")}
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, **counts}))


def read_processor_time() -> float:
    usage = os.times()
    return usage.user + usage.system


if __name__ == "__main__":
    main()
