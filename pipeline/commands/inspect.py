"""`tfx-sequence inspect`: what TFRecord files of SequenceExamples hold."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from tfx_sequence.pipeline.terminal.session import in_session

if TYPE_CHECKING:
    from tfx_sequence.components.sequence_example_gen.discovery.inspect import Inspection
    from tfx_sequence.pipeline.terminal.quiet import Streams

HELP = "show what TFRecord files of SequenceExamples hold"
DESCRIPTION = (
    "Show what TFRecord files of SequenceExamples hold: counts, features, lengths, and the first records. Exit code: "
    "0, or 1 if some of it is damaged, or 2 if it cannot be read."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what the command takes."""
    parser.add_argument("path", metavar="PATH", help="a file, a pattern, a folder, or that of an Examples artifact")
    parser.add_argument("--records", metavar="N", type=int, default=3, help="how many records to show (3)")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, all else on stderr")


def main(arguments: argparse.Namespace) -> int:
    """Shows it; returns the exit code."""
    return in_session("inspect", arguments.json, lambda streams: _inspect(arguments, streams))


def _inspect(arguments: argparse.Namespace, streams: Streams) -> int:
    from tfx_sequence.components.sequence_example_validator.examination.data_files import find_splits
    from tfx_sequence.pipeline.runs.display import display_on

    find_splits(arguments.path)
    with display_on(streams.err) as display:
        display.say("Loading TensorFlow ...")
        from tfx_sequence.components.sequence_example_gen.discovery.inspect import inspect

        found = inspect(arguments.path, arguments.records)
    if arguments.json:
        print(found.model_dump_json(), file=streams.out)
    else:
        _print(found, streams)
    return 1 if found.damage else 0


def _print(found: Inspection, streams: Streams) -> None:
    from tfx_sequence.pipeline.terminal.tables import bar, console_on, grid

    console = console_on(streams.out)
    files = "1 file" if len(found.files) == 1 else f"{len(found.files):,} files"
    console.print(f"{files}, {found.records:,} records, {found.steps:,} steps\n")
    rows = (
        [
            feature.name,
            "context" if feature.context else "sequence",
            " and ".join(feature.dtypes) or "no value",
            f"{feature.records:,}",
            f"{feature.values:,}",
            f"{feature.shortest:,}"
            if feature.shortest == feature.longest
            else f"{feature.shortest:,} - {feature.longest:,}",
        ]
        for feature in found.features
    )
    console.print(grid(["feature", "in", "type", "records", "values", "values in a step"], rows))
    histogram = found.histogram()
    most = max((count for _, _, count in histogram), default=0)
    console.print()
    lengths = ([f"{low} - {high}" if low < high else str(low), f"{n:,}", bar(n, most)] for low, high, n in histogram)
    console.print(grid(["steps", "records", ""], lengths))
    if found.unequal:
        console.print(f"\n{found.unequal:,} records have sequence features of different lengths", style="yellow")
    for record in found.first:
        console.print()
        for name, value in record.items():
            console.print(f"{name}: {json.dumps(value, ensure_ascii=False)}", markup=False)
    for reject in found.damage[:10]:
        console.print(f"\n{reject}", style="red", markup=False)
